package outbox

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func count(wants []want) map[string]int {
	n := map[string]int{}
	for _, w := range wants {
		if len(w.admissions) > 0 {
			n[w.destination] = len(w.admissions)
		}
	}
	return n
}

// TestShares: whatever sends begin and end, no destination and no process has more places than it may,
// a place is free for who has none, and all are given back.
func TestShares(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := Config{Concurrency: rapid.IntRange(1, 40).Draw(t, "concurrency"), Breaker: breakerOff}
		cfg.PerDestination = rapid.IntRange(1, cfg.Concurrency).Draw(t, "perDestination")
		s := newShares(cfg.withDefaults(), slog.New(slog.DiscardHandler))
		now := time.Unix(0, 0)
		type send struct {
			to string
			w  want
			i  int
		}
		var under []send
		taken := map[string]int{}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			if len(under) > 0 && rapid.Bool().Draw(t, "ends") {
				i := rapid.IntRange(0, len(under)-1).Draw(t, "which")
				o := Outcome(rapid.IntRange(0, int(lost)-1).Draw(t, "outcome"))
				s.done(under[i].to, under[i].w.admissions[under[i].i], o, now, 0)
				taken[under[i].to]--
				under = append(under[:i], under[i+1:]...)
				continue
			}
			var ready []string
			for i := range rapid.IntRange(0, 10).Draw(t, "ready") {
				ready = append(ready, fmt.Sprint(i))
			}
			free := cfg.Concurrency - len(under)
			wants := s.take(ready, now)
			got := count(wants)
			for _, name := range ready {
				if had := taken[name]; had == 0 && got[name] == 0 && free-len(flat(wants)) > 0 {
					t.Fatalf("%s has no place and got none, of %d", name, free)
				}
			}
			for _, w := range wants {
				for i := range w.admissions {
					under = append(under, send{w.destination, w, i})
					taken[w.destination]++
				}
			}
			for name, n := range taken {
				if n > cfg.PerDestination {
					t.Fatalf("%s has %d places", name, n)
				}
			}
			if len(under) > cfg.Concurrency {
				t.Fatalf("%d sends are under way", len(under))
			}
		}
		for _, u := range under {
			s.done(u.to, u.w.admissions[u.i], Postponed, now, 0)
		}
		if s.free != cfg.Concurrency {
			t.Fatalf("%d places of %d are free at the end", s.free, cfg.Concurrency)
		}
	})
}

func flat(wants []want) (all []struct{}) {
	for _, w := range wants {
		all = append(all, make([]struct{}, len(w.admissions))...)
	}
	return all
}

// TestScheduleRules: an attempt is never earlier than its step less a fifth nor than what was asked
// for, never later than the more of both, and the steps go forward to their end.
func TestScheduleRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		steps := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) time.Duration {
			return time.Duration(rapid.Int64Range(0, int64(48*time.Hour)).Draw(t, "step"))
		}), 1, 12).Draw(t, "steps")
		s := newSchedule(steps, slowFrom)
		at := rapid.IntRange(0, len(steps)-1).Draw(t, "at")
		r := Result{Outcome: rapid.SampledFrom([]Outcome{Retry, RetrySlow}).Draw(t, "outcome"), RetryAfter: time.Duration(rapid.Int64Range(0, int64(72*time.Hour)).Draw(t, "asked"))}
		next, wait, ok := s.next(at, r, rapid.Float64Range(0, 0.999).Draw(t, "draw"))
		if next <= at || ok != (next < len(steps)) {
			t.Fatalf("from %d to %d of %d: %v", at, next, len(steps), ok)
		}
		if !ok {
			return
		}
		asked := min(r.RetryAfter, 24*time.Hour)
		if low, high := max(steps[next]*8/10-1, asked), max(steps[next]*12/10+1, asked); wait < low || wait > high {
			t.Fatalf("%v after a step of %v, asked for %v", wait, steps[next], r.RetryAfter)
		}
		if r.Outcome == RetrySlow && s.slow < len(steps) && next < s.slow {
			t.Fatalf("step %d is not slow", next)
		}
		if r.Outcome == Retry && next != at+1 {
			t.Fatalf("from %d to %d", at, next)
		}
	})
}

func TestConfigValidation(t *testing.T) {
	if err := (Config{}).Validate(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]Config{
		"negative step": {Schedule: []time.Duration{-1}}, "no places": {Concurrency: -1}, "more than all": {Concurrency: 4, PerDestination: 5},
		"short lease": {Timeout: time.Minute, Lease: time.Minute}, "slow poll": {Poll: 2 * time.Second}, "keep": {Keep: -1},
	} {
		if c.Validate() == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
