package server

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"puente/shared/admin"
	"puente/shared/httpclient"
	"puente/shared/problem"
)

// circuit is a breaker as operators see it.
type circuit struct {
	ID         string    `json:"id"` // target.class
	Target     string    `json:"target"`
	Class      string    `json:"class"` // safe or once
	State      string    `json:"state"` // closed, open or half-open
	Forced     bool      `json:"forced"`
	Since      time.Time `json:"since"`
	RetryAfter string    `json:"retryAfter,omitzero"` // open: until probes pass
}

func shownCircuit(c httpclient.Circuit) circuit {
	shown := circuit{c.Target + "." + c.Class, c.Target, c.Class, c.State.String(), c.Forced, c.Since, ""}
	if c.RetryAfter > 0 {
		shown.RetryAfter = c.RetryAfter.String()
	}
	return shown
}

// circuitResource shows the circuit breakers of the process, and lets an operator force one open
// or closed: {"force": "open"}, "closed" or "auto". The id is target.class, such as botservice.once.
func (h *host) circuitResource() admin.Resource {
	return admin.Resource{
		Name: "circuits", Kind: "Circuit", Role: admin.Operator,
		List: func(context.Context) ([]any, error) {
			var all []any
			for _, client := range h.externals {
				for _, c := range client.States() {
					all = append(all, shownCircuit(c))
				}
			}
			return all, nil
		},
		Get: func(_ context.Context, id string) (any, error) {
			client, class, err := h.circuit(id)
			if err != nil {
				return nil, err
			}
			for _, c := range client.States() {
				if c.Class == class {
					return shownCircuit(c), nil
				}
			}
			return nil, problem.NotFound
		},
		Apply: func(_ context.Context, id string, spec json.RawMessage) (bool, error) {
			client, class, err := h.circuit(id)
			if err != nil {
				return false, err
			}
			var wanted struct {
				Force string `json:"force"`
			}
			if err := json.Unmarshal(spec, &wanted); err != nil {
				return false, &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: "spec", Rule: "must be {force: open|closed|auto}"}}}
			}
			if err := client.Force(class, wanted.Force); err != nil {
				return false, &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: "force", Rule: "must be open, closed or auto"}}}
			}
			return true, nil
		},
	}
}

func (h *host) circuit(id string) (client *httpclient.Client, class string, err error) {
	target, class, _ := strings.Cut(id, ".")
	for _, client := range h.externals {
		if states := client.States(); len(states) > 0 && states[0].Target == target {
			return client, class, nil
		}
	}
	return nil, "", problem.NotFound
}
