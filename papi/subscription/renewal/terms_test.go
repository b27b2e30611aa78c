package renewal

import (
	"context"
	"errors"
	"testing"
	"time"

	"puente/contracts/sapi/carrierbilling"
	"puente/contracts/sapi/subscriber"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/lifecycle"
	"puente/shared/database/databasetest"
	"puente/shared/problem"
)

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

// A product that was withdrawn is had for as long as it is paid for, though its subscription is looked at before, to be
// reminded; nobody is reminded of a renewal that will not be.
func TestWithdrawnEndsWhenItIsDue(t *testing.T) {
	db := databasetest.New(t, migrations)
	w := newWorld(t, db, "2026-03-30 10:00:00")
	withdrawn := func(p *catalogue.ProductSpec) {
		p.NoReminder, p.Status = false, catalogue.StatusWithdrawn
	}
	w.product(100, catalogue.Month, 990, func(p *catalogue.ProductSpec) { p.NoReminder = false })
	id := w.subscribe(1, 100, 990, at(t, "2026-03-01 10:00:00"))
	w.product(100, catalogue.Month, 990, withdrawn)
	s := w.scheduler(db, testConfig())
	s.run(t)
	due := at(t, "2026-04-01 10:00:00")
	if row := w.subscription(id); row.State != lifecycle.Active || row.DueAt == nil || !row.DueAt.Equal(due) {
		t.Errorf("before it is due: %s, looked at again at %v", row.State, row.DueAt)
	}
	if n := w.count(`select count(*) from test.messages where purpose = 'REMINDER'`); n != 0 {
		t.Errorf("%d reminders", n)
	}
	w.set(due)
	s.run(t)
	if row := w.subscription(id); row.State != lifecycle.Cancelled || row.CancelCause != lifecycle.CauseProduct {
		t.Errorf("when it is due: %s %s", row.State, row.CancelCause)
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
