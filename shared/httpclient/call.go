package httpclient

import (
	"context"
	"io"
	"net/http"
	"time"

	"puente/shared/telemetry"
)

// operation is one operation of a target: the chain, closed over what never changes.
type operation struct {
	*Client
	name    string
	mode    Mode
	breaker *breaker
	send    link
}

// A link sends a call on, as an http.RoundTripper does a request.
type link func(*call) (*http.Response, *fault)

// chain puts the links one inside the other, the first outermost. The last ignores its argument.
func chain(stages ...func(next link) link) link {
	var next link
	for i := len(stages) - 1; i >= 0; i-- {
		next = stages[i](next)
	}
	return next
}

// call is one request on its way through the chain.
type call struct {
	ctx      context.Context // the caller's
	req      *http.Request   // the caller's, which no link changes (net/http.RoundTripper)
	body     io.ReadCloser   // of the attempt to come; nil once the transport has taken it
	header   http.Header     // of every attempt, but for credentials
	started  time.Time
	deadline time.Time // of the whole call
	clock    time.Time // the time, read anew after whatever took some
	attempts int
	sent     bool // an attempt may have reached the system

	place telemetry.Trace // of the call, below that of ctx
	span  telemetry.Span  // where that is sampled

	*attempt         // the one under way
	first    attempt // most calls need no other, and so no memory but the call's own
}

// attempt is one try to have a call answered. It is never used again for another, nor pooled: the
// caller reads its answer.
type attempt struct {
	began  time.Time
	term   term
	trip   trip
	answer answer
}

// RoundTrip sends req through the chain.
func (o *operation) RoundTrip(req *http.Request) (*http.Response, error) {
	now := time.Now()
	c := &call{ctx: req.Context(), req: req, body: req.Body, started: now, clock: now}
	resp, f := o.send(c)
	c.dropBody()
	if o.deps.Observe != nil {
		o.deps.Observe(c.ctx, o.observation(c, resp, f))
	}
	if f != nil {
		return nil, f.problem(o.target, c.sent)
	}
	resp.Request = req
	return resp, nil
}

func (o *operation) observation(c *call, resp *http.Response, f *fault) Observation {
	seen := Observation{
		Target: o.target, Operation: o.name, Duration: c.clock.Sub(c.started), Attempts: c.attempts,
	}
	if f != nil {
		seen.Error, seen.Unsent = f.reason, !c.sent
	} else {
		seen.Status = resp.StatusCode
	}
	return seen
}

// dropBody closes a request body that no transport took: RoundTrip must always close it.
func (c *call) dropBody() {
	if c.body != nil {
		_ = c.body.Close() // it was read from, never written to
		c.body = nil
	}
}

// pause waits for d and reports whether the call may go on: neither did the caller go away nor
// would its deadline pass.
func (c *call) pause(d time.Duration) bool {
	if c.deadline.Sub(c.clock) <= d {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	defer func() { c.clock = time.Now() }()
	select {
	case <-timer.C:
		return true
	case <-c.ctx.Done():
		return false
	}
}
