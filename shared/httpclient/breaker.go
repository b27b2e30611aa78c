package httpclient

import (
	"sync"
	"time"
)

// State is that of a circuit breaker. Its number is the value of http_client_breaker_state.
type State uint8

// The states: calls pass; a few probes pass; none passes.
const (
	Closed State = iota
	HalfOpen
	Open
)

func (s State) String() string {
	switch s {
	case HalfOpen:
		return "half-open"
	case Open:
		return "open"
	default:
		return "closed"
	}
}

// verdict is what an attempt says of the health of its system.
type verdict uint8

const (
	nothing  verdict = iota // cancelled, or never sent for a reason of ours
	answered                // 4xx: neither thins out the failures of others nor counts as one; enough for a probe
	healthy
	failed
)

// breaker is the circuit breaker of one class of operations. It is told the time, always of the
// monotonic clock, and holds none.
//
// sony/gobreaker 2.4.0 was considered: it has rolling buckets, but counts only successes and
// failures, so that slow calls would need a second breaker; it hides when it will be half-open,
// which Retry-After tells our callers; it cannot be forced; and its two-step form, which an attempt
// needs, allocates. What remains of it is a sum over ten buckets.
type breaker struct {
	config  Breaker
	changed func(from, to State) // called without the lock

	mu     sync.Mutex
	state  State
	forced bool
	round  uint64    // counts changes: what began in another round is not heard
	since  time.Time // of the present state
	window window
	streak int // failures in a row, while closed
	probes int // half-open: under way
	passed int // half-open: succeeded
}

// pass admits one attempt, which ends by settle.
type pass struct{ round uint64 }

func newBreaker(cfg Breaker, changed func(from, to State)) *breaker {
	now := time.Now()
	return &breaker{config: cfg, changed: changed, since: now, window: newWindow(now, cfg.Window)}
}

// admit lets an attempt through, or says when the next try makes sense.
func (b *breaker) admit(now time.Time) (p pass, wait time.Duration, ok bool) {
	b.mu.Lock()
	from := b.state
	b.advance(now)
	switch {
	case b.state == Open:
		wait = b.halfOpenIn(now)
	case b.state == HalfOpen && b.probes+b.passed >= b.config.Probes:
		wait = time.Second // until the probes under way have ended
	default:
		if b.state == HalfOpen {
			b.probes++
		}
		p, ok = pass{b.round}, true
	}
	b.unlock(from)
	return p, wait, ok
}

// settle hears how an admitted attempt ended after it took d.
func (b *breaker) settle(now time.Time, p pass, v verdict, d time.Duration) {
	b.mu.Lock()
	from := b.state
	b.advance(now)
	if p.round == b.round && !b.forced {
		slow := d >= b.config.SlowCall
		if b.state == HalfOpen {
			b.settleProbe(now, v, slow)
		} else {
			b.settleCall(now, v, slow)
		}
	}
	b.unlock(from)
}

func (b *breaker) settleProbe(now time.Time, v verdict, slow bool) {
	b.probes--
	switch {
	case v == nothing:
	case v == failed || slow:
		b.enter(now, Open)
	default:
		if b.passed++; b.passed >= b.config.Probes {
			b.enter(now, Closed)
		}
	}
}

func (b *breaker) settleCall(now time.Time, v verdict, slow bool) {
	switch v {
	case nothing:
		return
	case answered:
		b.streak = 0
		return
	case failed:
		b.streak++
	default:
		b.streak = 0
	}
	b.window.add(now, v == failed, slow)
	sum := b.window.sum
	if b.streak >= b.config.Consecutive || sum.calls >= b.config.MinCalls &&
		(sum.failed > 0 && reached(sum.failed, sum.calls, b.config.FailureRatio) ||
			sum.slow > 0 && reached(sum.slow, sum.calls, b.config.SlowRatio)) {
		b.enter(now, Open)
	}
}

func reached(part, whole int, ratio float64) bool { return float64(part) >= ratio*float64(whole) }

// force holds the breaker open or closed, whatever happens; auto lets it go, closed and with an
// empty window.
func (b *breaker) force(now time.Time, to State, auto bool) {
	b.mu.Lock()
	from := b.state
	b.enter(now, to)
	b.forced = !auto
	b.unlock(from)
}

func (b *breaker) snapshot(now time.Time) (state State, forced bool, since time.Time, wait time.Duration) {
	b.mu.Lock()
	from := b.state
	b.advance(now)
	state, forced, since = b.state, b.forced, b.since
	if state == Open {
		wait = b.halfOpenIn(now)
	}
	b.unlock(from)
	return state, forced, since, wait
}

// advance does what time alone does.
func (b *breaker) advance(now time.Time) {
	if b.state == Open && !b.forced && now.Sub(b.since) >= b.config.OpenFor {
		b.enter(now, HalfOpen)
	}
}

func (b *breaker) halfOpenIn(now time.Time) time.Duration {
	if b.forced {
		return b.config.OpenFor
	}
	return b.config.OpenFor - now.Sub(b.since)
}

func (b *breaker) enter(now time.Time, to State) {
	b.state, b.since = to, now
	b.round++
	b.streak, b.probes, b.passed = 0, 0, 0
	b.window.clear(now)
}

func (b *breaker) unlock(from State) {
	to := b.state
	b.mu.Unlock()
	if from != to {
		b.changed(from, to)
	}
}
