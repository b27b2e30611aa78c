package httpclient

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"puente/shared/problem"
)

var errOpen = errors.New("circuit breaker open")

// circuitBreaker asks the breaker of the operation's class before each attempt, and tells it how the
// attempt went.
func (o *operation) circuitBreaker(next link) link {
	if o.config.Breaker.Off {
		return next
	}
	return func(c *call) (*http.Response, *fault) {
		p, wait, ok := o.breaker.admit(c.clock)
		if !ok {
			o.metrics.refusedOpen.Inc()
			c.span.Event("circuit breaker open")
			return nil, &fault{reason: reasonOpen, kind: problem.Unavailable, retryAfter: wait, err: errOpen}
		}
		v, spent := nothing, time.Duration(0)
		defer func() { o.breaker.settle(c.clock, p, v, spent) }() // a panic below must not keep a probe's place
		resp, f := next(c)
		v = verdictOf(resp, f)
		if v != nothing {
			spent = c.clock.Sub(c.began) // without the wait for a place in the bulkhead
		}
		return resp, f
	}
}

func verdictOf(resp *http.Response, f *fault) verdict {
	switch {
	case f != nil && f.counts:
		return failed
	case f != nil:
		return nothing
	case resp.StatusCode >= 500:
		return failed
	case resp.StatusCode == http.StatusTooManyRequests:
		return nothing // alive, but no reason to send it more
	case resp.StatusCode >= 400:
		return answered
	default:
		return healthy
	}
}

// Circuit is the breaker of one class of a target's operations, as operators see it.
type Circuit struct {
	Target     string
	Class      string // safe or once
	State      State
	Forced     bool
	Since      time.Time
	RetryAfter time.Duration // open: until probes pass
}

// States are the breakers of the target.
func (c *Client) States() []Circuit {
	now := time.Now()
	circuits := make([]Circuit, 0, modes)
	for mode, b := range c.breakers {
		state, forced, since, wait := b.snapshot(now)
		circuits = append(circuits, Circuit{
			Target: c.target, Class: Mode(mode).String(), State: state, Forced: forced, Since: since, RetryAfter: wait,
		})
	}
	return circuits
}

// Force holds the breaker of a class (safe, once) "open" or "closed" until it is set to "auto",
// from where it starts closed. Other words are Invalid, another class NotFound.
func (c *Client) Force(class, to string) error {
	for mode, b := range c.breakers {
		if Mode(mode).String() != class {
			continue
		}
		switch to {
		case "open":
			b.force(time.Now(), Open, false)
		case "closed":
			b.force(time.Now(), Closed, false)
		case "auto":
			b.force(time.Now(), Closed, true)
		default:
			return &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: "state", Rule: "must be open, closed or auto"}}}
		}
		return nil
	}
	return &problem.Error{Kind: problem.NotFound, Err: fmt.Errorf("httpclient: %s has no class %q", c.target, class)}
}

func (c *Client) breakerChanged(mode Mode) func(from, to State) {
	gauge := c.metrics.state(mode)
	gauge.Set(float64(Closed))
	return func(from, to State) {
		gauge.Set(float64(to))
		c.metrics.transition(mode, to).Inc()
		c.log.LogAttrs(context.Background(), slog.LevelWarn, "circuit breaker changed",
			slog.String("class", mode.String()), slog.String("from", from.String()), slog.String("to", to.String()))
	}
}
