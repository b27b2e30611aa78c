package clock_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/clock"
	"puente/shared/database"
	"puente/shared/database/databasetest"
	"puente/shared/problem"
)

// started is the clock of one process of a demo.
func started(t *testing.T, db *database.DB) *clock.Clock {
	t.Helper()
	c := clock.New(db, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err := c.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	return c
}

// ahead reports whether business time is ahead of the machine's by that much, to a second.
func ahead(c *clock.Clock, by time.Duration) bool {
	return (time.Until(c.Now()) - by).Abs() < time.Second
}

func TestEveryProcessOfADemoFollows(t *testing.T) {
	db := databasetest.New(t, clock.Migrations)
	one, other := started(t, db), started(t, db)
	for _, by := range []time.Duration{720 * time.Hour, -30 * time.Minute, 0} {
		changed := other.Changed()
		if err := one.SetOffset(t.Context(), by); err != nil {
			t.Fatal(err)
		}
		if !ahead(one, by) {
			t.Errorf("after SetOffset(%v) the process that was told is at %v", by, one.Now())
		}
		select {
		case <-changed:
		case <-time.After(5 * time.Second):
			t.Fatal("the other process heard nothing")
		}
		if !ahead(other, by) {
			t.Errorf("after SetOffset(%v) the other process is at %v", by, other.Now())
		}
		if got, err := other.Offset(t.Context()); err != nil || got != by {
			t.Errorf("the offset is %v, %v, want %v", got, err, by)
		}
	}
	if err := one.SetOffset(t.Context(), 200*365*24*time.Hour); !errors.Is(err, problem.Invalid) || !ahead(one, 0) {
		t.Errorf("two centuries: %v, at %v", err, one.Now())
	}
	if err := one.SetOffset(t.Context(), time.Hour); err != nil {
		t.Fatal(err)
	}
	if again := started(t, db); !ahead(again, time.Hour) {
		t.Errorf("a process that starts later is at %v", again.Now())
	}
}

// What is no demo keeps the machine's time, and says that it does.
func TestOnlyADemoFollows(t *testing.T) {
	db := databasetest.New(t, clock.Migrations)
	var log bytes.Buffer
	to := slog.New(slog.NewTextHandler(&log, nil))
	if err := clock.Heed(t.Context(), db, to); err != nil || log.Len() > 0 {
		t.Errorf("%v, %s", err, &log)
	}
	if err := started(t, db).SetOffset(t.Context(), time.Hour); err != nil {
		t.Fatal(err)
	}
	var none *clock.Clock
	if !ahead(none, 0) || !ahead(&clock.Clock{}, 0) {
		t.Error("a clock that is not to be moved was moved")
	}
	if err := clock.Heed(t.Context(), db, to); err != nil || !strings.Contains(log.String(), "offset=1h0m0s") {
		t.Errorf("%v, %s", err, &log)
	}
}
