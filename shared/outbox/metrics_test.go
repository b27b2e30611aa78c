package outbox

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"puente/shared/database/databasetest"
)

func TestMetrics(t *testing.T) {
	w := newWorld(t)
	owner := w.owner()
	owner.Party = func(e Event) string { return e.Destination[:1] }
	reg := prometheus.NewRegistry()
	deps := Deps{DB: w.db, Logger: databasetest.Logger(t), Registerer: reg}
	d, err := NewDeliverer(w.o, "s", calm, owner, deps)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewDeliverer(w.o, "another", calm, owner, deps); err != nil {
		t.Fatal(err)
	}
	if _, err := NewDeliverer(w.o, "s", calm, owner, deps); err == nil {
		t.Fatal("two deliverers of a stream in one process")
	}
	w.answer = func(e Event, _ int) Result {
		return map[string]Result{"x": {Outcome: Dead}, "y": {Outcome: Pause}, "z": {Outcome: Delivered}}[e.Type]
	}
	w.add("p1/1/x", "p2/2/y", "q/3/z")
	w.rounds(d)
	w.add("q/4/late", "q/4/behind")
	w.pass(90 * time.Second)
	if err := d.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	err = testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP outbox_attempts_total Attempts to deliver an event by result: delivered, retry, retry_slow, dead, pause, postponed.
# TYPE outbox_attempts_total counter
outbox_attempts_total{party="p",result="dead",stream="s"} 1
outbox_attempts_total{party="p",result="pause",stream="s"} 1
outbox_attempts_total{party="q",result="delivered",stream="s"} 1
# HELP outbox_due_lag_seconds How long the oldest event that is due, to a destination that is not paused, has been waiting.
# TYPE outbox_due_lag_seconds gauge
outbox_due_lag_seconds{stream="another"} 0
outbox_due_lag_seconds{stream="s"} 90
# HELP outbox_pending Events to be delivered, counted up to 1000000.
# TYPE outbox_pending gauge
outbox_pending{stream="another"} 0
outbox_pending{stream="s"} 3
# HELP outbox_dead Dead letters kept, counted up to 1000000.
# TYPE outbox_dead gauge
outbox_dead{stream="another"} 0
outbox_dead{stream="s"} 1
# HELP outbox_destinations_paused Destinations that are paused until an operator resumes them.
# TYPE outbox_destinations_paused gauge
outbox_destinations_paused{stream="another"} 0
outbox_destinations_paused{stream="s"} 1
`), "outbox_attempts_total", "outbox_due_lag_seconds", "outbox_pending", "outbox_dead", "outbox_destinations_paused")
	if err != nil {
		t.Fatal(err)
	}
}
