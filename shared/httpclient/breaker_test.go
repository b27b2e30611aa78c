package httpclient

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

var testBreaker = Breaker{
	Window: 10 * time.Second, MinCalls: 10, FailureRatio: 0.5, Consecutive: 20,
	SlowCall: 4 * time.Second, SlowRatio: 0.8, OpenFor: 5 * time.Second, Probes: 3,
}

// drill is a breaker with a clock of its own.
type drill struct {
	*breaker
	now time.Time
}

func newDrill(cfg Breaker) *drill {
	b := newBreaker(cfg, func(State, State) {})
	return &drill{b, b.since}
}

func (d *drill) call(v verdict, took time.Duration) bool {
	p, _, ok := d.admit(d.now)
	if ok {
		d.settle(d.now, p, v, took)
	}
	return ok
}

func (d *drill) calls(n int, v verdict) {
	for range n {
		d.call(v, time.Millisecond)
	}
}

func (d *drill) state(t *testing.T, want State) {
	t.Helper()
	if got, _, _, _ := d.snapshot(d.now); got != want {
		t.Fatalf("breaker is %v, want %v", got, want)
	}
}

func TestBreaker(t *testing.T) {
	tests := []struct {
		name string
		do   func(*drill)
		want State
	}{
		{"healthy calls keep it closed", func(d *drill) { d.calls(1000, healthy) }, Closed},
		{"nine failures are too few", func(d *drill) { d.calls(9, failed) }, Closed},
		{"ten failures open it", func(d *drill) { d.calls(10, failed) }, Open},
		{"just under half keeps it closed", func(d *drill) {
			d.calls(10, healthy)
			d.calls(9, failed)
		}, Closed},
		{"half opens it", func(d *drill) {
			d.calls(10, healthy)
			d.calls(10, failed)
		}, Open},
		{"flapping, five of six fail", func(d *drill) {
			for range 3 {
				d.calls(5, failed)
				d.calls(1, healthy)
			}
		}, Open},
		{"a long healthy past does not hide twenty failures in a row", func(d *drill) {
			d.calls(10_000, healthy)
			d.calls(20, failed)
		}, Open},
		{"twenty failures in a row count however rare", func(d *drill) {
			for range 20 {
				d.now = d.now.Add(time.Minute)
				d.calls(1, failed)
			}
		}, Open},
		{"cancelled calls never open it", func(d *drill) { d.calls(1000, nothing) }, Closed},
		{"nor do refusals", func(d *drill) { d.calls(1000, answered) }, Closed},
		{"refusals do not thin out failures", func(d *drill) {
			d.calls(1000, answered)
			d.calls(10, failed)
		}, Open},
		{"old failures leave the window", func(d *drill) {
			d.calls(9, failed)
			d.now = d.now.Add(11 * time.Second)
			d.calls(1, healthy)
			d.calls(1, failed)
		}, Closed},
		{"slow calls open it", func(d *drill) {
			for range 10 {
				d.call(healthy, 4*time.Second)
			}
		}, Open},
		{"seven slow of ten do not", func(d *drill) {
			for i := range 10 {
				d.call(healthy, time.Duration(i+1)*time.Second)
			}
		}, Closed},
		{"open lets nothing pass", func(d *drill) {
			d.calls(10, failed)
			d.now = d.now.Add(5*time.Second - 1)
			d.calls(100, healthy)
		}, Open},
		{"after its time probes pass", func(d *drill) {
			d.calls(10, failed)
			d.now = d.now.Add(5 * time.Second)
		}, HalfOpen},
		{"two probes do not close it", func(d *drill) {
			d.calls(10, failed)
			d.now = d.now.Add(5 * time.Second)
			d.calls(2, healthy)
		}, HalfOpen},
		{"three do", func(d *drill) {
			d.calls(10, failed)
			d.now = d.now.Add(5 * time.Second)
			d.calls(3, healthy)
		}, Closed},
		{"a system that refuses is alive", func(d *drill) {
			d.calls(10, failed)
			d.now = d.now.Add(5 * time.Second)
			d.calls(3, answered)
		}, Closed},
		{"one failed probe opens it again", func(d *drill) {
			d.calls(10, failed)
			d.now = d.now.Add(5 * time.Second)
			d.calls(2, healthy)
			d.calls(1, failed)
		}, Open},
		{"so does a slow one", func(d *drill) {
			d.calls(10, failed)
			d.now = d.now.Add(5 * time.Second)
			d.call(healthy, 4*time.Second)
		}, Open},
		{"a cancelled probe gives its place back", func(d *drill) {
			d.calls(10, failed)
			d.now = d.now.Add(5 * time.Second)
			d.calls(100, nothing)
			d.calls(3, healthy)
		}, Closed},
		{"closed again it starts from nothing", func(d *drill) {
			d.calls(10, failed)
			d.now = d.now.Add(5 * time.Second)
			d.calls(3, healthy)
			d.calls(9, failed)
		}, Closed},
		{"forced closed it stays so", func(d *drill) {
			d.force(d.now, Closed, false)
			d.calls(1000, failed)
		}, Closed},
		{"forced open it stays so", func(d *drill) {
			d.force(d.now, Open, false)
			d.now = d.now.Add(time.Hour)
			d.calls(10, healthy)
		}, Open},
		{"let go it starts closed", func(d *drill) {
			d.force(d.now, Open, false)
			d.force(d.now, Closed, true)
			d.calls(9, failed)
		}, Closed},
		{"let go it works again", func(d *drill) {
			d.force(d.now, Closed, false)
			d.force(d.now, Closed, true)
			d.calls(10, failed)
		}, Open},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := newDrill(testBreaker)
			test.do(d)
			d.state(t, test.want)
		})
	}
}

func TestBreakerSaysWhenItWillBeHalfOpen(t *testing.T) {
	d := newDrill(testBreaker)
	d.calls(10, failed)
	d.now = d.now.Add(2 * time.Second)
	if _, wait, ok := d.admit(d.now); ok || wait != 3*time.Second {
		t.Fatalf("admitted %v, wait %v; want refused, 3s", ok, wait)
	}
}

func TestBreakerAdmitsAtMostThreeProbes(t *testing.T) {
	d := newDrill(testBreaker)
	d.calls(10, failed)
	d.now = d.now.Add(5 * time.Second)
	var probes []pass
	for range 100 {
		if p, _, ok := d.admit(d.now); ok {
			probes = append(probes, p)
		}
	}
	if len(probes) != 3 {
		t.Fatalf("%d probes under way, want 3", len(probes))
	}
	for _, p := range probes {
		d.settle(d.now, p, healthy, 0)
	}
	d.state(t, Closed)
}

func TestBreakerIgnoresCallsOfAnEarlierRound(t *testing.T) {
	d := newDrill(testBreaker)
	late, _, _ := d.admit(d.now)
	d.calls(10, failed)
	d.now = d.now.Add(5 * time.Second)
	d.state(t, HalfOpen)
	d.settle(d.now, late, failed, 5*time.Second) // began when it was closed
	d.state(t, HalfOpen)
	d.calls(3, healthy)
	d.state(t, Closed)
}

// Five seconds up, five down: open within ten seconds, closed within fifteen once it stays up.
func TestBreakerFollowsAFlappingSystem(t *testing.T) {
	d := newDrill(testBreaker)
	start := d.now
	opened := time.Duration(0)
	for d.now.Sub(start) < 2*time.Minute {
		v := healthy
		if int(d.now.Sub(start)/(5*time.Second))%2 == 1 {
			v = failed
		}
		d.call(v, time.Millisecond)
		if s, _, _, _ := d.snapshot(d.now); s == Open && opened == 0 {
			opened = d.now.Sub(start) - 5*time.Second // since it first went down
		}
		d.now = d.now.Add(50 * time.Millisecond)
	}
	if opened == 0 || opened > 10*time.Second {
		t.Fatalf("opened %v after the first fall, want within 10s", opened)
	}
	stable := d.now
	for {
		d.call(healthy, time.Millisecond)
		if s, _, _, _ := d.snapshot(d.now); s == Closed {
			break
		}
		d.now = d.now.Add(50 * time.Millisecond)
	}
	if d.now.Sub(stable) > 15*time.Second {
		t.Fatalf("closed %v after the system was stable, want within 15s", d.now.Sub(stable))
	}
}

// oracle is the breaker as one would explain it: every call remembered, everything counted anew.
type oracle struct {
	state  State
	since  time.Time
	events []event
	probes int
	passed int
}

type event struct {
	slice        int64
	failed, slow bool
}

func (o *oracle) enter(now time.Time, s State) { *o = oracle{state: s, since: now} }

func (o *oracle) tick(now time.Time) {
	if o.state == Open && now.Sub(o.since) >= testBreaker.OpenFor {
		o.enter(now, HalfOpen)
	}
}

func (o *oracle) admit() bool {
	switch o.state {
	case Open:
		return false
	case HalfOpen:
		if o.probes+o.passed >= testBreaker.Probes {
			return false
		}
		o.probes++
	}
	return true
}

func (o *oracle) settle(now time.Time, v verdict, took time.Duration) {
	slow := took >= testBreaker.SlowCall
	if o.state == HalfOpen {
		o.probes--
		if v == failed || v != nothing && slow {
			o.enter(now, Open)
		} else if v != nothing {
			if o.passed++; o.passed == testBreaker.Probes {
				o.enter(now, Closed)
			}
		}
		return
	}
	if v == nothing {
		return
	}
	head := int64(now.Sub(o.since) / (testBreaker.Window / parts))
	o.events = append(o.events, event{head, v == failed, slow})
	if v == answered {
		o.events[len(o.events)-1].slice = -parts // seen only by the run of failures
	}
	calls, failures, slows, run := 0, 0, 0, 0
	for _, e := range o.events {
		if e.slice > head-parts && e.slice >= 0 {
			calls++
			if e.failed {
				failures++
			}
			if e.slow {
				slows++
			}
		}
		if e.failed {
			run++
		} else {
			run = 0
		}
	}
	// The newest call may be a 4xx, which decides nothing.
	if v == answered {
		return
	}
	if run >= testBreaker.Consecutive || calls >= testBreaker.MinCalls &&
		(failures > 0 && 2*failures >= calls || slows > 0 && 10*slows >= 8*calls) {
		o.enter(now, Open)
	}
}

func TestBreakerEqualsItsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, o := newDrill(testBreaker), &oracle{}
		o.since = d.now
		// Real passes and the model's state when each was given.
		type flight struct {
			p     pass
			since time.Time
			state State
		}
		var flying []flight
		bad := rapid.IntRange(0, 100).Draw(t, "share of failures")
		steps := rapid.IntRange(1, 300).Draw(t, "steps")
		for range steps {
			d.now = d.now.Add(time.Duration(rapid.IntRange(1, 1500).Draw(t, "ms")) * time.Millisecond)
			o.tick(d.now)
			if rapid.Bool().Draw(t, "begin") || len(flying) == 0 {
				p, wait, ok := d.admit(d.now)
				if want := o.admit(); ok != want {
					t.Fatalf("admitted %v, model %v", ok, want)
				}
				if !ok && (wait <= 0 || wait > testBreaker.OpenFor) {
					t.Fatalf("refused with wait %v", wait)
				}
				if ok {
					flying = append(flying, flight{p, o.since, o.state})
				}
			} else {
				i := rapid.IntRange(0, len(flying)-1).Draw(t, "which")
				f := flying[i]
				flying = append(flying[:i], flying[i+1:]...)
				v := rapid.SampledFrom([]verdict{nothing, answered, healthy}).Draw(t, "verdict")
				if rapid.IntRange(0, 99).Draw(t, "dice") < bad {
					v = failed
				}
				took := time.Duration(rapid.IntRange(0, 5000).Draw(t, "took")) * time.Millisecond
				d.settle(d.now, f.p, v, took)
				if f.since.Equal(o.since) && f.state == o.state {
					o.settle(d.now, v, took)
				}
			}
			if got, _, _, _ := d.snapshot(d.now); got != o.state {
				t.Fatalf("breaker %v, model %v", got, o.state)
			}
		}
	})
}
