package support

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"puente/papi/subscription/sql"
	"puente/shared/database"
	"puente/shared/problem"
)

// Day is a day's money, in UTC.
type Day struct {
	Day         string   `json:"day"`
	Products    []Money  `json:"products"`
	Differences []Charge `json:"differences"` // empty, unless something is wrong
}

// Money is what was charged for a product, in minor units. What is notified is what was charged less what
// the hub gave back by itself.
type Money struct {
	PartnerID          int64  `json:"partnerId"`
	ProductID          int64  `json:"productId"`
	Currency           string `json:"currency"`
	Charges            int64  `json:"charges"`
	Charged            int64  `json:"charged"`
	Refunded           int64  `json:"refunded"`           // by the hub itself
	RefundedByOperator int64  `json:"refundedByOperator"` // by a person's decision, after it was notified
	Refunding          int64  `json:"refunding"`          // of both: the operator has not given it back yet
	Notified           int64  `json:"notified"`
	Undelivered        int64  `json:"undelivered"` // of notified: not delivered yet
	Declined           int64  `json:"declined"`    // charges
	Unresolved         int64  `json:"unresolved"`  // charges
}

func (d *Desk) days(ctx context.Context) ([]any, error) {
	days, err := sql.New(d.db).ReconciledDays(ctx, d.now().Add(-reconciled))
	if err != nil {
		return nil, database.Problem(err)
	}
	all := make([]any, len(days))
	for i, day := range days {
		all[i] = map[string]string{"day": day.Format(time.DateOnly)}
	}
	return all, nil
}

func (d *Desk) reconcile(ctx context.Context, id string) (any, error) {
	since, err := time.Parse(time.DateOnly, id)
	if err != nil {
		return nil, problem.NotFound
	}
	until := since.AddDate(0, 0, 1)
	day := Day{Day: id, Products: []Money{}, Differences: []Charge{}}
	err = d.db.AtOneMoment(ctx, func(tx pgx.Tx) error {
		q := sql.New(tx)
		rows, err := q.Reconcile(ctx, sql.ReconcileParams{Since: since, Until: until})
		if err != nil {
			return err
		}
		for _, r := range rows {
			day.Products = append(day.Products, Money{
				r.PartnerID, r.ProductID, r.Currency, r.Charged, r.ChargedAmount, r.RefundedAmount, r.RefundedByOperatorAmount, r.RefundingAmount, r.NotifiedAmount,
				r.UndeliveredAmount, r.Declined, r.Unresolved,
			})
		}
		wrong, err := q.Differences(ctx, sql.DifferencesParams{Since: since, Until: until, Most: most})
		for _, c := range wrong {
			day.Differences = append(day.Differences, shownCharge(c, ""))
		}
		return err
	})
	return day, err
}
