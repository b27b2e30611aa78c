package outbox

import (
	"context"
	"encoding/json"
	"errors"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"puente/shared/admin"
	"puente/shared/problem"
)

// shownEvents is how many events a list shows, the latest first.
const shownEvents = 1000

// shownRecord is one event with what was tried.
type shownRecord struct {
	Record
	Tries []shownAttempt `json:"tries"`
}

type shownAttempt struct {
	Number int    `json:"number"`
	At     string `json:"at"`
	Took   string `json:"took"`
	Result string `json:"result"`
	Status int    `json:"status,omitzero"`
	Reason string `json:"reason,omitzero"`
}

// Resources let operators see what the stream sends, replay what is dead and pause destinations. Names
// begin with prefix, which is the stream's in few letters, and kinds with kind:
//
//	<prefix>-deadletters   list, get; apply {"replay": true}
//	<prefix>-deliveries    list of what was delivered; get of any event, with its attempts
//	<prefix>-pending       list, get
//	<prefix>-destinations  list, get; apply {"paused": true|false, "reason": "…", "replay": {"type": "…"}}
//
// The replay of a destination is that of all its dead letters, or of those of the type.
func (d *Deliverer) Resources(prefix, kind string) []admin.Resource {
	letters := d.events(prefix+"-deadletters", kind+"DeadLetter", StateDead)
	letters.Role, letters.Check, letters.Apply = admin.Operator, checkReplay, d.applyReplay
	return []admin.Resource{
		letters,
		d.events(prefix+"-deliveries", kind+"Delivery", StateDelivered),
		d.events(prefix+"-pending", kind+"Pending", StatePending),
		{
			Name: prefix + "-destinations", Kind: kind + "Destination", Role: admin.Operator,
			List: func(ctx context.Context) ([]any, error) {
				all, err := d.outbox.Destinations(ctx, d.db, d.stream)
				return anys(all), err
			},
			Get: func(ctx context.Context, name string) (any, error) {
				return d.outbox.Destination(ctx, d.db, d.stream, name)
			},
			Check: func(_ string, raw json.RawMessage) ([]admin.Reference, error) {
				_, err := readDestination(raw)
				return nil, err
			},
			Apply: d.applyDestination,
		},
	}
}

func anys[T any](all []T) []any {
	list := make([]any, len(all))
	for i := range all {
		list[i] = all[i]
	}
	return list
}

// events is a resource to read. Any event is got by its id.
func (d *Deliverer) events(name, kind string, state State) admin.Resource {
	return admin.Resource{
		Name: name, Kind: kind,
		List: func(ctx context.Context) ([]any, error) {
			page, err := d.outbox.List(ctx, d.db, Filter{Stream: d.stream, State: state}, 0, shownEvents)
			return anys(page), err
		},
		Get: func(ctx context.Context, id string) (any, error) {
			event, err := uuid.Parse(id)
			if err != nil {
				return nil, &problem.Error{Kind: problem.NotFound}
			}
			r, err := d.outbox.Find(ctx, d.db, d.stream, event)
			if err != nil {
				return nil, err
			}
			attempts, err := d.outbox.Attempts(ctx, d.db, event)
			shown := shownRecord{Record: r, Tries: make([]shownAttempt, len(attempts))}
			for i, a := range attempts {
				shown.Tries[i] = shownAttempt{a.Number, a.At.UTC().Format("2006-01-02T15:04:05.000Z"), a.Duration.String(), a.Result, a.Status, a.Reason}
			}
			return shown, err
		},
	}
}

func invalid(path, rule string) error {
	return &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: path, Rule: rule}}}
}

// read reads a spec strictly.
func read[T any](raw json.RawMessage, rule string) (spec T, err error) {
	if err := jsonv2.Unmarshal(raw, &spec, jsonv2.RejectUnknownMembers(true)); err != nil {
		return spec, invalid("spec", rule)
	}
	return spec, nil
}

func checkReplay(_ string, raw json.RawMessage) ([]admin.Reference, error) {
	spec, err := read[struct {
		Replay bool `json:"replay"`
	}](raw, `must be {"replay": true}`)
	if err == nil && !spec.Replay {
		err = invalid("replay", "must be true")
	}
	return nil, err
}

func (d *Deliverer) applyReplay(ctx context.Context, id string, raw json.RawMessage) (bool, error) {
	if _, err := checkReplay(id, raw); err != nil {
		return false, err
	}
	event, err := uuid.Parse(id)
	if err != nil {
		return false, &problem.Error{Kind: problem.NotFound}
	}
	err = d.outbox.Replay(ctx, d.db, d.stream, event)
	return err == nil, err
}

// wantedDestination is what an operator wants of a destination.
type wantedDestination struct {
	Paused *bool  `json:"paused"`
	Reason string `json:"reason"`
	Replay *struct {
		Type string `json:"type"`
	} `json:"replay"`
}

func readDestination(raw json.RawMessage) (wantedDestination, error) {
	spec, err := read[wantedDestination](raw, `must be {"paused": true|false, "reason": "…", "replay": {"type": "…"}}`)
	switch {
	case err != nil:
	case spec.Paused == nil && spec.Replay == nil:
		err = invalid("spec", "must say paused or replay")
	case len(spec.Reason) > maxReason:
		err = invalid("reason", "must have at most 100 bytes")
	case spec.Reason != "" && (spec.Paused == nil || !*spec.Paused):
		err = invalid("reason", "goes with paused: true")
	}
	return spec, err
}

// applyDestination pauses or resumes, and replays. Resuming before the replay lets what is replayed go
// out at once. A destination that nothing was sent to may be paused, too.
func (d *Deliverer) applyDestination(ctx context.Context, name string, raw json.RawMessage) (changed bool, err error) {
	spec, err := readDestination(raw)
	if err != nil {
		return false, err
	}
	if spec.Paused != nil {
		is, err := d.outbox.Destination(ctx, d.db, d.stream, name)
		if err != nil && !(*spec.Paused && errors.Is(err, problem.NotFound)) {
			return false, err
		}
		changed = (is.Paused != nil) != *spec.Paused
		if *spec.Paused {
			err = d.outbox.PauseDestination(ctx, d.db, d.stream, name, spec.Reason)
		} else {
			err = d.outbox.ResumeDestination(ctx, d.db, d.stream, name)
		}
		if err != nil {
			return false, err
		}
	}
	if spec.Replay != nil {
		n, err := d.outbox.ReplayAll(ctx, d.db, Filter{Stream: d.stream, Destination: name, Type: spec.Replay.Type})
		return changed || n > 0, err
	}
	return changed, nil
}
