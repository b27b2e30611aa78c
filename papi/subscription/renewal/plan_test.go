package renewal

import (
	"testing"

	"puente/contracts/sapi/carrierbilling"
	"puente/contracts/sapi/subscriber"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/lifecycle"
	"puente/papi/subscription/sql"
	"puente/shared/database/databasetest"
)

// What a renewal costs does not grow with what is stored.
func TestPlansLast(t *testing.T) {
	db := databasetest.NewSession(t, migrations)
	w := newWorld(t, db, "2026-03-01 10:00:00")
	w.product(100, catalogue.Day, 990)
	w.product(101, catalogue.Day, 990)
	w.product(102, catalogue.Day, 990, func(p *catalogue.ProductSpec) { p.Status = catalogue.StatusSuspended })
	for n := range 6 {
		w.subscribe(n, 100, 990, w.now())
		w.subscribe(n, 101, 990, w.now())
		w.subscribe(n, 102, 990, w.now())
	}
	s := w.scheduler(db, testConfig())
	days := 0
	w.operator.does = func(o carrierbilling.Order) deed {
		if o.ProductID == 101 && days%2 == 0 {
			return lostAfter
		}
		return charges
	}
	use := func() {
		days++
		w.set(at(t, "2026-03-01 12:00:00").AddDate(0, 0, days))
		s.run(t)
		// As resolve does, by names: the schema is read from end to end otherwise.
		w.exec(`update subscription.attempts set ends_at = now() - interval '1 hour' where (charge_id, number) in (select id, attempts from subscription.charges where next_at is not null)`)
		w.exec(`update subscription.charges set next_at = now() - interval '1 second' where next_at is not null`)
		if err := s.charging.Resolve(t.Context()); err != nil {
			t.Fatal(err)
		}
		line := days % 6
		w.lines.happened(line, subscriber.EventOther, w.now(), "")
		if err := s.FollowLines(t.Context()); err != nil {
			t.Fatal(err)
		}
		q := sql.New(db)
		if _, err := q.CountDue(t.Context(), sql.CountDueParams{Now: w.now(), Most: 10}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.lag(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	databasetest.WantLastingPlans(t, db, "subscription", use, `
		insert into subscription.lines (key, msisdn) select int8send(n), '' from generate_series(1, 20000) n;
		insert into subscription.consents select gen_random_uuid(), id, 1, 10, 100, 100, 990, 'CLP', 'PIN', now(), '' from subscription.lines where msisdn = '';
		insert into subscription.subscriptions (line_id, partner_id, service_id, product_id, pricepoint_id, consent_id, campaign, channel, short_code, tid, user_type, owner_epoch, state, created_at, changed_at, anchor, paid_until, due_at)
			select line_id, 1, 10, 100, 100, id, '', '', '', '', '', '', 'ACTIVE', now(), now(), now(), '2040-01-01', '2040-01-01' from subscription.consents where record = '' and line_id in (select id from subscription.lines where msisdn = '');
		insert into subscription.charges (key, kind, state, subscription_id, line_id, partner_id, service_id, product_id, pricepoint_id, amount, currency, channel, short_code, tid, user_type, consent_id, correlation, created_at, opened_at, attempts)
			select 'old:' || id, 'RENEWAL', 'SUCCEEDED', id, line_id, 1, 10, 100, 100, 990, 'CLP', '', '', '', '', consent_id, '', now(), now(), 1 from subscription.subscriptions where due_at = '2040-01-01';
		insert into subscription.attempts (charge_id, number, tx_id, state, sent_at, ends_at) select id, 1, key, 'SUCCEEDED', now(), now() from subscription.charges where key like 'old:%';
		insert into subscription.spending select line_id, '2026-01', 'CLP', 990 from subscription.charges where key like 'old:%';
		analyze subscription.subscriptions, subscription.charges, subscription.attempts, subscription.lines, subscription.consents, subscription.spending;
	`)
	if n := w.count(`select count(*) from subscription.subscriptions where state = $1 and periods > 10`, lifecycle.Active); n < 6 {
		t.Errorf("%d were renewed often", n)
	}
}
