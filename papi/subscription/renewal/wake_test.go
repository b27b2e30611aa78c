package renewal

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"puente/papi/subscription/catalogue"
	"puente/shared/database/databasetest"
	"puente/shared/jobs"
)

const queue = "papi.subscription"

func newJobs(t *testing.T, w *world) *jobs.Jobs {
	t.Helper()
	j, err := jobs.New(w.db, jobs.Config{}, databasetest.Logger(t), prometheus.NewRegistry(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// The workers of two processes renew what is due, and come back for more.
func TestWorkersRenew(t *testing.T) {
	db := databasetest.New(t, migrations, jobs.Migrations)
	w := newWorld(t, db, "2026-03-02 10:00:00")
	w.product(100, catalogue.Day, 990)
	const due = 60
	for n := range due {
		w.subscribe(n, 100, 990, at(t, "2026-03-01 09:00:00"))
	}
	cfg := testConfig()
	cfg.Chunk = 7
	for range 2 {
		j := newJobs(t, w)
		if err := w.scheduler(db, cfg).Schedule(j, queue); err != nil {
			t.Fatal(err)
		}
		if err := j.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			if err := j.Stop(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	for deadline := time.Now().Add(time.Minute); w.count(`select count(*) from subscription.subscriptions where periods = 2`) < due; {
		if time.Now().After(deadline) {
			t.Fatal("not all are renewed after a minute")
		}
	}
	w.operator.mu.Lock()
	defer w.operator.mu.Unlock()
	if w.operator.calls != due {
		t.Errorf("%d calls", w.operator.calls)
	}
}

// No more jobs are enqueued than there are chunks due, nor than may be at once; none twice.
func TestWakeIsBounded(t *testing.T) {
	db := databasetest.New(t, migrations, jobs.Migrations)
	w := newWorld(t, db, "2026-03-02 08:00:00")
	w.product(100, catalogue.Day, 990)
	for n := range 9 {
		w.subscribe(n, 100, 990, at(t, "2026-03-01 09:00:00").Add(time.Duration(n)*time.Hour))
	}
	cfg := testConfig()
	cfg.Chunk, cfg.Jobs = 2, 3
	s, j := w.scheduler(db, cfg), newJobs(t, w)
	for _, step := range []struct {
		at   string
		want int
	}{{"08:00", 0}, {"10:00", 1}, {"11:00", 2}, {"23:00", 3}, {"23:00", 3}} {
		w.set(at(t, "2026-03-02 "+step.at+":00"))
		if err := s.wake(t.Context(), j, queue); err != nil {
			t.Fatal(err)
		}
		if n := w.count(`select count(*) from river.river_job`); n != step.want {
			t.Errorf("at %s %d jobs", step.at, n)
		}
	}
}
