package tally_test

import (
	"context"
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

// Who finds a window full that was not when it looked takes back what it has counted in others.
func TestTakenBack(t *testing.T) {
	c := cataloguetest.New(t)
	counts := tally.New(c.Ring)
	at := time.Date(2026, 11, 25, 12, 0, 15, 0, time.UTC)
	shared := tally.Window{What: "a", Who: "one", Most: 2, Span: time.Minute}
	if _, err := counts.Count(t.Context(), c.DB, at, 1, shared); err != nil {
		t.Fatal(err)
	}
	tx, err := c.DB.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	if _, err := counts.Count(t.Context(), tx, at, 1, shared); err != nil { // the last one, not committed yet
		t.Fatal(err)
	}
	const waiting = 6 // some of them count in their own window before they wait: keyed hashes have no order that is known
	var all sync.WaitGroup
	for i := range waiting {
		all.Go(func() {
			wait, err := counts.Count(t.Context(), c.DB, at, 1, shared, tally.Window{What: "b", Who: fmt.Sprint(i), Most: 1, Span: time.Hour})
			if wait != 45*time.Second || err != nil {
				t.Errorf("wait %v, %v", wait, err)
			}
		})
	}
	count := func(query string) (n int) {
		if err := c.DB.QueryRow(t.Context(), query).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for count("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") < waiting {
		if t.Context().Err() != nil {
			t.Fatal("nobody waits")
		}
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	all.Wait()
	if n := count("SELECT sum(count) FROM subscription.counts"); n != 2 {
		t.Errorf("%d are counted", n)
	}
}
