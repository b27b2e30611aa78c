package ratelimit

import (
	"context"
	"flag"
	"fmt"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var ctx = context.Background()

func limit(key string, requests int, window time.Duration) Limit {
	return Limit{Name: key, Key: key, Requests: requests, Window: window}
}

// everywhere runs a test on each store.
func everywhere(t *testing.T, replicas int, test func(t *testing.T, s store, f *fleet)) {
	for _, s := range stores(t) {
		t.Run(s.name, func(t *testing.T) {
			f := s.fleet(t, replicas)
			defer f.close()
			test(t, s, f)
		})
	}
}

func TestConcurrentCallsAdmitExactlyTheLimit(t *testing.T) {
	everywhere(t, 2, func(t *testing.T, s store, f *fleet) {
		for _, requests := range []int{1, 100, 1200} {
			l := limit(fmt.Sprint("c", requests), requests, time.Hour)
			var allowed sync.Map
			var all sync.WaitGroup
			for g := range 16 {
				all.Go(func() {
					n := 0
					for range 100 {
						if f.limiters[g%len(f.limiters)].Take(ctx, l).Allowed {
							n++
						}
					}
					allowed.Store(g, n)
				})
			}
			all.Wait()
			total := 0
			allowed.Range(func(_, n any) bool { total += n.(int); return true })
			if total > requests || total < requests-len(f.limiters)*leaseOf(l) {
				t.Errorf("%d of %d admitted", total, requests)
			}
		}
	})
}

func TestAllLimitsOrNone(t *testing.T) {
	everywhere(t, 1, func(t *testing.T, s store, f *fleet) {
		take := f.limiters[0].Take
		wide, narrow := limit("client", 10, time.Hour), limit("subject", 3, time.Hour)
		for i := range 8 {
			if got := take(ctx, wide, narrow); got.Allowed != (i < 3) {
				t.Fatalf("call %d: %+v", i, got)
			} else if !got.Allowed && (got.Limit != narrow || got.Remaining != 0 || got.RetryAfter <= 0) {
				t.Fatalf("refusal %d: %+v", i, got)
			}
		}
		got := take(ctx, wide)
		if !got.Allowed || got.Remaining != 6 {
			t.Errorf("five refused calls cost the other limit something: %+v", got)
		}
		if got.Limit != wide || len(got.PerLimit) != 1 {
			t.Errorf("%+v", got)
		}
	})
}

func TestRefusedCallsAreFreeAndRetryAfterIsKept(t *testing.T) {
	everywhere(t, 1, func(t *testing.T, s store, f *fleet) {
		take := f.limiters[0].Take
		l := limit("hot", 5, s.unit)
		for range 3 {
			for range 5 {
				if !take(ctx, l).Allowed {
					t.Fatal("refused within the limit")
				}
			}
			var last Decision
			for range 50 {
				if last = take(ctx, l); last.Allowed {
					t.Fatal("admitted above the limit")
				}
			}
			f.pass(last.RetryAfter)
			if !take(ctx, l).Allowed {
				t.Fatalf("refused after Retry-After %v", last.RetryAfter)
			}
			f.pass(s.unit + s.unit/60)
		}
	})
}

func TestLayersAndChangedLimits(t *testing.T) {
	everywhere(t, 1, func(t *testing.T, s store, f *fleet) {
		take := f.limiters[0].Take
		short, long := limit("a", 2, s.unit), limit("a", 3, time.Hour) // one key, two windows
		for i := range 2 {
			if !take(ctx, short, long).Allowed {
				t.Fatal("call ", i)
			}
		}
		if got := take(ctx, short, long); got.Allowed || got.Limit != short {
			t.Fatalf("%+v", got)
		}
		f.pass(s.unit + s.unit/60)
		if got := take(ctx, short, long); !got.Allowed || got.Limit != long || got.Remaining != 0 {
			t.Fatalf("%+v", got)
		}
		if got := take(ctx, short, long); got.Allowed || got.Limit != long {
			t.Fatalf("%+v", got)
		}
		long.Requests = 5 // the tier was changed
		if got := take(ctx, long); !got.Allowed || got.Remaining != 1 {
			t.Fatalf("%+v", got)
		}
		long.Requests = 1
		if got := take(ctx, long); got.Allowed || got.Remaining != 0 {
			t.Fatalf("%+v", got)
		}
		if got := take(ctx, limit("none", 0, time.Hour)); got.Allowed || got.RetryAfter != time.Hour {
			t.Fatalf("%+v", got)
		}
		if !take(ctx).Allowed {
			t.Fatal("no limit refused")
		}
	})
}

// model admits what the definition of a sliding window admits, in its strictest and its most
// generous reading.
type model struct {
	limit    Limit
	slack    int       // requests that replicas may hold as leases
	admitted []instant // in order
}

// instant lies between the call and its answer.
type instant struct{ earliest, latest time.Time }

// over says whether some window that ends now held more than the limit.
func (m *model) over() bool {
	n := len(m.admitted) - m.limit.Requests - 1
	return n >= 0 && m.admitted[len(m.admitted)-1].latest.Sub(m.admitted[n].earliest) < m.limit.Window
}

// full says whether a refusal at now was due: a step counts until all of it is outside, and a
// lease as long as its slot.
func (m *model) full(now instant) bool {
	memory := m.limit.Window + m.limit.Window/slots/steps + 10*time.Microsecond
	if m.slack > 0 {
		memory += m.limit.Window / slots
	}
	n := 0
	for _, a := range m.admitted {
		if now.earliest.Sub(a.latest) < memory {
			n++
		}
	}
	return n+m.slack >= m.limit.Requests
}

// No rolling window ever holds more than the limit, and nothing is refused without need, whichever
// replicas are called and however the calls fall in time.
func TestNoWindowExceedsItsLimit(t *testing.T) {
	checks := flag.Lookup("rapid.checks").Value
	defer checks.Set(checks.String())
	for _, s := range stores(t) {
		if s.shared { // a call is a hundred times dearer there
			checks.Set("30")
		}
		t.Run(s.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				replicas := 1
				if s.shared {
					replicas = rapid.IntRange(1, 3).Draw(t, "replicas")
				}
				f := s.fleet(t, replicas)
				defer f.close()
				var models []*model
				for i := range rapid.IntRange(1, 3).Draw(t, "limits") {
					l := limit("k", rapid.SampledFrom([]int{1, 2, 7, 30, 60, 1000}).Draw(t, "requests"), s.brief/time.Duration(1+i*3))
					models = append(models, &model{limit: l, slack: replicas * leaseOf(l)})
				}
				if l := models[0]; l.limit.Requests >= leaseFloor { // begin where it gets narrow
					for i := range l.limit.Requests - 100 {
						now := instant{earliest: f.now()}
						if f.limiters[i%replicas].Take(ctx, l.limit).Allowed {
							now.latest = f.now()
							l.admitted = append(l.admitted, now)
						}
					}
				}
				t.Repeat(map[string]func(*rapid.T){
					"take": func(t *rapid.T) {
						used := models[:rapid.IntRange(1, len(models)).Draw(t, "used")]
						limits := make([]Limit, len(used))
						for i, m := range used {
							limits[i] = m.limit
						}
						replica := f.limiters[rapid.IntRange(0, replicas-1).Draw(t, "replica")]
						for range rapid.SampledFrom([]int{1, 3, 50}).Draw(t, "calls") {
							now := instant{earliest: f.now()}
							d := replica.Take(ctx, limits...)
							now.latest = f.now()
							if d.Degraded {
								t.Fatal("degraded")
							}
							if !d.Allowed {
								checkRefusal(t, d, used, now)
								continue
							}
							for _, m := range used {
								if m.admitted = append(m.admitted, now); m.over() {
									t.Fatalf("more than %d in %v", m.limit.Requests, m.limit.Window)
								}
							}
						}
					},
					"pass": func(t *rapid.T) {
						f.pass(time.Duration(rapid.Float64Range(0, .4).Draw(t, "windows") * float64(s.brief)))
					},
				})
			})
		})
	}
}

func checkRefusal(t tb, d Decision, used []*model, now instant) {
	t.Helper()
	for _, m := range used {
		if m.limit == d.Limit && m.full(now) {
			return
		}
	}
	t.Fatalf("refused without need: %+v", d)
}
