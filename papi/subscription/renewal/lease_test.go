package renewal

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"puente/contracts/sapi/carrierbilling"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/charging"
	"puente/papi/subscription/sql"
	"puente/shared/database/databasetest"
)

// A row that cannot be opened does not hold up the rest.
func TestPoisonedRow(t *testing.T) {
	db := databasetest.New(t, migrations)
	w := newWorld(t, db, "2026-03-02 10:00:00")
	w.product(100, catalogue.Day, 990)
	var bad int64
	for n := range 12 {
		bad = w.subscribe(n, 100, 990, at(t, "2026-03-01 10:00:00").Add(time.Duration(-n)*time.Second))
	}
	w.exec(`create function test.refuse() returns trigger language plpgsql as $$ begin raise exception 'poison'; end $$`)
	w.exec(fmt.Sprintf(`create trigger poison before insert on subscription.charges for each row when (new.subscription_id = %d) execute function test.refuse()`, bad))
	s := w.scheduler(db, testConfig())
	s.Log = quiet()
	s.run(t)
	if n := w.count(`select count(*) from subscription.subscriptions where periods = 2`); n != 11 {
		t.Errorf("%d renewed", n)
	}
	if row := w.subscription(bad); row.DueAt == nil || !row.DueAt.After(w.now()) {
		t.Errorf("due %v", row.DueAt)
	}
}

// A dead process's rows come back when its lease is over, and not before.
func TestLease(t *testing.T) {
	db := databasetest.New(t, migrations)
	w := newWorld(t, db, "2026-03-02 10:00:00")
	w.product(100, catalogue.Day, 990)
	w.subscribe(1, 100, 990, at(t, "2026-03-01 10:00:00"))
	dead, err := sql.New(db).ClaimDue(t.Context(), sql.ClaimDueParams{Lasts: time.Hour, Now: w.now(), Most: 10})
	if err != nil || len(dead) != 1 {
		t.Fatal(len(dead), err)
	}
	s := w.scheduler(db, testConfig())
	s.run(t)
	if w.operator.calls != 0 {
		t.Fatal("what another has got hold of was charged")
	}
	w.exec(`update subscription.subscriptions set leased_until = now() - interval '1 second'`)
	s.run(t)
	if w.operator.calls != 1 {
		t.Errorf("%d calls", w.operator.calls)
	}
}

// Whoever lost the lease to another before it opened does nothing.
func TestLeaseLost(t *testing.T) {
	db := databasetest.New(t, migrations)
	w := newWorld(t, db, "2026-03-02 10:00:00")
	w.product(100, catalogue.Day, 990)
	id := w.subscribe(1, 100, 990, at(t, "2026-03-01 10:00:00"))
	s := w.scheduler(db, testConfig())
	w.lines.mu.Lock()
	done := make(chan error)
	go func() { _, _, err := s.Run(context.Background()); done <- err }()
	for w.count(`select count(*) from subscription.subscriptions where lease is not null`) == 0 {
	}
	w.exec(`update subscription.subscriptions set lease = gen_random_uuid()`)
	w.lines.mu.Unlock()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if row := w.subscription(id); w.operator.calls != 0 || row.Lease == nil {
		t.Errorf("%d calls, lease %v", w.operator.calls, row.Lease)
	}
}

// What is in flight when a process is told to stop is settled; what it has not begun is given back.
func TestStopped(t *testing.T) {
	db := databasetest.New(t, migrations)
	w := newWorld(t, db, "2026-03-02 10:00:00")
	w.product(100, catalogue.Day, 990)
	const due = 30
	for n := range due {
		w.subscribe(n, 100, 990, at(t, "2026-03-01 10:00:00").Add(time.Duration(-n)*time.Minute))
	}
	cfg := testConfig()
	cfg.Chunk, cfg.Calls = due, 4
	s := w.scheduler(db, cfg)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	w.operator.during = func(carrierbilling.Order) { stop() }
	if _, _, err := s.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if w.operator.calls == 0 || w.operator.calls > cfg.Calls {
		t.Errorf("%d calls", w.operator.calls)
	}
	if n := w.count(`select count(*) from subscription.charges where state in ('SENT', 'UNKNOWN')`); n != 0 {
		t.Errorf("%d charges are open", n)
	}
	if n := w.count(`select count(*) from subscription.subscriptions where lease is not null or due_at is null`); n != 0 {
		t.Errorf("%d subscriptions are in nobody's hands", n)
	}
	w.operator.during = nil
	w.set(w.now().Add(time.Minute))
	s.run(t)
	if n := w.count(`select count(*) from subscription.subscriptions where periods = 2`); n != due || len(w.operator.ledger) != due {
		t.Errorf("%d renewed, %d charged", n, len(w.operator.ledger))
	}
}

// A chunk whose time is over before its lines are looked up is given back as it was.
func TestNoTimeToLook(t *testing.T) {
	db := databasetest.New(t, migrations)
	w := newWorld(t, db, "2026-03-02 10:00:00")
	w.product(100, catalogue.Day, 990)
	id := w.subscribe(1, 100, 990, at(t, "2026-03-01 10:00:00"))
	s := w.scheduler(db, testConfig())
	results := s.collect(t.Context())
	came, _, err := s.chunk(t.Context(), time.Now().Add(-time.Second), results)
	results.close()
	if row := w.subscription(id); err != nil || came != 0 || w.lines.asked != 0 || row.Lease != nil || !row.DueAt.Equal(*row.PaidUntil) {
		t.Errorf("%d came, %d look-ups, due %s: %v", came, w.lines.asked, row.DueAt, err)
	}
}

// Who settles late settles nothing of a charge that was opened again since, though under the same TxID.
func TestSettledLate(t *testing.T) {
	db := databasetest.New(t, migrations)
	w := newWorld(t, db, "2026-03-02 10:00:00")
	w.product(100, catalogue.Day, 990)
	w.subscribe(1, 100, 990, at(t, "2026-03-01 10:00:00"))
	s := w.scheduler(db, testConfig())
	var stale sql.SubscriptionCharge
	keep := func(carrierbilling.Order) {
		var key string
		err := db.QueryRow(context.Background(), `select key from subscription.charges`).Scan(&key)
		if err == nil {
			stale, err = sql.New(db).Charge(context.Background(), key)
		}
		if err != nil {
			t.Error(err)
		}
	}
	w.operator.does = func(carrierbilling.Order) deed { return unavailable }
	w.operator.during = keep
	s.run(t)
	w.operator.does, w.operator.during = func(carrierbilling.Order) deed { return lostAfter }, nil
	w.set(w.now().Add(time.Hour))
	s.run(t)
	err := pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) error {
		_, err := s.charging.Settle(t.Context(), tx, w.now(), charging.Settlement{Charge: stale, Result: charging.Result{Outcome: charging.OutcomeUndone}})
		return err
	})
	if n := w.count(`select count(*) from subscription.charges where state = 'UNKNOWN' and attempts = 1`); err != nil || n != 1 {
		t.Errorf("%d not known: %v", n, err)
	}
	w.resolve(s)
	if n := w.count(`select count(*) from subscription.charges where state = 'SUCCEEDED'`); n != 1 || len(w.operator.ledger) != 1 {
		t.Errorf("%d came true, %d at the operator", n, len(w.operator.ledger))
	}
}
