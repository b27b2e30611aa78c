package ratelimit

import (
	"slices"
	"testing"
	"time"
)

// history is when requests were admitted, in order.
type history []time.Time

// extremes are the fewest and the most requests in any rolling window that lies wholly between
// from and until.
func (h history) extremes(from, until time.Time, window time.Duration) (fewest, most int) {
	count := func(start time.Time) int { // in [start, start+window)
		first, _ := slices.BinarySearchFunc(h, start, time.Time.Compare)
		last, _ := slices.BinarySearchFunc(h, start.Add(window), time.Time.Compare)
		return last - first
	}
	fewest = len(h)
	for _, at := range h { // a window is fullest when it begins with a request, emptiest right after
		if at.Before(from) || at.Add(window).After(until) {
			continue
		}
		most = max(most, count(at))
		fewest = min(fewest, count(at.Add(time.Nanosecond)))
	}
	return fewest, most
}

// storm offers 3,000 evenly spread calls a minute of one client whose limit is 1,000, to three
// replicas in turn, and does to Redis what faults say at that second.
func storm(f *fleet, length time.Duration, faults map[int]func()) (admitted history, degraded []time.Time) {
	l := limit("client", 1000, time.Minute)
	const gap = 20 * time.Millisecond
	for i := range int(length / gap) {
		if fault := faults[i/50]; fault != nil && i%50 == 0 {
			fault()
		}
		if i%12 == 0 { // each quarter of a second
			f.visit()
		}
		d := f.limiters[i%len(f.limiters)].Take(ctx, l)
		if d.Allowed {
			admitted = append(admitted, f.now())
		}
		if d.Degraded {
			degraded = append(degraded, f.now())
		}
		f.pass(gap)
	}
	return admitted, degraded
}

func TestThreeReplicasAdmitTheLimitInEveryMinute(t *testing.T) {
	f := onMiniredis(t, 3)
	defer f.close()
	start := f.now()
	admitted, degraded := storm(f, 5*time.Minute, nil)
	if n := len(admitted); n < 4950 || n > 5050 {
		t.Errorf("%d admitted in five minutes", n)
	}
	if fewest, most := admitted.extremes(start, f.now(), time.Minute); fewest < 990 || most > 1000 {
		t.Errorf("between %d and %d in a minute", fewest, most)
	}
	if len(degraded) > 0 {
		t.Error("decided by share at ", degraded[0])
	}
}

// However Redis is lost and comes back, every minute around it stays within 5 % of the limit, and
// the replicas count together again within ten seconds.
func TestEveryMinuteAroundALossStaysWithinTheLimit(t *testing.T) {
	for name, faults := range map[string]func(f *fleet) map[int]func(){
		"refuses commands for a while": func(f *fleet) map[int]func() {
			return map[int]func(){
				75:  func() { f.mini.SetError("LOADING Redis is loading the dataset in memory") },
				110: func() { f.mini.SetError("") },
			}
		},
		"is emptied": func(f *fleet) map[int]func() {
			return map[int]func(){75: f.mini.FlushAll, 80: f.mini.FlushAll, 110: f.mini.FlushAll}
		},
		"loses one window": func(f *fleet) map[int]func() {
			return map[int]func(){75: func() { f.mini.Del("puente:limit:{0}:client:1m0s") }}
		},
		"comes back empty": func(f *fleet) map[int]func() {
			return map[int]func(){
				65:  func() { f.mini.SetError("LOADING Redis is loading the dataset in memory") },
				110: func() { f.mini.FlushAll(); f.mini.SetError("") },
			}
		},
		"is restored from an old copy": func(f *fleet) map[int]func() {
			var old map[string]string
			keys := []string{"puente:limit:{0}", "puente:limit:{0}:client:1m0s"}
			return map[int]func(){
				64: func() {
					old = map[string]string{}
					for _, k := range keys {
						fields, _ := f.mini.HKeys(k)
						for _, field := range fields {
							old[k+"|"+field] = f.mini.HGet(k, field)
						}
					}
				},
				75: func() {
					f.mini.FlushAll()
					for _, k := range keys {
						for kf, v := range old {
							if len(kf) > len(k) && kf[:len(k)+1] == k+"|" {
								f.mini.HSet(k, kf[len(k)+1:], v)
							}
						}
					}
				},
			}
		},
		"has its clock set back": func(f *fleet) map[int]func() {
			pass, back := f.pass, time.Duration(0)
			f.pass = func(d time.Duration) { pass(d); f.mini.SetTime(f.now().Add(-back)) }
			return map[int]func(){75: func() { back = time.Hour; f.mini.SetTime(f.now().Add(-back)) }}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := onMiniredis(t, 3)
			defer f.close()
			start := f.now()
			admitted, degraded := storm(f, 3*time.Minute, faults(f))
			fewest, most := admitted.extremes(start, f.now(), time.Minute)
			if most > 1050 || fewest < 950 {
				t.Errorf("between %d and %d in a minute", fewest, most)
			}
			last := 75 * time.Second
			if len(degraded) > 0 {
				last = degraded[len(degraded)-1].Sub(start)
			}
			if last > 113*time.Second {
				t.Errorf("still decided by share after %v", last)
			}
			t.Logf("minutes of %d to %d; %d calls decided by share, the last after %v", fewest, most, len(degraded), last)
		})
	}
}
