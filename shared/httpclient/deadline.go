package httpclient

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
	"time"

	"puente/shared/problem"
)

// reserve is what a call leaves of its caller's time, so that the caller can still answer: a tenth
// of it, 50 ms at most.
const reserve = 50 * time.Millisecond

var errNoTime = errors.New("no time left")

// totalDeadline gives the call its end: the configured timeout, or the caller's own deadline less
// the reserve where that is sooner. There is always one.
func (o *operation) totalDeadline(next link) link {
	return func(c *call) (*http.Response, *fault) {
		c.deadline = c.started.Add(o.config.Timeout)
		if d, ok := c.ctx.Deadline(); ok {
			d = d.Add(-min(reserve, d.Sub(c.started)/10))
			if d.Before(c.deadline) {
				c.deadline = d
			}
		}
		if !c.started.Before(c.deadline) {
			return nil, &fault{reason: reasonTimeout, kind: problem.Timeout, err: errNoTime}
		}
		if err := c.ctx.Err(); err != nil {
			return nil, gone(err)
		}
		return next(c)
	}
}

// gone is the fault of a call whose caller went away before an attempt began.
func gone(err error) *fault {
	f := &fault{reason: reasonCancelled, kind: problem.Timeout, err: err}
	if errors.Is(err, context.DeadlineExceeded) {
		f.reason = reasonTimeout
	}
	return f
}

// attemptTimeout bounds one attempt, body included, and makes the request that leaves. A Safe
// attempt ends with its caller; a Once attempt does not, since its effect may be under way.
func (o *operation) attemptTimeout(next link) link {
	return func(c *call) (*http.Response, *fault) {
		if err := c.ctx.Err(); err != nil { // nothing has left yet: a Once call may still be given up
			return nil, gone(err)
		}
		deadline := c.clock.Add(o.config.AttemptTimeout)
		if c.deadline.Before(deadline) {
			deadline = c.deadline
		}
		base := c.ctx
		if o.mode == Once {
			base = context.WithoutCancel(base)
		}
		ctx, cancel := context.WithDeadline(base, deadline)
		defer cancel() // the body lies in memory by then

		c.attempt = &c.first
		if c.attempts++; c.attempts > 1 {
			c.attempt = new(attempt)
		}
		c.began, c.wire.once = c.clock, o.mode == Once
		c.out = c.req.WithContext(httptrace.WithClientTrace(ctx, c.wire.trace()))
		resp, f := next(c)
		if f == nil || f.sent {
			c.sent = true
		}
		return resp, f
	}
}
