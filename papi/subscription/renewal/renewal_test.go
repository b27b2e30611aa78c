package renewal

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"puente/contracts/sapi/carrierbilling"
	"puente/contracts/sapi/subscriber"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/charging"
	"puente/papi/subscription/lifecycle"
	"puente/papi/subscription/sql"
	"puente/shared/database/databasetest"
	"puente/shared/problem"
)

func TestRenewed(t *testing.T) {
	db := databasetest.New(t, migrations)
	w := newWorld(t, db, "2026-02-28 10:00:00")
	w.product(100, catalogue.Month, 990, func(p *catalogue.ProductSpec) { p.RenewalMessage = true })
	id := w.subscribe(1, 100, 990, at(t, "2026-01-31 10:00:00"))
	s := w.scheduler(db, testConfig())
	s.run(t)
	row := w.subscription(id)
	if want := at(t, "2026-03-31 10:00:00"); row.State != lifecycle.Active || !row.DueAt.Equal(want) || !row.PaidUntil.Equal(want) || row.Periods != 2 {
		t.Errorf("%s, due %s, periods %d", row.State, row.DueAt, row.Periods)
	}
	if n := w.count(`select count(*) from test.notices where kind = 2 and context = 1 and amount = 990`); n != 1 {
		t.Errorf("%d notices of the charge", n)
	}
	if n := w.count(`select count(*) from test.messages where purpose = 'RENEWED'`); n != 1 {
		t.Errorf("%d messages", n)
	}
	var key string
	if err := db.QueryRow(t.Context(), `select key from subscription.charges where state = 'SUCCEEDED'`).Scan(&key); err != nil || key != fmt.Sprintf("sub:%d:2026-02-28T13:00:00Z", id) {
		t.Errorf("key %q: %v", key, err)
	}
	if n := w.count(`select count(*) from subscription.charges c join subscription.history h using (subscription_id, correlation) where c.correlation <> '' and h.cause = 'renewed'`); n != 1 {
		t.Errorf("the charge and its history are not found by one correlation")
	}
	s.run(t)
	if len(w.operator.ledger) != 1 {
		t.Errorf("%d charges", len(w.operator.ledger))
	}
	if n := testutil.ToFloat64(s.metrics.of(100, "charged")); n != 1 {
		t.Errorf("counted %v", n)
	}
}

// What is renewed before its period ends is reminded, at the price that it will be charged.
func TestReminded(t *testing.T) {
	db := databasetest.New(t, migrations)
	w := newWorld(t, db, "2026-02-26 10:00:00")
	w.product(100, catalogue.Month, 1290, func(p *catalogue.ProductSpec) { p.NoReminder = false })
	id := w.subscribe(1, 100, 990, at(t, "2026-01-28 10:00:00"))
	s := w.scheduler(db, testConfig())
	s.run(t)
	if n := w.count(`select count(*) from test.messages where purpose = 'REMINDER' and amount = 990`); n != 1 || w.operator.calls != 0 {
		t.Errorf("%d reminders, %d calls", n, w.operator.calls)
	}
	if row := w.subscription(id); !row.DueAt.Equal(*row.PaidUntil) {
		t.Errorf("due %s, paid until %s", row.DueAt, row.PaidUntil)
	}
}

// Invariant 7: the catalogue's price, and never more than the consent names.
func TestInvariant7Price(t *testing.T) {
	for name, c := range map[string]struct {
		price, agreed, want int64
	}{"as agreed": {990, 990, 990}, "price rose": {1290, 990, 990}, "price fell": {790, 990, 790}, "became free": {0, 990, 0}, "was free": {990, 0, 0}} {
		t.Run(name, func(t *testing.T) {
			db := databasetest.New(t, migrations)
			w := newWorld(t, db, "2026-03-02 10:00:00")
			w.product(100, catalogue.Day, c.price)
			id := w.subscribe(1, 100, c.agreed, at(t, "2026-03-01 10:00:00"))
			w.scheduler(db, testConfig()).run(t)
			var charged int64
			for _, made := range w.operator.ledger {
				charged += made[0].order.Amount
			}
			if row := w.subscription(id); charged != c.want || row.Periods != 2 {
				t.Errorf("charged %d for period %d", charged, row.Periods)
			}
			if n := w.count(`select count(*) from test.notices where kind = 2 and amount > 0`); (n > 0) != (c.want > 0) {
				t.Errorf("%d notices", n)
			}
		})
	}
}

// A price that changes between two attempts of a period is that of the second, under a TxID of its own, and is
// taken off what the line spent.
func TestPriceFallsBetweenAttempts(t *testing.T) {
	db := databasetest.New(t, migrations)
	w := newWorld(t, db, "2026-03-02 10:00:00")
	w.product(100, catalogue.Week, 990)
	w.subscribe(1, 100, 990, at(t, "2026-02-23 10:00:00"))
	s := w.scheduler(db, testConfig())
	w.operator.does = func(carrierbilling.Order) deed { return declines }
	s.run(t)
	w.product(100, catalogue.Week, 500)
	w.set(at(t, "2026-03-02 16:00:00"))
	s.run(t)
	w.operator.does = nil
	w.set(at(t, "2026-03-03 10:00:00"))
	s.run(t)
	if n := w.count(`select amount from subscription.charges where state = 'SUCCEEDED' and attempts = 3`); n != 500 {
		t.Errorf("charged %d", n)
	}
	if n := w.count(`select coalesce(sum(amount), 0) from subscription.spending where span = '2026-03'`); n != 500 {
		t.Errorf("spent %d", n)
	}
}

// What speaks against a charge, before any.
func TestNotCharged(t *testing.T) {
	const active = lifecycle.Active
	for name, c := range map[string]struct {
		change  func(*world)
		state   string
		cause   string
		again   time.Duration // zero: never
		notices int
		message bool
	}{
		"terminated": {change: func(w *world) {
			w.lines.change(msisdn(1), func(l *subscriber.Line) { l.State = subscriber.StateTerminated })
		}, state: lifecycle.Cancelled, cause: lifecycle.CauseLine, notices: 1},
		"ported out": {change: func(w *world) {
			w.lines.change(msisdn(1), func(l *subscriber.Line) { l.State = subscriber.StatePortedOut })
		}, state: lifecycle.Cancelled, cause: lifecycle.CauseLine, notices: 1},
		"another operator's": {change: func(w *world) { w.lines.change(msisdn(1), func(l *subscriber.Line) { l.Own = false }) }, state: lifecycle.Cancelled, cause: lifecycle.CauseLine, notices: 1},
		"another owner's":    {change: func(w *world) { w.lines.change(msisdn(1), func(l *subscriber.Line) { l.OwnerEpoch = "e2" }) }, state: lifecycle.Cancelled, cause: lifecycle.CauseLine, notices: 1},
		"unknown":            {change: func(w *world) { delete(w.lines.known, msisdn(1)) }, state: lifecycle.Cancelled, cause: lifecycle.CauseLine, notices: 1},
		"owner not told":     {change: func(w *world) { w.lines.change(msisdn(1), func(l *subscriber.Line) { l.OwnerEpoch = "" }) }, state: active, again: 5 * time.Minute},
		"barred":             {change: func(w *world) { w.lines.change(msisdn(1), func(l *subscriber.Line) { l.ContentBarred = true }) }, state: active, again: time.Hour},
		"directory away":     {change: func(w *world) { w.lines.fail(problem.Unavailable) }, state: active, again: 5 * time.Minute},
		"no route to it":     {change: func(w *world) { w.lines.fail(errors.New("defect")) }, state: active, again: 5 * time.Minute},
		"product suspended": {change: func(w *world) {
			w.product(100, catalogue.Day, 990, func(p *catalogue.ProductSpec) { p.Status = catalogue.StatusSuspended })
		}, state: active, again: time.Hour},
		"partner suspended": {change: func(w *world) {
			w.put("Partner", "1", &catalogue.PartnerSpec{Name: "Partner", Country: "CL", Environment: catalogue.Production, Status: catalogue.StatusSuspended})
		}, state: active, again: time.Hour},
		"product withdrawn": {change: func(w *world) {
			w.product(100, catalogue.Day, 990, func(p *catalogue.ProductSpec) { p.Status = catalogue.StatusWithdrawn })
		}, state: lifecycle.Cancelled, cause: lifecycle.CauseProduct, notices: 1, message: true},
		"price point withdrawn": {change: func(w *world) {
			w.product(100, catalogue.Day, 990, func(p *catalogue.ProductSpec) { p.PricePoints[0].Status = catalogue.StatusWithdrawn })
		}, state: lifecycle.Cancelled, cause: lifecycle.CauseProduct, notices: 1, message: true},
		"price point gone": {change: func(w *world) {
			w.product(100, catalogue.Day, 990, func(p *catalogue.ProductSpec) { p.PricePoints[0].ID = 101 })
		}, state: active, again: time.Hour},
		"product not to be read": {change: func(w *world) {
			w.exec(`update subscription.catalogue set spec = '{}' where kind = 'Product'`)
			if err := w.store.Load(context.Background()); err != nil {
				w.t.Fatal(err)
			}
		}, state: active, again: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			db := databasetest.New(t, migrations)
			w := newWorld(t, db, "2026-03-02 10:00:00")
			w.product(100, catalogue.Day, 990)
			id := w.subscribe(1, 100, 990, at(t, "2026-03-01 10:00:00"))
			c.change(w)
			s := w.scheduler(db, testConfig())
			s.run(t)
			row := w.subscription(id)
			if row.State != c.state || row.CancelCause != c.cause || (c.state == lifecycle.Cancelled) != (row.CancelReason == lifecycle.ReasonLifecycle) {
				t.Errorf("%s %s %s", row.State, row.CancelCause, row.CancelReason)
			}
			if c.again > 0 && (row.DueAt == nil || row.DueAt.Before(w.now().Add(c.again)) || row.DueAt.After(w.now().Add(c.again*5/4+time.Second))) {
				t.Errorf("looked at again at %v", row.DueAt)
			}
			if w.operator.calls != 0 || string(row.Tries) != "[]" || row.Lease != nil {
				t.Errorf("%d calls, tries %s, lease %v", w.operator.calls, row.Tries, row.Lease)
			}
			if n := w.count(`select count(*) from test.notices where kind = 1 and reason = 'LIFECYCLE'`); n != c.notices {
				t.Errorf("%d notices", n)
			}
			if n := w.count(`select count(*) from test.messages where purpose = 'CANCELLED'`); (n == 1) != c.message {
				t.Errorf("%d messages", n)
			}
		})
	}
}

// A directory that knows nobody any more is not believed.
func TestDirectoryForgetsAll(t *testing.T) {
	db := databasetest.New(t, migrations)
	w := newWorld(t, db, "2026-03-02 10:00:00")
	w.product(100, catalogue.Day, 990)
	for n := range credible {
		w.subscribe(n, 100, 990, at(t, "2026-03-01 10:00:00"))
	}
	clear(w.lines.known)
	s := w.scheduler(db, testConfig())
	s.Log = quiet()
	s.run(t)
	if n := w.count(`select count(*) from subscription.subscriptions where state = 'CANCELLED'`); n != 0 {
		t.Errorf("%d ended", n)
	}
}

// A barred line is moved on by time all the same.
func TestBarredInGrace(t *testing.T) {
	db := databasetest.New(t, migrations)
	w := newWorld(t, db, "2026-03-02 10:00:00")
	w.product(100, catalogue.Week, 990)
	id := w.subscribe(1, 100, 990, at(t, "2026-02-23 10:00:00"))
	s := w.scheduler(db, testConfig())
	w.operator.does = func(carrierbilling.Order) deed { return declines }
	s.run(t)
	w.lines.change(msisdn(1), func(l *subscriber.Line) { l.ContentBarred = true })
	for _, step := range []struct {
		days int
		want string
	}{{1, lifecycle.Grace}, {4, lifecycle.Suspended}, {32, lifecycle.Suspended}, {34, lifecycle.Cancelled}} {
		w.set(at(t, "2026-03-02 10:00:00").AddDate(0, 0, step.days))
		s.run(t)
		if got := w.subscription(id).State; got != step.want {
			t.Errorf("after %d days %s", step.days, got)
		}
	}
	if w.operator.calls != 1 {
		t.Errorf("%d calls", w.operator.calls)
	}
}

// Invariant 25: the schedule of attempts, to the end.
func TestInvariant25Schedule(t *testing.T) {
	db := databasetest.New(t, migrations)
	w := newWorld(t, db, "2026-03-02 10:00:00")
	w.product(100, catalogue.Week, 990)
	id := w.subscribe(1, 100, 990, at(t, "2026-02-23 10:00:00"))
	s := w.scheduler(db, testConfig())
	var tried []string
	w.operator.does = func(carrierbilling.Order) deed {
		tried = append(tried, w.now().In(at(t, "2026-03-02 10:00:00").Location()).Format(time.DateTime))
		return declines
	}
	for range 60 {
		s.run(t)
		row := w.subscription(id)
		if row.DueAt == nil {
			break
		}
		w.set(*row.DueAt)
	}
	want := []string{"2026-03-02 10:00:00", "2026-03-02 16:00:00", "2026-03-03 10:00:00", "2026-03-04 10:00:00"}
	for day := at(t, "2026-03-05 10:00:00"); day.Before(at(t, "2026-04-04 00:00:00")); day = day.AddDate(0, 0, 1) {
		want = append(want, day.Format(time.DateTime))
	}
	if fmt.Sprint(tried) != fmt.Sprint(want) {
		t.Errorf("tried at\n%v, want\n%v", tried, want)
	}
	row := w.subscription(id)
	if row.State != lifecycle.Cancelled || row.CancelCause != lifecycle.CauseUnpaid || row.CancelReason != lifecycle.ReasonLifecycle {
		t.Errorf("%s %s", row.State, row.CancelCause)
	}
	if n := w.count(`select count(distinct key) from subscription.charges`); n != 1+30 {
		t.Errorf("%d keys", n)
	}
}

// Three attempts on a day cannot come about by a payment of the period before on it.
func TestAttemptsOfADayAcrossPeriods(t *testing.T) {
	db := databasetest.New(t, migrations)
	w := newWorld(t, db, "2026-03-03 01:00:00") // due the day before at 20:00: the scheduler stood still
	w.product(100, catalogue.Day, 990)
	id := w.subscribe(1, 100, 990, at(t, "2026-03-01 20:00:00"))
	s := w.scheduler(db, testConfig())
	w.operator.does = func(carrierbilling.Order) deed { return declines }
	s.run(t)
	w.operator.does = nil
	w.set(at(t, "2026-03-03 07:00:00"))
	s.run(t)
	w.set(at(t, "2026-03-03 20:00:00"))
	s.run(t)
	if w.operator.calls != 2 {
		t.Errorf("%d calls on a day", w.operator.calls)
	}
	if row := w.subscription(id); !row.DueAt.Equal(at(t, "2026-03-04 00:00:00")) {
		t.Errorf("due %s", row.DueAt)
	}
}

// Invariant 22: a cap of the line's holds over its products; the operator does not hear of what is beyond it.
func TestInvariant22SpendCap(t *testing.T) {
	db := databasetest.New(t, migrations)
	w := newWorld(t, db, "2026-03-02 10:00:00")
	w.caps = charging.Caps{Day: map[string]int64{"CLP": 1500}}
	w.product(100, catalogue.Week, 990)
	w.product(101, catalogue.Week, 990)
	first, second := w.subscribe(1, 100, 990, at(t, "2026-02-23 09:00:00")), w.subscribe(1, 101, 990, at(t, "2026-02-23 10:00:00"))
	s := w.scheduler(db, testConfig())
	s.run(t)
	states := w.subscription(first).State + " " + w.subscription(second).State
	if w.operator.calls != 1 || states != "ACTIVE GRACE" && states != "GRACE ACTIVE" {
		t.Errorf("%d calls, %s", w.operator.calls, states)
	}
	if n := w.count(`select count(*) from test.notices where kind = -1`); n != 1 {
		t.Errorf("%d notices of a failure", n)
	}
	w.set(at(t, "2026-03-03 16:00:00"))
	s.run(t)
	if w.operator.calls != 2 {
		t.Errorf("%d calls on the next day", w.operator.calls)
	}
}

// Invariant 5: what comes true after the end is given back, and nothing is begun after it.
func TestInvariant5Cancelled(t *testing.T) {
	db := databasetest.New(t, migrations)
	w := newWorld(t, db, "2026-03-02 10:00:00")
	w.product(100, catalogue.Day, 990)
	id := w.subscribe(1, 100, 990, at(t, "2026-03-01 10:00:00"))
	s := w.scheduler(db, testConfig())
	w.operator.during = func(carrierbilling.Order) {
		if err := w.cancel(id); err != nil {
			t.Error(err)
		}
	}
	s.run(t)
	w.resolve(s)
	if n := w.count(`select count(*) from subscription.charges where state = 'REFUNDED' and refund_reason = 'SUBSCRIPTION_OVER'`); n != 1 || len(w.operator.refunds) != 1 {
		t.Errorf("%d refunded, %d at the operator", n, len(w.operator.refunds))
	}
	if n := w.count(`select count(*) from test.notices where kind = 2`); n != 0 {
		t.Errorf("%d notices of a charge", n)
	}
	w.set(at(t, "2026-03-09 10:00:00"))
	s.run(t)
	if w.operator.calls != 1 {
		t.Errorf("%d calls", w.operator.calls)
	}
}

// A charge whose outcome is found out days later pays for what it was made for.
func TestFoundLate(t *testing.T) {
	db := databasetest.New(t, migrations)
	w := newWorld(t, db, "2026-03-02 10:00:00")
	w.product(100, catalogue.Week, 990)
	id := w.subscribe(1, 100, 990, at(t, "2026-02-23 10:00:00"))
	s := w.scheduler(db, testConfig())
	w.operator.does = func(carrierbilling.Order) deed { return lostAfter }
	s.run(t)
	if row := w.subscription(id); row.DueAt != nil {
		t.Errorf("due %s while a charge is in work", row.DueAt)
	}
	w.set(at(t, "2026-03-05 10:00:00"))
	s.run(t)
	w.resolve(s)
	if row := w.subscription(id); row.State != lifecycle.Active || !row.PaidUntil.Equal(at(t, "2026-03-09 10:00:00")) || w.operator.calls != 1 {
		t.Errorf("%s until %s by %d calls", row.State, row.PaidUntil, w.operator.calls)
	}
}

// What the operator takes no call for is tried again soon, and does not count.
func TestRefused(t *testing.T) {
	db := databasetest.New(t, migrations)
	w := newWorld(t, db, "2026-03-02 10:00:00")
	w.product(100, catalogue.Day, 990)
	id := w.subscribe(1, 100, 990, at(t, "2026-03-01 10:00:00"))
	s := w.scheduler(db, testConfig())
	w.operator.does = func(carrierbilling.Order) deed { return refuses }
	s.run(t)
	row := w.subscription(id)
	if row.State != lifecycle.Active || string(row.Tries) != "[]" || row.DueAt == nil || row.DueAt.Sub(w.now()) > 2*time.Second {
		t.Errorf("%s, tries %s, due %v", row.State, row.Tries, row.DueAt)
	}
	w.operator.does = func(carrierbilling.Order) deed { return unavailable }
	w.set(*row.DueAt)
	s.run(t)
	row = w.subscription(id)
	if row.State != lifecycle.Active || row.DueAt == nil || row.DueAt.Sub(w.now()) != 15*time.Minute {
		t.Errorf("%s, due %v", row.State, row.DueAt)
	}
	w.operator.does = nil
	w.set(*row.DueAt)
	s.run(t)
	if row = w.subscription(id); row.Periods != 2 || w.count(`select count(*) from subscription.attempts`) != 1 {
		t.Errorf("period %d", row.Periods)
	}
}

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

func TestConfig(t *testing.T) {
	if err := Defaults().Validate(); err != nil {
		t.Error(err)
	}
	if err := (Config{}).Validate(); err == nil {
		t.Error("nothing is wrong with nothing")
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

// A product with subscriptions is not deleted; one that was withdrawn is, once they are over.
func TestProductEnds(t *testing.T) {
	db := databasetest.New(t, migrations)
	w := newWorld(t, db, "2026-03-02 10:00:00")
	w.product(100, catalogue.Day, 990)
	w.subscribe(1, 100, 990, at(t, "2026-03-01 10:00:00"))
	remove := func() error {
		for _, r := range w.store.Resources() {
			if r.Kind == "Product" {
				return r.Delete(t.Context(), "100")
			}
		}
		return errors.New("there are no products")
	}
	if err := remove(); !errors.Is(err, problem.Conflict) {
		t.Errorf("deleted with subscriptions: %v", err)
	}
	w.product(100, catalogue.Day, 990, func(p *catalogue.ProductSpec) { p.Status = catalogue.StatusWithdrawn })
	w.scheduler(db, testConfig()).run(t)
	if err := remove(); err != nil {
		t.Errorf("not deleted without: %v", err)
	}
}
