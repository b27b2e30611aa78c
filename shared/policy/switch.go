package policy

import (
	"time"

	"github.com/gin-gonic/gin"

	"puente/shared/access"
	"puente/shared/problem"
)

// switches asks the access snapshot whether an operator switched this call off.
func (e *Edge) switches(c *gin.Context) {
	x := of(c)
	if x.mode(Switch) == Off {
		c.Next()
		return
	}
	err := SwitchedOff(x.Access, access.Subject{
		API: x.Route.API, Operation: x.Route.Operation.ID, System: x.Principal.System, Channel: x.Principal.Channel,
	})
	if x.judge(c, Switch, err) {
		c.Next()
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
