package renewal

import (
	"context"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"puente/papi/subscription/charging"
	"puente/papi/subscription/lifecycle"
	"puente/papi/subscription/line"
	"puente/papi/subscription/schedule"
	"puente/shared/database"
	"puente/shared/database/databasetest"
)

// scheduler is a process.
type scheduler struct {
	*Renewal
	charging *charging.Charging
	db       *database.DB
}

func testConfig() Config {
	cfg := Defaults()
	cfg.Chunk, cfg.Calls, cfg.Lookups = 20, 8, 4
	return cfg
}

func (w *world) scheduler(db *database.DB, cfg Config, wrap ...func(charger) charger) *scheduler {
	reg := prometheus.NewRegistry()
	log := databasetest.Logger(w.t)
	l, writer := lifecycle.New(schedule.Default()), w.writer()
	chargingConfig := charging.Defaults()
	chargingConfig.Caps = w.caps
	c := charging.New(chargingConfig, charging.Deps{
		DB: db, Billing: w.operator, Catalogue: w.store, Book: w.book, Lifecycle: l, Writer: writer, Now: w.now, Log: log, Registerer: reg,
	})
	var wrapped charger = c
	for _, f := range wrap {
		wrapped = f(wrapped)
	}
	r := New(cfg, Deps{
		DB: db, Catalogue: w.store, Book: w.book, Directory: line.NewDirectory(w.lines), Events: w.lines, Lifecycle: l, Writer: writer,
		Charging: wrapped, Now: w.now, Log: log, Registerer: reg,
	})
	return &scheduler{Renewal: r, charging: c, db: db}
}

// run renews until nothing is due.
func (s *scheduler) run(t testing.TB) {
	t.Helper()
	for range 50 {
		more, _, err := s.Run(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if !more {
			return
		}
	}
	t.Fatal("there is always more")
}

// resolve settles what is open, as if the time for it had come.
func (w *world) resolve(s *scheduler) {
	w.t.Helper()
	w.exec(`update subscription.attempts set ends_at = now() - interval '1 hour' where state in ('SENT', 'UNKNOWN')`)
	w.exec(`update subscription.charges set next_at = now() - interval '1 second' where next_at is not null`)
	if err := s.charging.Resolve(context.Background()); err != nil {
		w.t.Fatal(err)
	}
}

// told writes notices in one statement.
type told struct{}

// said writes messages.
type said struct{}
