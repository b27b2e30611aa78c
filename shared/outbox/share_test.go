package outbox

import (
	"cmp"
	"fmt"
	"log/slog"
	"strings"
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
		most := rapid.SliceOfN(rapid.IntRange(0, 12), 3, 3).Draw(t, "most") // of the groups; those of the first have nothing in common
		group := func(name string) int { return int(name[0]-'0') % 3 }
		owner := func(name string) (string, int) {
			if g := group(name); g > 0 {
				return fmt.Sprint(g), most[g]
			}
			return "", most[0]
		}
		if rapid.Bool().Draw(t, "nobody says") {
			owner, most = nil, []int{0, 0, 0}
		}
		s := newShares(cfg.withDefaults(), owner, slog.New(slog.DiscardHandler))
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
				full := false
				if g := group(name); g > 0 && most[g] > 0 {
					together := 0
					for other, n := range taken {
						if group(other) == g {
							together += n
						}
					}
					for other, n := range got {
						if group(other) == g {
							together += n
						}
					}
					full = together >= most[g]
				}
				if had := taken[name]; had == 0 && got[name] == 0 && !full && free-len(flat(wants)) > 0 {
					t.Fatalf("%s has no place and got none, of %d", name, free)
				}
			}
			for _, w := range wants {
				for i := range w.admissions {
					under = append(under, send{w.destination, w, i})
					taken[w.destination]++
				}
			}
			together := map[int]int{}
			for name, n := range taken {
				g := group(name)
				if together[g] += n; n > cmp.Or(most[g], cfg.PerDestination) || g > 0 && most[g] > 0 && together[g] > most[g] {
					t.Fatalf("%s has %d places, and its group %d", name, n, together[g])
				}
			}
			if len(under) > cfg.Concurrency {
				t.Fatalf("%d sends are under way", len(under))
			}
		}
		for _, u := range under {
			s.done(u.to, u.w.admissions[u.i], Postponed, now, 0)
		}
		if s.free != cfg.Concurrency || len(s.groups) != 0 {
			t.Fatalf("%d places of %d are free at the end", s.free, cfg.Concurrency)
		}
	})
}

// TestPlacesOfAnOwner: what is delivered widens a destination's share up to what its owner says, beyond the
// stream's, and what its owner says of a group holds for all of it.
func TestPlacesOfAnOwner(t *testing.T) {
	places := map[string]int{"wide/a": 20, "wide/b": 20, "narrow/a": 1, "narrow/b": 1}
	cfg := Config{Concurrency: 64, PerDestination: 8, Breaker: breakerOff}
	s := newShares(cfg.withDefaults(), func(name string) (string, int) {
		group, _, _ := strings.Cut(name, "/")
		return group, places[name]
	}, slog.New(slog.DiscardHandler))
	now := time.Unix(0, 0)
	sum := func(names ...string) (n int) {
		wants := s.take(names, now)
		for _, w := range wants {
			n += len(w.admissions)
			for _, a := range w.admissions {
				defer s.done(w.destination, a, Delivered, now, 0)
			}
		}
		return n
	}
	for range 10 {
		sum("wide/a")
		sum("wide/b")
		sum("usual")
	}
	for _, c := range []struct {
		names []string
		want  int
	}{
		{[]string{"wide/a"}, 20}, {[]string{"wide/a", "wide/b"}, 20}, {[]string{"usual"}, 8}, {[]string{"narrow/a", "narrow/b"}, 1}, {[]string{"narrow/a", "narrow/b", "usual"}, 9},
	} {
		if got := sum(c.names...); got != c.want {
			t.Errorf("%v: %d, want %d", c.names, got, c.want)
		}
	}
	places["wide/a"], places["wide/b"] = 3, 3 // a change counts at once
	if got := sum("wide/a", "wide/b"); got != 3 {
		t.Errorf("after a change: %d", got)
	}
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
