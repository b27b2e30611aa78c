package httpclient

import (
	"context"
	"errors"
	"net/http"
	"sync"
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
		c.attempt = &c.first
		if c.attempts++; c.attempts > 1 {
			c.attempt = new(attempt)
		}
		c.began = c.clock
		c.term.Context, c.term.deadline, c.term.detached = c.ctx, deadline, o.mode == Once
		defer c.term.end() // the body lies in memory by then
		t := &c.trip
		t.req, t.ctx, t.deadline, t.twice = c.req, &c.term, deadline, o.mode == Safe && repeatable(c.req)
		if o.mode == Safe {
			t.leaves = c.ctx
		}
		resp, f := next(c)
		if f == nil || f.sent {
			c.sent = true
		}
		return resp, f
	}
}

// term is the context of an attempt: it ends at the deadline and, unless it is detached, with the
// caller's. What happens on a connection has the connection's deadline; most attempts wait for
// nothing else, so that the timer is made only for those who do.
type term struct {
	context.Context // the caller's
	deadline        time.Time
	detached        bool

	mu     sync.Mutex
	timed  context.Context // nil: nobody waited
	cancel context.CancelFunc
}

// Deadline is the attempt's.
func (t *term) Deadline() (time.Time, bool) { return t.deadline, true }

// Done starts the timer.
func (t *term) Done() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.timed == nil {
		base := t.Context
		if t.detached {
			base = context.WithoutCancel(base)
		}
		t.timed, t.cancel = context.WithDeadline(base, t.deadline)
	}
	return t.timed.Done()
}

// Err says how the attempt's time ended.
func (t *term) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.timed != nil:
		return t.timed.Err()
	case !t.detached && t.Context.Err() != nil:
		return t.Context.Err()
	case !time.Now().Before(t.deadline):
		return context.DeadlineExceeded
	}
	return nil
}

// end stops the timer.
func (t *term) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cancel != nil {
		t.cancel()
	}
}
