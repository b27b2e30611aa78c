package renewal

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"puente/contracts/sapi/carrierbilling"
	"puente/contracts/sapi/subscriber"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/charging"
	"puente/papi/subscription/lifecycle"
	"puente/papi/subscription/sql"
	"puente/shared/database/databasetest"
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

// A barred line is as one that the operator refuses, which does not hear of it: it has no access without paying.
func TestBarred(t *testing.T) {
	db := databasetest.New(t, migrations)
	w := newWorld(t, db, "2026-03-02 10:00:00")
	w.product(100, catalogue.Week, 990)
	id := w.subscribe(1, 100, 990, at(t, "2026-02-23 10:00:00"))
	w.lines.change(msisdn(1), func(l *subscriber.Line) { l.ContentBarred = true })
	s := w.scheduler(db, testConfig())
	for _, step := range []struct {
		days int
		want string
	}{{0, lifecycle.Grace}, {4, lifecycle.Suspended}, {34, lifecycle.Cancelled}} {
		w.set(at(t, "2026-03-02 10:00:00").AddDate(0, 0, step.days))
		s.run(t)
		if got := w.subscription(id).State; got != step.want {
			t.Errorf("after %d days %s", step.days, got)
		}
	}
	if w.operator.calls != 0 {
		t.Errorf("%d calls", w.operator.calls)
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

// Invariant 4: who leaves after the subscription was claimed, while the directory is asked, is not charged.
func TestInvariant4EndedSinceTheClaim(t *testing.T) {
	db := databasetest.New(t, migrations)
	w := newWorld(t, db, "2026-03-02 10:00:00")
	w.product(100, catalogue.Day, 990)
	id := w.subscribe(1, 100, 990, at(t, "2026-03-01 10:00:00"))
	s := w.scheduler(db, testConfig(), func(c charger) charger { return renewing{c, t} })
	s.Deps.Directory = slow{s.Deps.Directory, func() {
		if err := w.cancel(id); err != nil {
			t.Error(err)
		}
	}}
	s.run(t)
	if n := w.count(`select count(*) from subscription.charges`); n != 0 || w.operator.calls != 0 || w.lines.asked != 1 {
		t.Errorf("%d charges, %d calls, the directory was asked %d times", n, w.operator.calls, w.lines.asked)
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

// Who changes from prepaid to postpaid is told of as that from the next renewal on, at the end of the subscription, too.
func TestUserTypeIsThatOfTheLastRenewal(t *testing.T) {
	db := databasetest.New(t, migrations)
	w := newWorld(t, db, "2026-03-02 10:00:00")
	w.product(100, catalogue.Day, 990)
	id := w.subscribe(1, 100, 990, at(t, "2026-03-01 10:00:00"))
	w.lines.change(msisdn(1), func(l *subscriber.Line) { l.UserType = subscriber.UserTypePostpaid })
	w.scheduler(db, testConfig()).run(t)
	if row := w.subscription(id); row.UserType != string(subscriber.UserTypePostpaid) || row.Periods != 2 {
		t.Errorf("%s in period %d", row.UserType, row.Periods)
	}
}

// Whoever leaves while their charge waits for its moment, at the pace that the operator bears, is not charged.
func TestInvariant5EndedWhileItsChargeWaits(t *testing.T) {
	db := databasetest.New(t, migrations)
	w := newWorld(t, db, "2026-03-02 10:00:00")
	w.product(100, catalogue.Day, 990)
	leaves, stays := w.subscribe(1, 100, 990, at(t, "2026-03-01 10:00:00")), w.subscribe(2, 100, 990, at(t, "2026-03-01 10:00:00"))
	s := w.scheduler(db, testConfig())
	c := chunk{Renewal: s.Renewal, lease: uuid.New(), left: map[int64]bool{}}
	rows, err := sql.New(db).ClaimDue(t.Context(), sql.ClaimDueParams{Lease: c.lease, Lasts: time.Minute, Now: w.now(), Most: 10})
	if err != nil {
		t.Fatal(err)
	}
	all, _, err := s.look(t.Context(), rows, time.Now().Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	orders, err := c.open(t.Context(), all)
	if err != nil || len(orders) != 2 {
		t.Fatalf("%d orders, %v", len(orders), err)
	}
	if err := w.cancel(leaves); err != nil {
		t.Fatal(err)
	}
	want := map[int64]charging.Outcome{leaves: charging.OutcomeUndone, stays: charging.OutcomeCharged}
	for _, order := range orders {
		if got := c.call(t.Context(), order, time.Now().Add(3*atOnce)); got.Outcome != want[*order.Charge.SubscriptionID] {
			t.Errorf("subscription %d: %+v", *order.Charge.SubscriptionID, got)
		}
	}
	if w.operator.calls != 1 {
		t.Errorf("%d calls", w.operator.calls)
	}
}
