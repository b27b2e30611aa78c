package renewal

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	contract "puente/contracts/papi/subscription"
	"puente/papi/subscription/charging"
	"puente/papi/subscription/lifecycle"
	"puente/papi/subscription/notification"
	"puente/papi/subscription/schedule"
	"puente/papi/subscription/sql"
	"puente/shared/database"
)

// opening is one transaction: what becomes of a batch, under the rows' locks.
type opening struct {
	*chunk
	now     time.Time
	change  lifecycle.Change
	held    map[int64]*lifecycle.Subscription
	inWork  map[int64]bool
	intents []charging.Intent
	wanting map[string]*lifecycle.Subscription // by the intention's key
	results []result
	done    []int64 // the subscriptions that something came of
}

// result is what is counted once the transaction is through.
type result struct {
	product int64
	name    string
}

func (c *chunk) openAll(ctx context.Context, batch []*candidate) (orders []charging.Order, err error) {
	ids := make([]int64, len(batch))
	for i, one := range batch {
		ids[i] = one.ID
	}
	var o *opening
	err = pgx.BeginFunc(ctx, c.DB, func(tx pgx.Tx) error {
		o = &opening{chunk: c, wanting: map[string]*lifecycle.Subscription{}, inWork: map[int64]bool{}}
		if o.held, err = c.Writer.Lock(ctx, tx, ids...); err != nil {
			return err
		}
		o.now = c.Now()
		working, err := sql.New(tx).InWork(ctx, ids) // nobody begins one without the row's lock
		if err != nil {
			return err
		}
		for _, id := range working {
			o.inWork[id] = true
		}
		for _, one := range batch {
			o.decide(one)
		}
		if orders, err = o.charge(ctx, tx); err != nil {
			return err
		}
		return c.Writer.Write(ctx, tx, &o.change)
	})
	if err != nil {
		return nil, database.Problem(fmt.Errorf("open renewals: %w", err))
	}
	for _, id := range o.done {
		delete(c.left, id)
	}
	for _, r := range o.results {
		c.metrics.of(r.product, r.name).Inc()
	}
	return orders, nil
}

// decide moves one subscription, or wants it charged. What somebody else has got hold of since, or ended, is left
// to them; what cannot be read any more is given back, for the next claim to put off.
func (o *opening) decide(one *candidate) {
	s, ok := o.held[one.ID]
	if !ok || s.Lease == nil || *s.Lease != o.lease || !lifecycle.Renewing(s.State) || s.DueAt == nil || s.DueAt.After(o.now) {
		return
	}
	o.done = append(o.done, s.ID)
	s.UserType = one.userType
	found := one.found
	if terms := one.terms(s); terms != chargeable && found != lineEnded {
		found = terms
	}
	switch found {
	case lineEnded: // whoever has the number now is not sent anything
		o.end(s, lifecycle.Cancellation{Reason: lifecycle.ReasonLifecycle, Cause: lifecycle.CauseLine, Channel: s.Channel, Silent: true}, found)
		return
	case productEnded:
		if o.now.Before(*s.PaidUntil) { // looked at for its reminder: what is paid for is had
			o.Lifecycle.PutOff(&o.change, s, *s.PaidUntil)
			o.count(s, "moved")
			return
		}
		o.end(s, lifecycle.Cancellation{Reason: lifecycle.ReasonLifecycle, Cause: lifecycle.CauseProduct, Channel: s.Channel}, found)
		return
	case productSuspended, noConsent:
		o.wait(s, o.cfg.Held, found)
		return
	}
	if found == lineAway && o.now.Before(*s.PaidUntil) { // it would be reminded, and might be another's
		o.wait(s, min(o.cfg.Away, s.PaidUntil.Sub(o.now)), found)
		return
	}
	step := o.Lifecycle.Review(&o.change, s, o.now, one.amount)
	switch {
	case !chargesNow(step, o.now):
		o.count(s, "moved")
	case found == lineAway:
		o.wait(s, o.cfg.Away, found)
	case found == lineBarred: // the operator would say so, too: the rule takes it for a refusal
		o.refuse(s, contract.CodeLineBarred)
		o.count(s, string(found))
	case o.inWork[s.ID]: // its settlement says what comes next
		s.DueAt = nil
	case one.amount == 0:
		o.Lifecycle.Charged(&o.change, s, 0, o.now, func(notification.Context) {})
		o.count(s, "free")
	default:
		name, kind := step.Key, charging.Renewal
		if s.Unpaid() {
			kind = charging.First
			if step.State != schedule.Suspended { // as the one that was opened with the consent
				name = "0"
			}
		}
		key, price := fmt.Sprintf("sub:%d:%s", s.ID, name), one.price(s)
		o.wanting[key] = s
		o.intents = append(o.intents, charging.Intent{
			Key: key, Kind: kind, SubscriptionID: s.ID, LineID: s.LineID, MSISDN: s.MSISDN, Product: s.Product,
			PricepointID: price.PricePoint, Amount: price.Amount, Days: price.Days, Channel: s.Channel, ShortCode: s.ShortCode, TID: s.TID, UserType: s.UserType, ConsentID: s.ConsentID,
		})
	}
}

func (o *opening) end(s *lifecycle.Subscription, why lifecycle.Cancellation, found finding) {
	o.Lifecycle.Cancel(&o.change, s, o.now, why)
	o.count(s, string(found))
}

// wait has a subscription looked at again later, and not all of them at once.
func (o *opening) wait(s *lifecycle.Subscription, d time.Duration, found finding) {
	o.Lifecycle.PutOff(&o.change, s, o.now.Add(d+rand.N(d/4+1)))
	o.count(s, string(found))
}

// refuse takes for refused what the operator does not hear of.
func (o *opening) refuse(s *lifecycle.Subscription, reason string) {
	context := notification.Renewal
	if s.Unpaid() {
		context = notification.First
	}
	o.Lifecycle.Declined(&o.change, s, o.now, o.now, reason)
	o.change.Tell(notification.Notice{
		Kind: notification.Failed, Product: s.Product, LineID: s.LineID, MSISDN: s.MSISDN, UserType: s.UserType, Channel: s.Channel,
		TID: s.TID, ShortCode: s.ShortCode, At: o.now, Context: context,
	})
}

func (o *opening) count(s *lifecycle.Subscription, name string) {
	o.results = append(o.results, result{s.ProductID, name})
}

// charge opens what is to be charged. A subscription whose charge is in work has no due date: settling sets it.
func (o *opening) charge(ctx context.Context, tx pgx.Tx) ([]charging.Order, error) {
	if len(o.intents) == 0 {
		return nil, nil
	}
	opened, err := o.Charging.Open(ctx, tx, o.now, o.intents...)
	if err != nil {
		return nil, err
	}
	for _, order := range opened.Orders {
		s := o.wanting[order.Charge.Key]
		s.DueAt = nil
		o.change.Keep(s)
	}
	for _, intent := range opened.Capped { // the operator does not hear of it, and the rule takes it for a refusal
		s := o.wanting[intent.Key]
		o.refuse(s, contract.CodeSpendCap)
		o.count(s, "spend_cap")
	}
	for _, intent := range opened.Taken {
		if err := o.taken(ctx, tx, intent); err != nil {
			return nil, err
		}
	}
	return opened.Orders, nil
}

// taken is an intention whose key has a charge that is not to be made again. None is in work, which was looked at
// under the row's lock; so the period was paid for, and the row does not show it: somebody has to look into that.
func (o *opening) taken(ctx context.Context, tx pgx.Tx, intent charging.Intent) error {
	charge, err := sql.New(tx).Charge(ctx, intent.Key)
	if err != nil {
		return err
	}
	o.Log.ErrorContext(ctx, "subscription is due for what it has paid", "subscription", intent.SubscriptionID, "charge", charge.ID, "state", charge.State)
	o.wait(o.wanting[intent.Key], o.cfg.Held, "paid_twice")
	return nil
}
