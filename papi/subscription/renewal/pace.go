package renewal

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"puente/papi/subscription/charging"
)

// pace is how fast the operator is called. There is a configured rate, or none; the operator may bear less, and
// says so by refusing calls, perhaps with the time after which it will take some again. Then nobody calls until
// that is over, and afterwards a little slower than what it took in a second before; after a while without a refusal faster
// again, a while that doubles each time, so that a limit that stands is met seldom and used fully.
type pace struct {
	waiting atomic.Int64 // groups

	mu         sync.Mutex
	configured rate.Limit
	limiter    *rate.Limiter
	until      time.Time // nobody calls before
	took       int       // in a second, the one before the refusal or a later one, for calls are under way; zero: as was known
	refusals   int       // pauses in a row, of which none was followed by a call that was taken
	changed    time.Time // the limit was set or grew
	steps      int       // of growth since it was set
	hold       time.Duration
	taken      []time.Time // the calls of the last second that were taken, by their answers
	now, last  window
}

// window counts answers.
type window struct {
	since          time.Time
	taken, refused int
}

const (
	leastRate = 1                      // calls a second
	ahead     = 500 * time.Millisecond // how long before its call an order may be opened
	windows   = 5 * time.Second        // over which refusals are counted

	firstHold  = time.Minute
	fewHold    = 10 * time.Second // of a limit that was learned from few calls
	mostHold   = 5 * time.Minute
	firstPause = time.Second // where the operator does not say
	mostPause  = time.Minute

	seldom = 50 // calls that are taken for one that is not, which then says nothing of the rate

	slower = 0.985 // than what was taken
	faster = 0.02  // in the first second of growth, twice as much in the next
	grows  = 0.5   // at most, in a second
)

func newPace(perSecond float64) *pace {
	limit := rate.Inf
	if perSecond > 0 {
		limit = rate.Limit(perSecond)
	}
	return &pace{configured: limit, limiter: rate.NewLimiter(limit, 1), hold: firstHold}
}

// rate is how many calls a second are made now, at most.
func (p *pace) rate() rate.Limit {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.limiter.Limit()
}

// paused is how long nobody is to call.
func (p *pace) paused() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Until(p.until)
}

// times waits until calls may be made soon, and gives the moments of up to n of them.
func (p *pace) times(ctx context.Context, n int) ([]moment, error) {
	p.waiting.Add(1)
	defer p.waiting.Add(-1)
	for {
		given, wait := p.take(n)
		if len(given) > 0 {
			return given, nil
		}
		if err := pause(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// moment is when a call is to be made.
type moment struct {
	at    time.Time
	taken *rate.Reservation
}

// unused gives back what needs no call.
func (m moment) unused() { m.taken.Cancel() }

func (p *pace) take(n int) (given []moment, wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Before(p.until) {
		return nil, p.until.Sub(now)
	}
	if p.took > 0 {
		p.slowDown(now)
	}
	p.grow(now)
	if p.refusals > 0 { // one is enough to see whether it takes calls again
		n = 1
	}
	for len(given) < n {
		r := p.limiter.ReserveN(now, 1)
		d := r.DelayFrom(now)
		if d > ahead {
			r.CancelAt(now)
			return given, d - ahead
		}
		given = append(given, moment{now.Add(d), r})
	}
	return given, 0
}

// grow lets the limit grow where it was kept for a while.
func (p *pace) grow(now time.Time) {
	limit := p.limiter.Limit()
	if limit >= p.configured {
		return
	}
	wait := p.hold
	if p.steps > 0 {
		wait = time.Second
	}
	if now.Sub(p.changed) < wait {
		return
	}
	by := min(faster*float64(int(1)<<min(p.steps, 10)), grows)
	p.steps, p.changed = p.steps+1, now
	p.limiter.SetLimitAt(now, min(p.configured, limit*rate.Limit(1+by)))
}

// learn takes notice of what the operator answered.
func (p *pace) learn(result charging.Result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Sub(p.now.since) > windows {
		p.last, p.now = p.now, window{since: now}
		if p.last.since.IsZero() || now.Sub(p.last.since) > 2*windows { // nobody called for a while
			p.last = window{since: now}
		}
	}
	if !result.Refused {
		p.now.taken++
		p.refusals = 0
		p.taken = append(p.second(now), now)
		if now.Before(p.until) {
			p.took = max(p.took, len(p.taken))
		}
		return
	}
	if now.Before(p.until) { // one of those that were under way
		p.until = later(p.until, now.Add(result.Again))
		return
	}
	p.now.refused++
	if p.now.refused*seldom <= p.now.taken+p.last.taken { // it is this charge that it does not take
		return
	}
	p.until = now.Add(max(result.Again, min(firstPause<<min(p.refusals, 6), mostPause)))
	p.refusals++
	p.taken = p.second(now)
	p.took = max(p.took, len(p.taken))
	p.now, p.last = window{since: p.until}, window{since: p.until}
}

// second is what was taken in the second before now.
func (p *pace) second(now time.Time) []time.Time {
	from := now.Add(-time.Second)
	n := slices.IndexFunc(p.taken, func(t time.Time) bool { return t.After(from) })
	if n < 0 {
		return p.taken[:0]
	}
	return p.taken[n:]
}

// slowDown sets the limit below what was taken in a second.
func (p *pace) slowDown(now time.Time) {
	limit := rate.Limit(p.took) * slower
	if old := p.limiter.Limit(); old != rate.Inf { // what was taken was little because there was little to do
		limit = min(max(limit, old/2), old*slower)
	}
	switch {
	case !p.changed.IsZero():
		p.hold = min(2*p.hold, mostHold)
	case p.took < seldom: // too few to say much
		p.hold = fewHold
	}
	p.took = 0
	p.limiter.SetLimitAt(now, max(min(limit, p.configured), leastRate))
	p.changed, p.steps = now, 0
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// pause waits.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
