package renewal

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	contract "puente/contracts/papi/subscription"
	"puente/contracts/sapi/carrierbilling"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/lifecycle"
	"puente/papi/subscription/schedule"
	"puente/shared/database/databasetest"
)

// early makes a subscription that began with its consent, and whose first charge was declined then.
func (w *world) early(product int64, began time.Time) (id int64) {
	w.t.Helper()
	ctx := context.Background()
	lineID, err := w.book.Enter(ctx, w.db, msisdn(1))
	if err != nil {
		w.t.Fatal(err)
	}
	w.lines.add(msisdn(1))
	consent := uuid.New()
	w.exec(`insert into subscription.consents values ($1, $2, 1, 10, $3, $3, 990, 'CLP', 'PIN', $4, '', $5)`, consent, lineID, product, began, lowerShown)
	err = w.db.QueryRow(ctx, `insert into subscription.subscriptions (line_id, partner_id, service_id, product_id, pricepoint_id, consent_id, campaign, channel, short_code, tid, user_type, owner_epoch, state, created_at, changed_at)
		values ($1, 1, 10, $2, $2, $3, 'c', 'WEB', '8888', '', '02', 'e1', 'PENDING_CHARGE', $4, $4) returning id`, lineID, product, consent, began).Scan(&id)
	if err != nil {
		w.t.Fatal(err)
	}
	w.exec(`insert into subscription.charges (key, kind, state, subscription_id, line_id, partner_id, service_id, product_id, pricepoint_id, amount, currency, channel, short_code, tid, user_type, consent_id, correlation, created_at, opened_at, attempts, reason)
		values ($1, 'SUBSCRIPTION', 'DECLINED', $2, $3, 1, 10, $4, $4, 990, 'CLP', '', '', '', '', $5, '', $6, $6, 1, 'INSUFFICIENT_BALANCE')`, fmt.Sprintf("sub:%d:0", id), id, lineID, product, consent, began)
	l, writer := lifecycle.New(schedule.Default()), w.writer()
	err = pgx.BeginFunc(ctx, w.db, func(tx pgx.Tx) error {
		held, err := writer.Lock(ctx, tx, id)
		if err != nil {
			return err
		}
		var change lifecycle.Change
		l.Begin(&change, held[id], 990)
		l.Declined(&change, held[id], began, began, contract.CodeInsufficientBalance)
		return writer.Write(ctx, tx, &change)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// A first charge that was declined where the subscription began with its consent is tried by the rule of renewal, at
// the price alone, and is the first one to the operator, to the partner and to the user, whenever it comes true.
func TestFirstChargeByTheRule(t *testing.T) {
	began := "2026-03-02 10:00:00"
	for name, c := range map[string]struct {
		paid  string // when the balance suffices
		until string
		key   string
	}{
		"in GRACE":     {"2026-03-02 16:00:00", "2026-03-09 10:00:00", "0"},
		"in SUSPENDED": {"2026-03-06 10:00:00", "2026-03-13 10:00:00", "2026-03-06"},
	} {
		t.Run(name, func(t *testing.T) {
			db := databasetest.New(t, migrations)
			w := newWorld(t, db, began)
			w.product(100, catalogue.Week, 990, lower, func(p *catalogue.ProductSpec) { p.ActivationMode = catalogue.SubFirst })
			id := w.early(100, at(t, began))
			s := w.scheduler(db, testConfig())
			w.operator.does = func(o carrierbilling.Order) deed {
				if o.Amount != 990 || o.Context != carrierbilling.ContextSubscription {
					t.Errorf("%+v", o)
				}
				if w.now().Before(at(t, c.paid)) {
					return declines
				}
				return charges
			}
			for range 8 {
				row := w.subscription(id)
				if row.State == lifecycle.Active {
					break
				}
				w.set(*row.DueAt)
				s.run(t)
			}
			row := w.subscription(id)
			if row.State != lifecycle.Active || !row.PaidUntil.Equal(at(t, c.until)) || row.Periods != 1 {
				t.Errorf("%s until %s, period %d", row.State, row.PaidUntil, row.Periods)
			}
			if n := w.count(`select count(*) from subscription.charges where state = 'SUCCEEDED' and kind = 'SUBSCRIPTION' and key = $1`, fmt.Sprintf("sub:%d:%s", id, c.key)); n != 1 {
				t.Errorf("%d charges under key %s", n, c.key)
			}
			if n := w.count(`select count(*) from test.notices where kind = 2 and context = 0 and amount = 990`); n != 1 || w.count(`select count(*) from test.notices where kind = 2`) != 1 {
				t.Errorf("%d notices of a first charge", n)
			}
			if n := w.count(`select count(*) from test.notices where kind = -1 and context <> 0`); n != 0 {
				t.Errorf("%d failures are told as of a renewal", n)
			}
			if n := w.count(`select count(*) from test.messages where purpose = 'WELCOME'`); n != 1 {
				t.Errorf("%d are welcomed", n)
			}
			w.operator.does = func(o carrierbilling.Order) deed {
				if o.Context != carrierbilling.ContextRenewal {
					t.Errorf("the next: %+v", o)
				}
				return charges
			}
			w.set(*row.PaidUntil)
			s.run(t)
			if n := w.count(`select count(*) from test.notices where kind = 2 and context = 1`); n != 1 {
				t.Errorf("%d renewals", n)
			}
		})
	}
}
