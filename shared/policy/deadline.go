package policy

import (
	"context"
	"strconv"
	"time"

	"puente/shared/hop"
	"puente/shared/problem"
)

// Reserve is what is kept of a contract's deadline for writing the answer.
const Reserve = 200 * time.Millisecond

// deadline bounds everything behind it: by the contract's x-sla less Reserve, or by the
// caller's X-Deadline-Ms where that is shorter. A request that has effects does not end with its
// caller's connection, only with the deadline: a charge half sent would help nobody. Of any other a caller
// who hangs up is the end, and nobody's fault but the caller's.
func (e *Edge) deadline(x *Exchange) {
	budget := x.Route.Operation.Deadline - Reserve
	if given := x.Request.Header.Get(hop.DeadlineHeader); given != "" { // most callers give none
		if ms, err := strconv.ParseInt(given, 10, 64); err == nil && ms > 0 {
			budget = min(budget, time.Duration(ms)*time.Millisecond)
		}
	}
	parent := x.ctx
	if !off(Idempotency, x.Route.Operation) {
		parent = context.WithoutCancel(parent)
	}
	ctx, cancel := context.WithTimeout(parent, budget)
	defer cancel()
	x.ctx = ctx
	x.changed()
	x.next()
	if x.Err != nil {
		x.Err = problem.Of(problem.Leaving(ctx, x.Err))
	}
}
