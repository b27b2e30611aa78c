package support

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"puente/papi/subscription/lifecycle"
	"puente/papi/subscription/sql"
	"puente/shared/database"
	"puente/shared/problem"
)

// Subscription is one as operators see it; History and Charges only where one is asked for.
type Subscription struct {
	ID           int64     `json:"id"`
	Line         string    `json:"line"` // masked
	PartnerID    int64     `json:"partnerId"`
	ServiceID    int64     `json:"serviceId"`
	ProductID    int64     `json:"productId"`
	PricepointID int64     `json:"pricepointId"`
	State        string    `json:"state"`
	Channel      string    `json:"channel"`
	TID          string    `json:"tid,omitzero"`
	CreatedAt    time.Time `json:"createdAt"`
	ChangedAt    time.Time `json:"changedAt"`
	PaidUntil    time.Time `json:"paidUntil,omitzero"`
	DueAt        time.Time `json:"dueAt,omitzero"`
	CancelReason string    `json:"cancelReason,omitzero"`
	CancelCause  string    `json:"cancelCause,omitzero"`
	History      []Step    `json:"history,omitzero"`
	Charges      []Charge  `json:"charges,omitzero"`
}

// Step is one of a subscription's history.
type Step struct {
	At          time.Time `json:"at"`
	From        string    `json:"from"`
	To          string    `json:"to"`
	Cause       string    `json:"cause"`
	Correlation string    `json:"correlation,omitzero"`
}

func (d *Desk) subscriptions(ctx context.Context) ([]any, error) {
	rows, err := sql.New(d.db).RecentSubscriptions(ctx, most)
	if err != nil {
		return nil, database.Problem(err)
	}
	return listed(rows, func(r sql.SubscriptionSubscription) int64 { return r.LineID }, d.masked(ctx), shownSubscription)
}

// subscription finds one by id, or those of a number.
func (d *Desk) subscription(ctx context.Context, id string) (any, error) {
	q := sql.New(d.db)
	number, lineID, err := d.identify(ctx, id)
	if err != nil {
		return nil, err
	}
	if lineID != 0 {
		rows, err := q.SubscriptionsOfLine(ctx, sql.SubscriptionsOfLineParams{LineID: lineID, Most: most})
		if err != nil {
			return nil, database.Problem(err)
		}
		all, err := listed(rows, func(r sql.SubscriptionSubscription) int64 { return r.LineID }, d.masked(ctx), shownSubscription)
		return map[string]any{"items": all}, err
	}
	row, err := q.Subscription(ctx, number)
	if err != nil {
		return nil, absent(err)
	}
	steps, err := q.HistoryOf(ctx, row.ID)
	if err != nil {
		return nil, database.Problem(err)
	}
	charges, err := q.ChargesOfSubscription(ctx, sql.ChargesOfSubscriptionParams{SubscriptionID: &row.ID, Most: most})
	if err != nil {
		return nil, database.Problem(err)
	}
	masked, err := d.masked(ctx)(row.LineID)
	if err != nil {
		return nil, err
	}
	s := shownSubscription(row, masked[row.LineID])
	for _, step := range steps {
		s.History = append(s.History, Step{step.At, step.Was, step.IsNow, step.Cause, step.Correlation})
	}
	for _, c := range charges {
		s.Charges = append(s.Charges, shownCharge(c, masked[row.LineID]))
	}
	return s, nil
}

// cancel ends a subscription for a customer who asked an operator to: {"cancel": true}.
func (d *Desk) cancel(ctx context.Context, id string, spec json.RawMessage) (bool, error) {
	var wanted struct {
		Cancel bool `json:"cancel"`
	}
	if err := json.Unmarshal(spec, &wanted); err != nil || !wanted.Cancel {
		return false, &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: "spec", Rule: "must be {cancel: true}"}}}
	}
	number, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return false, problem.NotFound
	}
	changed := false
	err = pgx.BeginFunc(ctx, d.db, func(tx pgx.Tx) error {
		held, err := d.writer.Lock(ctx, tx, number)
		if err != nil {
			return err
		}
		s, ok := held[number]
		if !ok {
			return problem.NotFound
		}
		changed = lifecycle.Open(s.State)
		var change lifecycle.Change
		d.lifecycle.Cancel(&change, s, d.now(), lifecycle.Cancellation{Cause: lifecycle.CauseOperator, Channel: s.Channel})
		return d.writer.Write(ctx, tx, &change)
	})
	return changed, database.Problem(err)
}

func shownSubscription(r sql.SubscriptionSubscription, line string) Subscription {
	return Subscription{
		ID: r.ID, Line: line, PartnerID: r.PartnerID, ServiceID: r.ServiceID, ProductID: r.ProductID, PricepointID: r.PricepointID, State: r.State,
		Channel: r.Channel, TID: r.TID, CreatedAt: r.CreatedAt, ChangedAt: r.ChangedAt, PaidUntil: or(r.PaidUntil), DueAt: or(r.DueAt),
		CancelReason: r.CancelReason, CancelCause: r.CancelCause,
	}
}
