package tally_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"puente/papi/subscription/catalogue/cataloguetest"
	"puente/papi/subscription/tally"
)

func TestAddress(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8:0:1::7": "2001:db8:0:1::/64", "2001:db8:0:1:ffff::7": "2001:db8:0:1::/64",
		"2001:db8:0:2::7": "2001:db8:0:2::/64", "fe80::1%eth0": "fe80::/64", "": "", "somebody": "somebody",
	} {
		if got := tally.Address(text); got != want {
			t.Errorf("%q: %q, not %q", text, got, want)
		}
	}
}

// What is counted in one window and not in another is counted in none.
func TestAllOrNothing(t *testing.T) {
	c := cataloguetest.New(t)
	counts := tally.New(c.Ring)
	at := time.Date(2026, 11, 25, 12, 0, 15, 0, time.UTC)
	shared := tally.Window{What: "a", Who: "one", Most: 5, Span: time.Minute}
	var counted atomic.Int32
	var all sync.WaitGroup
	for i := range 60 {
		all.Go(func() {
			wait, err := counts.Count(t.Context(), c.DB, at, 1, shared, tally.Window{What: "b", Who: fmt.Sprint(i), Most: 1, Span: time.Hour})
			switch {
			case err != nil:
				t.Error(err)
			case wait == 0:
				counted.Add(1)
			case wait != 45*time.Second:
				t.Errorf("wait %v", wait)
			}
		})
	}
	all.Wait()
	var sum int
	if err := c.DB.QueryRow(t.Context(), "SELECT sum(count) FROM subscription.counts").Scan(&sum); err != nil || counted.Load() != 5 || sum != 10 {
		t.Errorf("%d were counted, in all windows %d, %v", counted.Load(), sum, err)
	}
	if wait, err := counts.Count(t.Context(), c.DB, at.Add(45*time.Second), 1, shared); wait != 0 || err != nil {
		t.Errorf("the next window: %v, %v", wait, err)
	}
	if wait, err := counts.Count(t.Context(), c.DB, at, 1, tally.Window{What: "b", Who: "one", Most: 5, Span: time.Minute}); wait != 0 || err != nil {
		t.Errorf("another thing of the same: %v, %v", wait, err)
	}
	if err := counts.Prune(t.Context(), c.DB, at.Add(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := c.DB.QueryRow(t.Context(), "SELECT count(*) FROM subscription.counts").Scan(&sum); err != nil || sum != 0 {
		t.Errorf("%d are kept, %v", sum, err)
	}
}
