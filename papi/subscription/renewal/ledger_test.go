package renewal

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"puente/papi/subscription/period"
)

// none wants a query to find nothing.
func (s *simulation) none(what, query string, args ...any) {
	s.t.Helper()
	rows, err := s.db.Query(context.Background(), query, args...)
	if err != nil {
		s.t.Fatalf("%s: %v", what, err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToMap)
	if err != nil {
		s.t.Fatalf("%s: %v", what, err)
	}
	for i, row := range found {
		if i == 3 {
			s.t.Errorf("%s: and %d more", what, len(found)-i)
			break
		}
		s.t.Errorf("%s: %v", what, row)
	}
}

func (s *simulation) check(end time.Time) {
	s.copyLedger()
	const zone = "America/Santiago"
	const made = `test.ledger l join subscription.attempts a using (tx_id) join subscription.charges c on c.id = a.charge_id`
	s.none("invariant 1: more than one success of a key that was not given back",
		`select c.key, count(*) from `+made+` where not l.refunded group by 1 having count(*) > 1`)
	s.none("invariant 1: a TxID was charged twice", `select tx_id, count(*) from test.ledger group by 1 having count(*) > 1`)
	s.none("the ledger has what the tables do not", `select l.tx_id from test.ledger l left join subscription.attempts a on a.tx_id = l.tx_id and a.state = 'SUCCEEDED' where a.tx_id is null`)
	s.none("the tables have what the ledger does not", `select a.tx_id from subscription.attempts a left join test.ledger l using (tx_id) where a.state = 'SUCCEEDED' and l.tx_id is null`)
	s.none("something is still open", `select key, state from subscription.charges where state in ('SENT', 'UNKNOWN', 'REFUNDING')`)
	s.none("invariant 5: begun after the end", `select c.key from subscription.charges c join subscription.subscriptions s on s.id = c.subscription_id where c.opened_at > s.cancelled_at`)
	s.none("invariant 5: came true after the end and was kept",
		`select c.key from subscription.charges c join subscription.subscriptions s on s.id = c.subscription_id where c.state = 'SUCCEEDED' and c.ended_at > s.cancelled_at`)
	s.none("invariant 5: given back without a reason",
		`select c.key from subscription.charges c join subscription.subscriptions s on s.id = c.subscription_id where c.state = 'REFUNDED' and s.cancelled_at is null`)
	s.none("invariant 6: periods overlap", `select * from test.paid where was is not null and (until <= was or periods = 1 and anchor < was)`)
	s.none("invariant 6: a payment for a period that was over, or that had not begun",
		`select c.key, c.opened_at, p.was, p.until from test.paid p join subscription.charges c on c.subscription_id = p.id and c.state = 'SUCCEEDED' and c.ended_at = p.at
			where p.was is not null and (c.opened_at >= p.until or c.opened_at < p.was)`)
	s.none("invariant 6: as many payments as periods",
		`select s.id, paid, charged from subscription.subscriptions s
			join (select id, count(*) filter (where was is not null) as paid from test.paid group by 1) p using (id)
			join (select subscription_id as id, count(*) as charged from subscription.charges where state = 'SUCCEEDED' group by 1) c using (id) where paid <> charged and s.product_id <> 103`)
	s.none("invariant 7: more than was agreed to", `select c.key from `+made+` join subscription.consents o on o.id = c.consent_id where l.amount > o.amount or l.amount <> c.amount`)
	s.none("invariant 7: another price than those that were agreed to, or for another time",
		`select c.key, c.amount, c.days from subscription.charges c where product_id = 104 and (amount, days) not in ((990, 0), (490, 4), (190, 2)) or product_id <> 104 and days > 0`)
	s.none("invariant 7: a lower price before the price was declined for want of balance",
		`select c.key from subscription.charges c where c.days > 0 and not exists (select from subscription.attempts a join subscription.charges b on b.id = a.charge_id
			where b.subscription_id = c.subscription_id and a.reason = 'INSUFFICIENT_BALANCE' and a.sent_at < c.opened_at)`)
	s.none("a lower price pays for more than its days, or for less", `select c.key, p.was, c.opened_at, p.until from test.paid p join subscription.charges c on c.subscription_id = p.id and c.state = 'SUCCEEDED' and c.ended_at = p.at
		where c.days > 0 and abs(extract(epoch from p.until - case when p.anchor = p.until and p.was + c.days * interval '1 day' > c.opened_at then p.was else c.opened_at end) / 86400 - c.days) > 0.1
			and abs(extract(epoch from p.until - c.ended_at) / 86400 - c.days) > 0.1`)
	s.none("invariant 22: the cap of a day", fmt.Sprintf(
		`select c.line_id, (c.opened_at at time zone '%s')::date as day, sum(l.amount) from `+made+` where c.state = 'SUCCEEDED' group by 1, 2 having sum(l.amount) > %d`, zone, dayCap))
	s.none("invariant 22: what a line spent is what it was charged", fmt.Sprintf(
		`select line_id, span, spent, charged from (select line_id, span, amount as spent from subscription.spending where length(span) = 10) s
			full join (select c.line_id, to_char(c.opened_at at time zone '%s', 'YYYY-MM-DD') as span, sum(amount) as charged from subscription.charges c where state = 'SUCCEEDED' group by 1, 2) c using (line_id, span)
			where coalesce(spent, 0) <> coalesce(charged, 0)`, zone))
	s.none("invariant 25: three attempts on a day", fmt.Sprintf(
		`select c.subscription_id, (a.sent_at at time zone '%s')::date as day, count(*) from subscription.attempts a join subscription.charges c on c.id = a.charge_id
			where a.state in ('SUCCEEDED', 'DECLINED') group by 1, 2 having count(*) > 2`, zone))
	s.none("invariant 25: two attempts on a day in SUSPENDED",
		`select c.key, c.attempts from subscription.charges c where length(split_part(c.key, ':', 3)) = 10 and (select count(*) from subscription.attempts a where a.charge_id = c.id and a.state in ('SUCCEEDED', 'DECLINED')) > 1`)
	s.none("a notice for each charge that was kept, and for no other",
		`select line_id, product_id, told, charged from (select line_id, product_id, sum(amount) as told from test.notices where kind = 2 group by 1, 2) n
			full join (select line_id, product_id, sum(amount) as charged from subscription.charges where state = 'SUCCEEDED' group by 1, 2) c using (line_id, product_id)
			where coalesce(told, 0) <> coalesce(charged, 0)`)
	s.none("forgotten: open, and nobody is to look at it", `select id, state from subscription.subscriptions where state <> 'CANCELLED' and due_at is null`)
	s.none("left behind: due, and nobody has looked", `select id, state, due_at from subscription.subscriptions where due_at <= $1`, s.now().Add(-time.Minute))
	s.none("the price at a renewal is not reckoned from the catalogue", `select key from subscription.charges where product_id in (100, 102) and amount not in (400, 1500)`)
	if n := s.count(`select count(*) from subscription.charges where state = 'SUCCEEDED'`); n < 50 {
		s.t.Errorf("%d charges came true: that shows nothing", n)
	}
	if n := s.count(`select deadlocks from pg_stat_database where datname = current_database()`); n > 0 {
		s.t.Errorf("%d deadlocks", n)
	}
	s.anchors()
	s.t.Logf("%d charges, %d given back, %d declined attempts, %d suspended or over", s.count(`select count(*) from subscription.charges where state = 'SUCCEEDED'`),
		s.count(`select count(*) from subscription.charges where state = 'REFUNDED'`), s.count(`select count(*) from subscription.attempts where state = 'DECLINED'`),
		s.count(`select count(*) from subscription.subscriptions where state in ('SUSPENDED', 'CANCELLED')`))
}

// anchors holds every period that was paid against the calendar of its anchor.
func (s *simulation) anchors() {
	rows, err := s.db.Query(context.Background(), `select p.until, p.anchor, p.periods, s.product_id from test.paid p join subscription.subscriptions s using (id)`)
	if err != nil {
		s.t.Fatal(err)
	}
	units := map[int64]period.Unit{100: period.Day, 101: period.Week, 102: period.Month, 103: period.Day, 104: period.Week}
	var until, anchor time.Time
	var periods, product int64
	_, err = pgx.ForEachRow(rows, []any{&until, &anchor, &periods, &product}, func() error {
		c := period.Calendar{Anchor: anchor, Zone: s.zone(), Period: period.Period{Unit: units[product], Count: 1}}
		if want := c.Due(int(periods)); !until.Equal(want) {
			s.t.Errorf("period %d from %s is paid until %s, not %s", periods, anchor, until, want)
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *simulation) zone() *time.Location {
	p, _ := s.store.Snapshot().Product(100)
	return p.Country().Zone
}

// copyLedger puts the operator's ledger beside the tables.
func (s *simulation) copyLedger() {
	s.exec(`create table test.ledger (tx_id text, amount bigint, at timestamptz, refunded boolean)`)
	for tx, all := range s.operator.ledger {
		for _, e := range all {
			s.exec(`insert into test.ledger values ($1, $2, $3, $4)`, tx, e.order.Amount, e.at, len(s.operator.refunds[tx]) > 0)
		}
	}
}
