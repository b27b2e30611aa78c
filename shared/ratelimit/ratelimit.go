// Package ratelimit admits at most so many requests in any rolling window, over all replicas.
//
// The window has 60 slots of ten steps each. Admitted requests are counted in the step they fall
// in, refused ones nowhere, and a step counts fully until it lies wholly outside the window: never
// more than the limit in any window, wherever it starts. (Slots alone would keep that promise,
// too, but give back a slot's worth at once: of three times the limit, offered evenly, they admit
// 950 of 1,000 in some windows; steps admit 995.)
//
// With a Redis the count is shared: one script call per Take, all limits or none. Large limits
// lease a few requests at a time (lease.go), so that most calls need no Redis. Every replica keeps
// its own count besides; while Redis is away it admits its share of each limit, limit ÷ replicas,
// less what it already admitted, and tells Redis afterwards what it did (recovery.go). Without a
// Redis the own count is all there is, and exact for one process.
package ratelimit

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Limit is one bound: at most Requests in any Window. Key and Window together say what is counted,
// so that one client can have a limit per second and one per day, and a changed number of requests
// keeps the count. The limits of one Take differ in Key or Window.
type Limit struct {
	Name     string        // of the policy, for headers and metrics: from the configuration, never from a caller
	Key      string        // whose requests: client:7; already hashed where it is personal
	Requests int           // 0 refuses everything
	Window   time.Duration // at least a millisecond
}

// Decision says whether a request may pass, and how its limits stand.
type Decision struct {
	Allowed    bool
	Limit      Limit         // the one that binds: it refused, or has the fewest requests left
	Remaining  int           // of Limit
	Reset      time.Duration // until some of what Limit counts leaves its window
	RetryAfter time.Duration // of a refusal: until another try makes sense
	Degraded   bool          // decided by this replica's share, because Redis is away
	PerLimit   []Standing    // in the order given
}

// Standing is one limit after a decision.
type Standing struct {
	Limit     Limit
	Refused   bool          // this limit has no request left
	Remaining int           // requests left now
	Reset     time.Duration // until some of what is counted leaves the window; 0 when nothing is counted
}

// Limiter counts. It is safe for concurrent use.
type Limiter struct {
	clock   clock
	windows *windows
	remote  *remote // nil without a Redis
	metrics *metrics
}

// New starts a limiter. With cfg.URL it asks Redis once before it returns, waiting at most
// cfg.Wait; a Redis that is away then is no error (State says degraded until it is back). The
// errors are those of cfg.Validate.
func New(cfg Config, log *slog.Logger, reg prometheus.Registerer) (*Limiter, error) {
	l, err := prepare(cfg, time.Now, log, reg)
	if err == nil && l.remote != nil {
		l.remote.start()
	}
	return l, err
}

// prepare is New without the work in the background.
func prepare(cfg Config, now func() time.Time, log *slog.Logger, reg prometheus.Registerer) (*Limiter, error) {
	cfg = cfg.withDefaults()
	client, err := cfg.connect()
	if err != nil {
		return nil, fmt.Errorf("ratelimit: %w", err)
	}
	l := &Limiter{clock: newClock(now), windows: newWindows(cfg.MaxKeys)}
	l.metrics = newMetrics(reg, func() float64 {
		if l.State() == "degraded" {
			return 1
		}
		return 0
	})
	if client != nil {
		l.remote = newRemote(client, cfg, l, log)
	}
	return l, nil
}

// Take counts one request against every one of limits, or against none if one of them has no room.
// It never fails and waits at most Config.Wait: without Redis the replica's share decides.
func (l *Limiter) Take(ctx context.Context, limits ...Limit) Decision {
	if len(limits) == 0 {
		return Decision{Allowed: true}
	}
	var d Decision
	if l.remote != nil {
		d = l.remote.take(ctx, limits)
	} else {
		now := l.clock.now()
		h := l.windows.hold(limits, now)
		d = h.decide(now, 1)
		h.release()
	}
	l.metrics.count(d)
	return d
}

// State is "shared" while Redis counts, "degraded" while it is away, at least in part, and "local"
// where none is configured.
func (l *Limiter) State() string {
	switch {
	case l.remote == nil:
		return "local"
	case l.remote.away():
		return "degraded"
	default:
		return "shared"
	}
}

// Close ends the work in the background and the connections to Redis.
func (l *Limiter) Close() {
	if l.remote != nil {
		l.remote.stop()
	}
}
