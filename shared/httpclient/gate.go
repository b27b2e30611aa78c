package httpclient

import "time"

// Gate is a circuit breaker by itself, for who calls many destinations through one Client (whose own
// breakers are then off) and wants each destination to fail apart. It tells the time by its callers.
type Gate struct{ breaker *breaker }

// NewGate makes a closed gate. Members of cfg that are zero take their defaults; changed, unless it
// is nil, hears of each change of state.
func NewGate(cfg Breaker, now time.Time, changed func(from, to State)) *Gate {
	if changed == nil {
		changed = func(State, State) {}
	}
	b := newBreaker(Config{Breaker: cfg}.withDefaults().Breaker, changed)
	b.since, b.window = now, newWindow(now, b.config.Window)
	return &Gate{b}
}

// Admit lets one call through, which must end by a method of Admission, or says when the next try
// makes sense.
func (g *Gate) Admit(now time.Time) (a Admission, wait time.Duration, ok bool) {
	p, wait, ok := g.breaker.admit(now)
	return Admission{g.breaker, p}, wait, ok
}

// State is the gate's at now.
func (g *Gate) State(now time.Time) State {
	state, _, _, _ := g.breaker.snapshot(now)
	return state
}

// Admission is the right to one call. It ends by one of its methods.
type Admission struct {
	breaker *breaker
	pass    pass
}

// Healthy says that the call was answered well, after d.
func (a Admission) Healthy(now time.Time, d time.Duration) {
	a.breaker.settle(now, a.pass, healthy, d)
}

// Answered says that the call was answered, if not well: that is no sign of ill health, nor does it
// thin out those there are.
func (a Admission) Answered(now time.Time, d time.Duration) {
	a.breaker.settle(now, a.pass, answered, d)
}

// Failed says that the call failed after d.
func (a Admission) Failed(now time.Time, d time.Duration) {
	a.breaker.settle(now, a.pass, failed, d)
}

// Dropped says that the call was not made, or cut short by ourselves.
func (a Admission) Dropped(now time.Time) { a.breaker.settle(now, a.pass, nothing, 0) }
