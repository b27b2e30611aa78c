package enrolment

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	contract "puente/contracts/papi/subscription"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/charging"
	"puente/papi/subscription/lifecycle"
	"puente/papi/subscription/notification"
	"puente/papi/subscription/sql"
)

// owedFor is how long who left owing pays before a subscription begins, also where the product is sub-first: else each
// new one would bring the days of grace again, and nobody would ever have to pay. It is as long as a suspension.
const owedFor = 30 * 24 * time.Hour

// causeReplaced is why a suspended subscription ended: its owner subscribed anew.
const causeReplaced = "REPLACED"

// subscribe makes the subscription of a flow that is confirmed, and opens its first charge. There is one
// open subscription of a line and product. Where there is one already nothing is charged:
//
//   - ACTIVE, GRACE: the user has the product;
//   - PENDING_CHARGE: its first charge is in work, and a second one would be paid twice;
//   - SUSPENDED: the user has not, and agreed anew, maybe at another price. That one ends, and a new one
//     begins, unless a charge of it is in work: then its outcome decides.
func (f *Flows) subscribe(ctx context.Context, tx pgx.Tx, flow sql.SubscriptionFlow, o offer, at time.Time) (*charging.Order, error) {
	q := sql.New(tx)
	for range 3 { // one that ended while we looked is not in the way
		row, err := q.AddSubscription(ctx, sql.AddSubscriptionParams{
			LineID: flow.LineID, PartnerID: flow.PartnerID, ServiceID: flow.ServiceID, ProductID: flow.ProductID, PricepointID: flow.PricepointID,
			ConsentID: *flow.ConsentID, Campaign: flow.Campaign, Channel: flow.Channel, ShortCode: o.shortCode, TID: flow.TID,
			UserType: flow.UserType, OwnerEpoch: flow.OwnerEpoch, At: at,
		})
		if err == nil {
			return f.open(ctx, tx, row, o, at)
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			return nil, fmt.Errorf("add subscription: %w", err)
		}
		there, err := q.OpenSubscription(ctx, sql.OpenSubscriptionParams{LineID: flow.LineID, ProductID: flow.ProductID})
		if errors.Is(err, pgx.ErrNoRows) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("find subscription: %w", err)
		}
		stays, err := f.stays(ctx, tx, there.ID, flow, at)
		if err != nil || stays {
			return nil, err
		}
	}
	return nil, errors.New("subscribe: the line's subscriptions keep changing")
}

// stays reports whether a subscription that was found stays, and ends one that does not.
func (f *Flows) stays(ctx context.Context, tx pgx.Tx, id int64, flow sql.SubscriptionFlow, at time.Time) (bool, error) {
	held, err := f.writer.Lock(ctx, tx, id)
	if err != nil {
		return false, err
	}
	s, ok := held[id]
	switch {
	case !ok:
		return false, fmt.Errorf("subscription %d cannot be read", id)
	case s.State == lifecycle.Cancelled: // while we waited for it
		return false, nil
	case s.State != lifecycle.Suspended:
		return true, nil
	}
	busy, err := sql.New(tx).ChargeInWork(ctx, id)
	if err != nil || busy {
		return true, err
	}
	var change lifecycle.Change
	f.lifecycle.Cancel(&change, s, at, lifecycle.Cancellation{
		Reason: lifecycle.ReasonLifecycle, Cause: causeReplaced, Channel: flow.Channel, Silent: true,
	})
	return false, f.writer.Write(ctx, tx, &change)
}

// open opens the first charge of a new subscription. One that costs nothing is active at once, and so is one of a
// product that is sub-first, unless its user left owing; one whose line has spent what it may is as after the
// operator's decline.
func (f *Flows) open(ctx context.Context, tx pgx.Tx, row sql.SubscriptionSubscription, o offer, at time.Time) (*charging.Order, error) {
	msisdn, err := f.book.Number(ctx, tx, row.LineID)
	if err != nil {
		return nil, err
	}
	s := &lifecycle.Subscription{SubscriptionSubscription: row, Product: o.product, MSISDN: msisdn}
	var change lifecycle.Change
	if o.point.Amount == 0 {
		f.lifecycle.Charged(&change, s, 0, at, func(notification.Context) {})
		return nil, f.writer.Write(ctx, tx, &change)
	}
	early, err := f.early(ctx, tx, s, at)
	if err != nil {
		return nil, err
	}
	if early {
		f.lifecycle.Begin(&change, s, o.point.Amount)
	}
	opened, err := f.charging.Open(ctx, tx, at, charging.Intent{
		Key: fmt.Sprintf("sub:%d:0", row.ID), Kind: charging.First, SubscriptionID: row.ID, LineID: row.LineID, MSISDN: msisdn, Product: o.product,
		PricepointID: o.point.ID, Amount: o.point.Amount, Channel: row.Channel, ShortCode: row.ShortCode, TID: row.TID, UserType: row.UserType,
		ConsentID: row.ConsentID,
	})
	switch {
	case err != nil:
		return nil, err
	case len(opened.Capped) > 0:
		f.lifecycle.Declined(&change, s, at, at, contract.CodeSpendCap)
		return nil, f.writer.Write(ctx, tx, &change)
	case len(opened.Orders) != 1:
		return nil, fmt.Errorf("charge of subscription %d was opened before", row.ID)
	case early:
		err = f.writer.Write(ctx, tx, &change)
	}
	return &opened.Orders[0], err
}

// early reports whether a new subscription begins with its consent. One that was replaced has ended in tx.
func (f *Flows) early(ctx context.Context, tx pgx.Tx, s *lifecycle.Subscription, at time.Time) (bool, error) {
	if s.Product.ActivationMode != catalogue.SubFirst {
		return false, nil
	}
	owing, err := sql.New(tx).LeftOwing(ctx, sql.LeftOwingParams{LineID: s.LineID, ProductID: s.ProductID, OwnerEpoch: s.OwnerEpoch, Since: at.Add(-owedFor)})
	if err != nil {
		return false, fmt.Errorf("look for what was left owing: %w", err)
	}
	return !owing, nil
}
