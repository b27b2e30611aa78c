package renewal

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"puente/papi/subscription/charging"
)

// limited is an operator that takes so many calls in each second.
type limited struct {
	mu             sync.Mutex
	most           int
	second         int64
	inSecond       int
	taken, refused int
}

func (l *limited) call() charging.Result {
	time.Sleep(20 * time.Millisecond) // of the bubble's time
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now().Unix(); now != l.second {
		l.second, l.inSecond = now, 0
	}
	if l.inSecond++; l.inSecond > l.most {
		l.refused++
		return charging.Result{Outcome: charging.OutcomeUndone, Refused: true, Again: time.Second}
	}
	l.taken++
	return charging.Result{Outcome: charging.OutcomeCharged}
}

// drive calls as chunks do, from several of them, for a while.
func drive(p *pace, calls *slots, d time.Duration, call func() charging.Result) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	var chunks sync.WaitGroup
	for range 4 {
		chunks.Go(func() {
			var called sync.WaitGroup
			defer called.Wait()
			for {
				n, err := calls.take(ctx, group)
				if err != nil {
					return
				}
				times, err := p.times(ctx, n)
				if err != nil {
					calls.give(n)
					return
				}
				calls.give(n - len(times))
				time.Sleep(5 * time.Millisecond) // they are opened
				for _, m := range times {
					called.Go(func() {
						defer calls.give(1)
						if pause(ctx, time.Until(m.at)) == nil && p.paused() <= 0 {
							p.learn(call())
						}
					})
				}
			}
		})
	}
	chunks.Wait()
}

// With an operator that takes 50 a second the run settles at 49 to 50, and few calls are refused.
func TestPaceSettlesBelowTheOperatorsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, calls := newPace(0), newSlots(32)
		o := &limited{most: 50}
		drive(p, calls, 2*time.Minute, o.call)
		if o.taken < 115*49 {
			t.Errorf("%d calls taken in the first two minutes", o.taken)
		}
		o.taken, o.refused = 0, 0
		drive(p, calls, 10*time.Minute, o.call)
		if perSecond := float64(o.taken) / 600; perSecond < 49 || perSecond > 50 {
			t.Errorf("%.2f calls taken a second, %d refused", perSecond, o.refused)
		}
		if o.refused*200 > o.taken {
			t.Errorf("%d of %d calls refused", o.refused, o.taken)
		}
		o.most = 200 // it takes more again
		drive(p, calls, 10*time.Minute, o.call)
		o.taken = 0
		drive(p, calls, time.Minute, o.call)
		if perSecond := float64(o.taken) / 60; perSecond < 180 {
			t.Errorf("%.2f calls taken a second of 200", perSecond)
		}
	})
}

// strict is an operator that takes so many calls in any second, and is not equally fast with all.
type strict struct {
	mu    sync.Mutex
	most  int
	taken []time.Time
}

func (s *strict) call() charging.Result {
	time.Sleep(rand.N(10 * time.Millisecond))
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if n := len(s.taken); n >= s.most && now.Sub(s.taken[n-s.most]) < time.Second {
		return charging.Result{Outcome: charging.OutcomeUndone, Refused: true, Again: time.Second}
	}
	s.taken = append(s.taken, now)
	return charging.Result{Outcome: charging.OutcomeCharged}
}

// The rate is learned in the first second, from calls of which many are under way when the first is refused.
func TestPaceLearnsFromTheFirstRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &strict{most: 50}
		drive(newPace(0), newSlots(32), 62*time.Second, o.call)
		n := len(o.taken) - 1
		if perSecond := float64(n) / o.taken[n].Sub(o.taken[0]).Seconds(); perSecond < 49 || perSecond > 50 {
			t.Errorf("%.2f calls taken a second in the first minute", perSecond)
		}
	})
}

func TestPaceKeepsTheConfiguredRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, calls := newPace(30), newSlots(32)
		o := &limited{most: 1000}
		drive(p, calls, time.Minute, o.call)
		if o.taken < 30*58 || o.taken > 30*60+31 {
			t.Errorf("%d calls in a minute", o.taken)
		}
	})
}

// An operator that is away is asked by one call at a time, ever more seldom; once it is back all goes on.
func TestPaceProbesWhileTheOperatorIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, calls := newPace(0), newSlots(32)
		var mu sync.Mutex
		asked, away := 0, true
		call := func() charging.Result {
			time.Sleep(time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			asked++
			if away {
				return charging.Result{Outcome: charging.OutcomeUndone, Refused: true}
			}
			return charging.Result{Outcome: charging.OutcomeCharged}
		}
		drive(p, calls, 10*time.Minute, call)
		if asked > 32+40 {
			t.Errorf("%d calls of an operator that is away", asked)
		}
		mu.Lock()
		away, asked = false, 0
		mu.Unlock()
		drive(p, calls, 90*time.Second, call)
		if asked < 1000 {
			t.Errorf("%d calls since it is back", asked)
		}
	})
}

// One charge that the operator never takes says nothing of the others.
func TestPaceIsNotThatOfOneCharge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, calls := newPace(100), newSlots(32)
		n := 0
		var mu sync.Mutex
		taken := 0
		drive(p, calls, time.Minute, func() charging.Result {
			mu.Lock()
			defer mu.Unlock()
			if n++; n%100 == 99 {
				return charging.Result{Outcome: charging.OutcomeUndone, Refused: true, Again: time.Second}
			}
			taken++
			return charging.Result{Outcome: charging.OutcomeCharged}
		})
		if taken < 100*55 {
			t.Errorf("%d calls taken in a minute", taken)
		}
	})
}
