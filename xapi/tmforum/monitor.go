package tmforum

import (
	"context"
	"fmt"

	"github.com/go-json-experiment/json"

	"puente/contracts/papi/tvvalidation"
	"puente/contracts/xapi/tmf640"
)

// Monitor finds how far a normalization has come.
func (c *activationChannel) Monitor(ctx context.Context, in tmf640.Query) (tmf640.Monitor, error) {
	found, err := c.television.Normalization(ctx, tvvalidation.IDQuery{ID: in.ID})
	if err != nil {
		return tmf640.Monitor{}, fmt.Errorf("monitor: %w", err)
	}
	monitor, err := monitorOf(found)
	if err != nil {
		return tmf640.Monitor{}, fmt.Errorf("monitor: %w", err)
	}
	return selected(monitor, in.Fields), nil
}

// normalizetv is the operation that normalizations are asked for by.
const normalizetv = "/api/soporte1n/v2/normalizetv"

// header is that of a request and of a response.
var header = []tmf640.HeaderItem{{Name: "Content-Type", Value: "application/json"}}

// monitorOf is a normalization as TMF640 shows it.
func monitorOf(n tvvalidation.Normalization) (tmf640.Monitor, error) {
	asked, err := json.Marshal(struct {
		Phone  string `json:"Phone"`
		DryRun bool   `json:"dryRun"`
	}{n.Connection, n.State == tvvalidation.NormalizationPlanned})
	if err != nil {
		return tmf640.Monitor{}, err
	}
	monitor := tmf640.Monitor{
		ID: n.ID, Href: href(monitors, n.ID), SourceHref: href(services, n.Connection), State: monitorState(n),
		Request: &tmf640.Request{Method: tmf640.MethodPost, To: normalizetv, Header: header, Body: string(asked)},
		Type:    "Monitor",
	}
	if n.State == tvvalidation.NormalizationRunning {
		return monitor, nil
	}
	result, err := json.Marshal(tmf640.NormalizationResult{
		Channels: normalized(n.Channels), Services: normalized(n.Services), Devices: normalized(n.Devices), Subscriber: normalized(n.Subscriber),
	})
	if err != nil {
		return tmf640.Monitor{}, err
	}
	monitor.Response = &tmf640.Response{StatusCode: tmf640.StatusOK, Header: header, Body: string(result)}
	return monitor, nil
}

// monitorState is InError of a normalization that is over and left a platform other than the inventory
// says, or unasked.
func monitorState(n tvvalidation.Normalization) tmf640.MonitorState {
	switch n.State {
	case tvvalidation.NormalizationPlanned:
		return tmf640.MonitorCompleted
	case tvvalidation.NormalizationDone:
		for _, c := range []tvvalidation.Correction{n.Channels, n.Services, n.Devices, n.Subscriber} {
			if now(c).Semaphore != tvvalidation.Green {
				return tmf640.MonitorInError
			}
		}
		return tmf640.MonitorCompleted
	}
	return tmf640.MonitorInProgress
}

// now is how a platform is, as far as it was asked.
func now(c tvvalidation.Correction) tvvalidation.Check {
	if c.After != nil {
		return *c.After
	}
	return c.Before
}

// normalized is what became of one platform.
func normalized(c tvvalidation.Correction) tmf640.Normalized {
	out := tmf640.Normalized{Semaphore: semaphores[now(c).Semaphore], Actions: make([]tmf640.Action, len(c.Actions))}
	for i, a := range c.Actions {
		out.Actions[i] = tmf640.Action{Kind: tmf640.ActionKind(a.Kind), Item: a.Item, State: tmf640.ActionState(a.State)}
	}
	return out
}

var semaphores = map[tvvalidation.Semaphore]tmf640.Semaphore{
	tvvalidation.Green:  tmf640.Green,
	tvvalidation.Red:    tmf640.Red,
	tvvalidation.Yellow: tmf640.Yellow,
}
