package server

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/clock"
	"puente/shared/database/databasetest"
)

// Business time is moved in a demo, and nowhere else: whoever has the database of one has the machine's.
func TestOnlyADemoHasBusinessTimeMoved(t *testing.T) {
	db := databasetest.New(t, clock.Migrations)
	var log bytes.Buffer
	started := func(movable func(*clock.Clock)) time.Duration {
		h := &host{db: db, log: slog.New(slog.NewTextHandler(&log, nil)), registerer: prometheus.NewRegistry(), movable: movable}
		if err := h.openClock(t.Context()); err != nil {
			t.Fatal(err)
		}
		env := &Env{host: h}
		return time.Until(env.Now()).Round(time.Minute)
	}
	var moved *clock.Clock
	if by := started(func(c *clock.Clock) { moved = c }); by != 0 {
		t.Errorf("a new demo is %v ahead", by)
	}
	if err := moved.SetOffset(t.Context(), 720*time.Hour); err != nil {
		t.Fatal(err)
	}
	if by := started(func(*clock.Clock) {}); by != 720*time.Hour {
		t.Errorf("a demo is %v ahead", by)
	}
	if by := started(nil); by != 0 || !strings.Contains(log.String(), "it is not followed here") {
		t.Errorf("what is no demo is %v ahead, and says %s", by, &log)
	}
}
