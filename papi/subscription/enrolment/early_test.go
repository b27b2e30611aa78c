package enrolment

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	contract "puente/contracts/papi/subscription"
	"puente/contracts/sapi/carrierbilling"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/charging"
	"puente/papi/subscription/lifecycle"
	"puente/papi/subscription/messaging"
	"puente/papi/subscription/notification"
	"puente/shared/problem"
)

// early has the weekly product begin with the consent.
func (w *world) early(more string) {
	w.Apply("products", "1000000001", `{"service":"2000001784","name":"Semanal","kind":"VAS","type":"SUBSCRIPTION","activationMode":"sub-first","period":{"unit":"WEEK"},"pricePoints":[{"id":201507,"amount":990}`+more+`}`)
}

// What the operator may do with the first charge of a subscription that began with its consent: the partner hears of
// it before all else (invariant 10), the user has it, and a charge that is not made comes under the rules of GRACE.
func TestSubFirst(t *testing.T) {
	deny := func(reason carrierbilling.Reason) func(*world) charge {
		return func(*world) charge {
			return func(_ context.Context, in carrierbilling.Order) (carrierbilling.Charge, error) {
				return carrierbilling.Charge{TxID: in.TxID, Outcome: carrierbilling.OutcomeDeclined, Reason: reason}, nil
			}
		}
	}
	lost := func(err error, booked bool) func(*world) charge {
		return func(w *world) charge {
			return func(_ context.Context, in carrierbilling.Order) (carrierbilling.Charge, error) {
				if booked {
					(*operator)(w).book(in)
				}
				return carrierbilling.Charge{}, err
			}
		}
	}
	for name, test := range map[string]struct {
		charge func(*world) charge
		state  string // once what is open has been resolved
		due    time.Duration
		paid   bool
	}{
		"charged":              {func(*world) charge { return nil }, lifecycle.Active, 7 * 24 * time.Hour, true},
		"no balance":           {deny(carrierbilling.ReasonInsufficientBalance), lifecycle.Grace, 6 * time.Hour, false},
		"barred":               {deny(carrierbilling.ReasonLineBarred), lifecycle.Grace, 6 * time.Hour, false},
		"unavailable":          {deny(carrierbilling.ReasonUnavailable), lifecycle.Active, 15 * time.Minute, false},
		"timeout, charged":     {lost(problem.Timeout, true), lifecycle.Active, 7 * 24 * time.Hour, true},
		"timeout, not charged": {lost(problem.Timeout, false), lifecycle.Active, 15 * time.Minute, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.early("]")
			// Invariant 4: what the operator hears of has a consent that is older, and its partner was told.
			made := test.charge(w)
			w.charge = func(ctx context.Context, in carrierbilling.Order) (carrierbilling.Charge, error) {
				if w.count(`SELECT count(*) FROM subscription.charges c JOIN subscription.consents o ON o.id = c.consent_id JOIN subscription.subscriptions s ON s.consent_id = o.id AND s.id = c.subscription_id
					WHERE c.state = 'SENT' AND c.kind = 'SUBSCRIPTION' AND s.state = 'ACTIVE' AND s.due_at IS NULL AND o.given_at <= c.created_at`) != 1 || !slices.Equal(w.notices(), []notification.Kind{notification.Subscribed}) {
					t.Errorf("the operator hears of what does not stand, or before the partner: %v", w.notices())
				}
				if welcomes := w.welcomes(); len(welcomes) != 1 || welcomes[0].Amount != 990 || welcomes[0].Product.ID != weekly || !welcomes[0].Until.IsZero() {
					t.Errorf("the operator hears of what its user was not told: %+v", welcomes)
				}
				if made == nil {
					return (*operator)(w).book(in), nil
				}
				return made(ctx, in)
			}
			flow := w.start(weekly, msisdn)
			began := w.clock()
			got := w.agrees(flow, w.pin())
			if got.State != contract.EnrolmentActive || got.SubscriptionID == 0 {
				t.Errorf("%+v", got)
			}
			w.resolve()
			w.resolve()
			kinds := []notification.Kind{notification.Subscribed}
			if test.paid {
				kinds = append(kinds, notification.Charged)
			}
			if !slices.Equal(w.notices(), kinds) || test.paid && (w.told[1].Context != notification.First || w.told[1].Amount != 990) {
				t.Errorf("the partner was told %v", w.told)
			}
			if n := w.count(subscriptions+" WHERE state = $1 AND due_at = $2", test.state, began.Add(test.due)); n != 1 {
				t.Errorf("not %s and due in %s", test.state, test.due)
			}
			if got := w.query(flow); got.State != contract.EnrolmentActive || (got.NextCharge != nil) != test.paid {
				t.Errorf("%+v", got)
			}
			if again := w.agrees(w.enriched(weekly, msisdn), ""); again.State != contract.EnrolmentAlready || len(w.orders) != 1 || w.count(subscriptions) != 1 { // invariant 8
				t.Errorf("again: %+v, %d orders", again, len(w.orders))
			}
		})
	}
}

// Who has a subscription from its consent on is told at once what it costs and how to end it, also where nothing could
// be charged; of the first payment they hear what they hear of every other.
func TestSubFirstIsWelcomedOnce(t *testing.T) {
	for name, test := range map[string]struct {
		more string
		cap  int64
		want []messaging.Purpose
	}{
		"paid":                             {"]", 1_000_000, []messaging.Purpose{messaging.Welcome}},
		"paid, and payments are announced": {`],"renewalMessage":true`, 1_000_000, []messaging.Purpose{messaging.Welcome, messaging.Renewed}},
		"not charged for a cap":            {`],"renewalMessage":true`, 500, []messaging.Purpose{messaging.Welcome}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.caps = charging.Caps{Day: map[string]int64{"CLP": test.cap}}
			w.early(test.more)
			w.restart()
			w.agrees(w.enriched(weekly, msisdn), "")
			var said []messaging.Purpose
			for _, m := range w.said {
				said = append(said, m.Purpose)
			}
			if !slices.Equal(said, test.want) {
				t.Errorf("%v", said)
			}
		})
	}
}

// welcomes are those that were said.
func (w *world) welcomes() []messaging.Message {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(w.said), func(m messaging.Message) bool { return m.Purpose != messaging.Welcome })
}

// A user who leaves before the first charge comes true has it given back; the partner hears of beginning and end.
func TestSubFirstCancelled(t *testing.T) {
	w := newWorld(t)
	w.early("]")
	w.charge = func(ctx context.Context, in carrierbilling.Order) (carrierbilling.Charge, error) {
		w.ends(t)
		return (*operator)(w).book(in), nil
	}
	w.agrees(w.enriched(weekly, msisdn), "")
	w.resolve()
	if !slices.Equal(w.notices(), []notification.Kind{notification.Subscribed, notification.Unsubscribed}) {
		t.Errorf("%v", w.notices())
	}
	if w.count("SELECT count(*) FROM subscription.charges WHERE state = 'REFUNDED' AND refund_by = 'hub'") != 1 {
		t.Error("it is not given back")
	}
}

// Who did not pay for what they had pays before they have it again, for 30 days: else they would have it for ever.
func TestSubFirstAfterOneThatWasNotPaid(t *testing.T) {
	const day = 24 * time.Hour
	for name, test := range map[string]struct {
		left  string // what became of the one before, an hour after it began
		after time.Duration
		early bool
	}{
		"suspended":                {"state = 'SUSPENDED', due_at = NULL", 0, false},
		"ended, never paid":        {"state = 'CANCELLED', cancel_cause = 'UNPAID', due_at = NULL, cancelled_at = $1", 30*day - time.Second, false},
		"30 days ago":              {"state = 'CANCELLED', cancel_cause = 'UNPAID', due_at = NULL, cancelled_at = $1", 30 * day, true},
		"left in grace":            {"state = 'CANCELLED', cancel_cause = 'OPTOUT_MO', due_at = NULL, cancelled_at = $1", 0, false},
		"left when it was paid":    {"state = 'CANCELLED', due_at = NULL, cancelled_at = $1, paid_until = $1::timestamptz + interval '1 day'", 0, true},
		"never begun":              {"state = 'CANCELLED', due_at = NULL, cancelled_at = $1, paid_until = NULL", 0, true},
		"of another owner, unpaid": {"state = 'CANCELLED', due_at = NULL, cancelled_at = $1, owner_epoch = 'e0'", 0, true},
		"of another product":       {"state = 'CANCELLED', due_at = NULL, cancelled_at = $1, product_id = 1000000002", 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.early("]")
			w.charge = func(_ context.Context, in carrierbilling.Order) (carrierbilling.Charge, error) {
				return carrierbilling.Charge{TxID: in.TxID, Outcome: carrierbilling.OutcomeDeclined, Reason: carrierbilling.ReasonInsufficientBalance}, nil
			}
			w.agrees(w.enriched(weekly, msisdn), "")
			w.pass(time.Hour)
			if strings.Contains(test.left, "$1") {
				w.exec("UPDATE subscription.subscriptions SET "+test.left, w.clock())
			} else {
				w.exec("UPDATE subscription.subscriptions SET " + test.left)
			}
			w.pass(test.after)
			want := contract.EnrolmentDeclined
			if test.early {
				want = contract.EnrolmentActive
			}
			got := w.agrees(w.enriched(weekly, msisdn), "")
			if access := w.count(subscriptions + " WHERE state IN ('ACTIVE', 'GRACE')"); got.State != want || access == 1 != test.early {
				t.Errorf("%+v, %d that may be used", got, access)
			}
			if test.early {
				return
			}
			w.charge = nil // and who pays has it
			if got := w.agrees(w.enriched(weekly, msisdn), ""); got.State != contract.EnrolmentActive || w.charged() != 1 {
				t.Errorf("paid: %+v", got)
			}
		})
	}
}

// Who has spent what a line may spend has it, and is not charged yet; who pays nothing has it as ever.
func TestSubFirstWithoutACharge(t *testing.T) {
	w := newWorld(t)
	w.caps = charging.Caps{Day: map[string]int64{"CLP": 500}}
	w.early("]")
	w.restart()
	if got := w.agrees(w.enriched(weekly, msisdn), ""); got.State != contract.EnrolmentActive || len(w.orders) != 0 || w.count(subscriptions+" WHERE state = 'GRACE' AND due_at IS NOT NULL") != 1 {
		t.Errorf("%+v, %d orders", got, len(w.orders))
	}
	if !slices.Equal(w.notices(), []notification.Kind{notification.Subscribed}) {
		t.Errorf("%v", w.notices())
	}
}

// What is shown beside the price is a part of the terms, and of the consent.
func TestLowerPricesAreShown(t *testing.T) {
	w := newWorld(t)
	w.early(`,{"id":2,"amount":190},{"id":3,"amount":490}],"fallbackPricepoints":[2,3]`)
	in := wanting(weekly, "")
	terms, err := w.DescribeOffer(t.Context(), contract.OfferQuery{Campaign: in.Campaign, PartnerID: in.PartnerID, ServiceID: in.ServiceID, ProductID: in.ProductID, Channel: in.Channel})
	if err != nil || !slices.Equal(terms.Fallbacks, []contract.Fallback{{Amount: 490, Days: 4}, {Amount: 190, Days: 2}}) {
		t.Errorf("%+v, %v", terms.Fallbacks, err)
	}
	flow := w.enriched(weekly, msisdn)
	w.agrees(flow, "")
	want := []catalogue.Fallback{{PricePoint: 3, Amount: 490, Days: 4}, {PricePoint: 2, Amount: 190, Days: 2}}
	if got := w.consentOf(flow).Fallbacks; !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
	var kept string
	if err := w.DB.QueryRow(t.Context(), "SELECT fallbacks FROM subscription.consents").Scan(&kept); err != nil || !strings.Contains(kept, fmt.Sprint(490)) {
		t.Errorf("%q, %v", kept, err)
	}
}
