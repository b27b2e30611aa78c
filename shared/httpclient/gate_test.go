package httpclient

import (
	"testing"
	"time"
)

func TestGateOpensAndProbesByItsCallersTime(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC) // not this machine's time
	var changes []State
	g := NewGate(Breaker{Consecutive: 2, OpenFor: time.Minute, Probes: 1}, now, func(_, to State) { changes = append(changes, to) })
	admit := func() Admission {
		t.Helper()
		a, wait, ok := g.Admit(now)
		if !ok {
			t.Fatalf("refused for %v", wait)
		}
		return a
	}
	admit().Failed(now, 0)
	admit().Answered(now, 0) // ends the run of failures
	admit().Failed(now, 0)
	admit().Dropped(now)
	if g.State(now) != Closed {
		t.Fatalf("%v", g.State(now))
	}
	admit().Failed(now, 0)
	if _, wait, ok := g.Admit(now); ok || wait != time.Minute {
		t.Fatalf("open: %v, wait %v", ok, wait)
	}
	now = now.Add(time.Minute)
	probe := admit()
	if _, _, ok := g.Admit(now); ok {
		t.Fatal("a second probe")
	}
	probe.Healthy(now, time.Millisecond)
	if g.State(now) != Closed || len(changes) != 3 {
		t.Fatalf("%v after %v", g.State(now), changes)
	}
}
