package policy

import (
	"time"

	"puente/shared/access"
	"puente/shared/problem"
)

// switches asks the access snapshot whether an operator switched this call off.
func (e *Edge) switches(x *Exchange) {
	if x.mode(Switch) == Off {
		x.next()
		return
	}
	err := SwitchedOff(x.Access, access.Subject{
		API: x.Route.API, Operation: x.Route.Operation.ID, System: x.Principal.System, Channel: x.Principal.Channel,
	})
	if x.judge(Switch, err) {
		x.next()
	}
}

// SwitchedOff is the refusal of what an operator switched off, or nil.
func SwitchedOff(s *access.Snapshot, subject access.Subject) error {
	now := time.Now()
	found := s.Switched(now, subject)
	if found == nil || !found.Off {
		return nil
	}
	return &problem.Error{Kind: problem.Unavailable, RetryAfter: max(found.RetryIn(now), time.Second), Detail: "Switched off by the operator"}
}
