package support

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"puente/papi/subscription/charging"
	"puente/papi/subscription/sql"
	"puente/shared/database"
	"puente/shared/problem"
)

// Charge is one as operators see it; Tries only where one is asked for.
type Charge struct {
	ID             int64     `json:"id"`
	Key            string    `json:"key"`
	Kind           string    `json:"kind"`
	State          string    `json:"state"`
	Line           string    `json:"line"` // masked
	SubscriptionID int64     `json:"subscriptionId,omitzero"`
	PartnerID      int64     `json:"partnerId"`
	ProductID      int64     `json:"productId"`
	PricepointID   int64     `json:"pricepointId"`
	Amount         int64     `json:"amount"` // minor units
	Currency       string    `json:"currency"`
	Reason         string    `json:"reason,omitzero"`
	Told           string    `json:"told,omitzero"`
	Late           bool      `json:"late,omitzero"`
	CreatedAt      time.Time `json:"createdAt"`
	EndedAt        time.Time `json:"endedAt,omitzero"`
	RefundReason   string    `json:"refundReason,omitzero"`
	RefundBy       string    `json:"refundBy,omitzero"`
	RefundedAt     time.Time `json:"refundedAt,omitzero"`
	Notification   string    `json:"notification,omitzero"` // its webhook-id
	NotifiedAt     time.Time `json:"notifiedAt,omitzero"`
	Correlation    string    `json:"correlation,omitzero"`
	Tries          []Try     `json:"tries,omitzero"`
}

// Try is one attempt of a charge.
type Try struct {
	TxID        string    `json:"txId"`
	State       string    `json:"state"`
	Reason      string    `json:"reason,omitzero"`
	OperatorRef string    `json:"operatorRef,omitzero"`
	SentAt      time.Time `json:"sentAt"`
	ChargedAt   time.Time `json:"chargedAt,omitzero"`
}

func (d *Desk) charges(ctx context.Context) ([]any, error) {
	rows, err := sql.New(d.db).RecentCharges(ctx, most)
	if err != nil {
		return nil, database.Problem(err)
	}
	return listed(rows, func(r sql.SubscriptionCharge) int64 { return r.LineID }, d.masked(ctx), shownCharge)
}

// openCharges are those that somebody may have to ask the operator about: without an outcome, or not given back yet, the
// longest first.
func (d *Desk) openCharges(ctx context.Context) ([]any, error) {
	rows, err := sql.New(d.db).UnsettledCharges(ctx, most)
	if err != nil {
		return nil, database.Problem(err)
	}
	return listed(rows, func(r sql.SubscriptionCharge) int64 { return r.LineID }, d.masked(ctx), shownCharge)
}

// charge finds one by id or key, or by what its partner named it; those of a number; or all that bear a name, where
// there are several.
func (d *Desk) charge(ctx context.Context, id string) (any, error) {
	_, lineID, err := d.identify(ctx, id)
	if err != nil && !errors.Is(err, problem.NotFound) {
		return nil, err
	}
	if lineID != 0 {
		rows, err := sql.New(d.db).ChargesOfLine(ctx, sql.ChargesOfLineParams{LineID: lineID, Most: most})
		if err != nil {
			return nil, database.Problem(err)
		}
		return d.several(ctx, rows)
	}
	var rows []sql.SubscriptionCharge
	switch row, err := d.exact(ctx, id); {
	case err == nil:
		rows = append(rows, row)
	case !errors.Is(err, problem.NotFound):
		return nil, err
	}
	keys, err := d.named(ctx, id)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		row, err := sql.New(d.db).Charge(ctx, key)
		if err != nil {
			return nil, absent(err)
		}
		if !slices.ContainsFunc(rows, func(r sql.SubscriptionCharge) bool { return r.ID == row.ID }) {
			rows = append(rows, row)
		}
	}
	switch len(rows) {
	case 0:
		return nil, problem.NotFound
	case 1:
		return d.chargeOf(ctx, rows[0])
	}
	return d.several(ctx, rows)
}

// exact finds the one charge of a key or an id of the hub's, and of nothing that others named.
func (d *Desk) exact(ctx context.Context, id string) (sql.SubscriptionCharge, error) {
	q := sql.New(d.db)
	row, err := q.Charge(ctx, id)
	if number, parsed := strconv.ParseInt(id, 10, 64); errors.Is(err, pgx.ErrNoRows) && parsed == nil {
		row, err = q.ChargeByID(ctx, number)
	}
	if err != nil {
		return row, absent(err)
	}
	return row, nil
}

func (d *Desk) several(ctx context.Context, rows []sql.SubscriptionCharge) (any, error) {
	all, err := listed(rows, func(r sql.SubscriptionCharge) int64 { return r.LineID }, d.masked(ctx), shownCharge)
	return map[string]any{"items": all}, err
}

// chargeOf is one with its attempts.
func (d *Desk) chargeOf(ctx context.Context, row sql.SubscriptionCharge) (any, error) {
	tries, err := sql.New(d.db).AttemptsOf(ctx, row.ID)
	if err != nil {
		return nil, database.Problem(err)
	}
	masked, err := d.masked(ctx)(row.LineID)
	if err != nil {
		return nil, err
	}
	c := shownCharge(row, masked[row.LineID])
	for _, t := range tries {
		c.Tries = append(c.Tries, Try{t.TxID, t.State, t.Reason, t.OperatorRef, t.SentAt, or(t.ChargedAt)})
	}
	return c, nil
}

// refund gives a charge back by an operator's decision: {"refund": "why"}. It is listed apart from those
// that the hub makes by itself.
func (d *Desk) refund(ctx context.Context, id string, spec json.RawMessage) (bool, error) {
	var wanted struct {
		Refund string `json:"refund"`
	}
	if err := json.Unmarshal(spec, &wanted); err != nil || wanted.Refund == "" || len(wanted.Refund) > 200 {
		return false, &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: "spec", Rule: "must be {refund: why}, 1 to 200 bytes"}}}
	}
	c, err := d.exact(ctx, id) // money goes back for what is named without doubt
	if errors.Is(err, problem.NotFound) {
		return false, &problem.Error{Kind: problem.NotFound, Detail: "there is no charge of that id or key of the hub's"}
	}
	if err != nil {
		return false, err
	}
	if c.State == charging.Refunding || c.State == charging.Refunded {
		return false, nil
	}
	begun, err := d.charging.Refund(ctx, c.ID, wanted.Refund)
	if err == nil && !begun {
		err = &problem.Error{Kind: problem.Conflict, Detail: "the charge has not come true"}
	}
	return begun, err
}

func shownCharge(r sql.SubscriptionCharge, line string) Charge {
	c := Charge{
		ID: r.ID, Key: r.Key, Kind: r.Kind, State: r.State, Line: line, PartnerID: r.PartnerID, ProductID: r.ProductID, PricepointID: r.PricepointID,
		Amount: r.Amount, Currency: r.Currency, Reason: r.Reason, Told: r.Told, Late: r.Late, CreatedAt: r.CreatedAt, EndedAt: or(r.EndedAt),
		RefundReason: r.RefundReason, RefundBy: r.RefundBy, RefundedAt: or(r.RefundedAt), NotifiedAt: or(r.NoticedAt), Correlation: r.Correlation,
	}
	if r.SubscriptionID != nil {
		c.SubscriptionID = *r.SubscriptionID
	}
	if r.NoticeID != nil {
		c.Notification = r.NoticeID.String()
	}
	return c
}
