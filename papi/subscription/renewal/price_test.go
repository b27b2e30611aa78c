package renewal

import (
	"context"
	"fmt"
	"testing"
	"time"

	"puente/contracts/sapi/carrierbilling"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/lifecycle"
	"puente/papi/subscription/sql"
	"puente/shared/database/databasetest"
)

// lower has a weekly product of 990 fall back to 490 for 4 days and to 190 for 2.
func lower(p *catalogue.ProductSpec) {
	p.PricePoints = append(p.PricePoints, catalogue.PricePoint{ID: 190, Amount: 190}, catalogue.PricePoint{ID: 490, Amount: 490})
	p.FallbackPricepoints = []int64{190, 490}
}

const lowerShown = `[{"pricePoint":490,"amount":490,"days":4},{"pricePoint":190,"amount":190,"days":2}]`

// Invariant 7: after a refusal for want of balance the next lower price that was agreed to is tried, at the times of
// the schedule and as often; what is paid is what the notice says, and it pays for its days.
func TestInvariant7Fallbacks(t *testing.T) {
	const due = "2026-03-02 10:00:00"
	for name, c := range map[string]struct {
		shown   string
		change  func(*catalogue.ProductSpec)
		balance int64
		reason  carrierbilling.Reason
		tried   string
		until   string // of what was paid
	}{
		"enough":                    {shown: lowerShown, balance: 990, tried: "990", until: "2026-03-09 10:00:00"},
		"for the next":              {shown: lowerShown, balance: 600, tried: "990 490", until: "2026-03-06 10:00:00"},
		"for the last":              {shown: lowerShown, balance: 200, tried: "990 490 190", until: "2026-03-04 10:00:00"},
		"for none":                  {shown: lowerShown, balance: 100, tried: "990 490 190 190"},
		"nothing lower was shown":   {balance: 600, tried: "990 990 990 990"},
		"only the lowest was shown": {shown: `[{"pricePoint":190,"amount":190,"days":2}]`, balance: 600, tried: "990 190", until: "2026-03-04 10:00:00"},
		"cheaper or longer was shown": {
			shown: `[{"pricePoint":490,"amount":480,"days":4},{"pricePoint":190,"amount":190,"days":3}]`, balance: 600, tried: "990 990 990 990",
		},
		"barred":                 {shown: lowerShown, balance: 600, reason: carrierbilling.ReasonLineBarred, tried: "990 990 990 990"},
		"declined without a why": {shown: lowerShown, balance: 600, reason: carrierbilling.ReasonRejected, tried: "990 990 990 990"},
		"sold no more":           {shown: lowerShown, balance: 600, change: func(p *catalogue.ProductSpec) { p.PricePoints[2].Status = catalogue.StatusSuspended }, tried: "990 190", until: "2026-03-04 10:00:00"},
		"switched off":           {shown: lowerShown, balance: 600, change: func(p *catalogue.ProductSpec) { p.FallbackPricepoints = nil }, tried: "990 990 990 990"},
	} {
		t.Run(name, func(t *testing.T) {
			db := databasetest.New(t, migrations)
			w := newWorld(t, db, due)
			w.shown = c.shown
			w.product(100, catalogue.Week, 990, lower, func(p *catalogue.ProductSpec) {
				if c.change != nil {
					c.change(p)
				}
			})
			id := w.subscribe(1, 100, 990, at(t, "2026-02-23 10:00:00"))
			s := w.scheduler(db, testConfig())
			tried := ""
			w.operator.reason = c.reason
			w.operator.does = func(o carrierbilling.Order) deed {
				tried += fmt.Sprint(" ", o.Amount)
				if o.Amount > c.balance {
					return declines
				}
				return charges
			}
			for range 6 { // until it is paid, or suspended
				s.run(t)
				row := w.subscription(id)
				if row.State == lifecycle.Active || row.DueAt.After(at(t, due).Add(71*time.Hour)) {
					break
				}
				w.set(*row.DueAt)
			}
			row := w.subscription(id)
			if tried != " "+c.tried {
				t.Errorf("tried%s, want %s", tried, c.tried)
			}
			if c.until == "" {
				if row.State != lifecycle.Grace {
					t.Errorf("%s", row.State)
				}
				return
			}
			if row.State != lifecycle.Active || !row.PaidUntil.Equal(at(t, c.until)) || !row.DueAt.Equal(*row.PaidUntil) {
				t.Errorf("%s, paid until %s, due %s", row.State, row.PaidUntil, row.DueAt)
			}
			if n := w.count(`select count(*) from subscription.charges c join test.notices n on n.kind = 2 and n.amount = c.amount and n.context = 1 where c.state = 'SUCCEEDED'`); n != 1 {
				t.Errorf("%d notices of what was charged", n)
			}
			charges, err := sql.New(db).Reconcile(context.Background(), sql.ReconcileParams{Since: at(t, "2026-03-01 00:00:00"), Until: at(t, "2026-03-31 00:00:00")})
			if err != nil || len(charges) != 1 || charges[0].ChargedAmount != charges[0].NotifiedAmount || charges[0].ChargedAmount != w.charged() {
				t.Errorf("%+v, %v", charges, err)
			}
			if n := w.count(`select coalesce(sum(amount), 0) from subscription.spending where span = '2026-03'`); int64(n) != w.charged() {
				t.Errorf("spent %d", n)
			}
			w.operator.does = nil // the next period costs what it did, and counts from where this one ended
			w.set(*row.PaidUntil)
			s.run(t)
			want := at(t, c.until).AddDate(0, 0, 7)
			if next := w.subscription(id); next.State != lifecycle.Active || !next.PaidUntil.Equal(want) || w.count(`select max(amount) from subscription.charges where state = 'SUCCEEDED'`) != 990 {
				t.Errorf("then %s until %s, want %s", next.State, next.PaidUntil, want)
			}
		})
	}
}

// charged is what the operator took.
func (w *world) charged() (sum int64) {
	for _, made := range w.operator.ledger {
		sum += made[0].order.Amount
	}
	return sum
}
