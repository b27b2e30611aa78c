package enrolment

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	contract "puente/contracts/papi/subscription"
	"puente/contracts/sapi/carrierbilling"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/charging"
	"puente/papi/subscription/messaging"
	"puente/papi/subscription/notification"
	"puente/shared/problem"
)

const subscriptions = "SELECT count(*) FROM subscription.subscriptions"

// Nothing is charged without a consent that is older.
func TestInvariant4(t *testing.T) {
	w := newWorld(t)
	w.charge = func(ctx context.Context, in carrierbilling.Order) (carrierbilling.Charge, error) {
		// What the operator hears of stands already: consent, subscription and intention.
		if w.count(`SELECT count(*) FROM subscription.charges c JOIN subscription.consents o ON o.id = c.consent_id
			JOIN subscription.subscriptions s ON s.consent_id = o.id AND s.id = c.subscription_id
			JOIN subscription.flows f ON f.consent_id = o.id AND f.state = 'confirmed'
			WHERE c.state = 'SENT' AND s.state = 'PENDING_CHARGE' AND o.given_at <= c.created_at AND o.amount = $1`, in.Amount) != 1 {
			t.Error("the operator hears of what does not stand")
		}
		return (*operator)(w).book(in), nil
	}
	flow := w.start(weekly, msisdn)
	for _, change := range []func(*contract.Confirmation){
		func(in *contract.Confirmation) { in.Texts = "" }, func(in *contract.Confirmation) { in.Screens = nil },
		func(in *contract.Confirmation) { in.Screens = []string{""} }, func(in *contract.Confirmation) { in.Address = "" },
	} {
		in := confirmation(flow, w.pin())
		change(&in)
		_, err := w.ConfirmFlow(t.Context(), in)
		wantError(t, err, problem.Invalid, "")
	}
	if w.charged() != 0 || w.count("SELECT count(*) FROM subscription.consents") != 0 {
		t.Fatal("charged without a consent")
	}
	w.agrees(flow, w.pin())
	if w.charged() != 1 {
		t.Error("not charged")
	}
}

// What is charged is the price that was shown, and that is the catalogue's now.
func TestInvariant7(t *testing.T) {
	w := newWorld(t)
	dearer := func(amount string) {
		w.Apply("products", "1000000001", `{"service":"2000001784","name":"Semanal","kind":"VAS","type":"SUBSCRIPTION","period":{"unit":"WEEK"},"pricePoints":[{"id":201507,"amount":`+amount+`}]}`)
	}
	flow := w.start(weekly, msisdn)
	pin := w.pin()
	for _, change := range []func(*contract.Confirmation){
		func(in *contract.Confirmation) { in.Amount = 100 }, func(in *contract.Confirmation) { in.Amount = 99000 }, func(in *contract.Confirmation) { in.Currency = "PEN" },
	} {
		in := confirmation(flow, pin)
		change(&in)
		_, err := w.ConfirmFlow(t.Context(), in)
		wantError(t, err, problem.Conflict, contract.CodeFlowEnded)
	}
	dearer("1990")
	_, err := w.ConfirmFlow(t.Context(), confirmation(flow, pin))
	wantError(t, err, problem.Conflict, contract.CodeFlowEnded)
	if w.charged() != 0 || w.count("SELECT tries FROM subscription.pins") != 0 {
		t.Fatal("a price that was not shown was charged, or a try was used")
	}
	again := w.start(weekly, msisdn)
	if again.Amount != 1990 {
		t.Fatalf("%+v", again)
	}
	w.agrees(again, w.pin())
	if w.orders[0].Amount != 1990 || w.consentOf(again).Amount != 1990 {
		t.Errorf("%+v", w.orders)
	}
}

// The campaign's price point counts, and a campaign that ended sells nothing any more.
func TestCampaignDecidesThePrice(t *testing.T) {
	w := newWorld(t)
	w.Apply("products", "1000000001", `{"service":"2000001784","name":"Semanal","kind":"VAS","type":"SUBSCRIPTION","period":{"unit":"WEEK"},
		"pricePoints":[{"id":1,"amount":10,"status":"suspended"},{"id":201507,"amount":990},{"id":2,"amount":490}]}`)
	if flow := w.start(weekly, msisdn); flow.Amount != 990 {
		t.Errorf("%+v", flow)
	}
	w.Apply("campaigns", "juegos", `{"product":"1000000001","pricePoint":2}`)
	flow := w.enriched(weekly, msisdn)
	if flow.Amount != 490 {
		t.Errorf("%+v", flow)
	}
	w.Apply("campaigns", "juegos", `{"product":"1000000001","pricePoint":2,"status":"suspended"}`)
	_, err := w.ConfirmFlow(t.Context(), confirmation(flow, ""))
	wantError(t, err, problem.Conflict, contract.CodeFlowEnded)
}

// A hundred confirmations of one flow at once, then those of flows that begin while others are confirmed, then fifty of
// as many flows, over two processes: one subscription, one charge.
func TestInvariant8(t *testing.T) {
	w := newWorld(t)
	one := w.Flows
	w.restart()
	processes := []*Flows{one, w.Flows}
	var active, other atomic.Int32
	confirm := func(f *Flows, flow contract.Flow) {
		got, err := f.ConfirmFlow(t.Context(), confirmation(flow, ""))
		switch {
		case err == nil && got.State == contract.EnrolmentActive:
			active.Add(1)
		case err == nil && (got.State == contract.EnrolmentAlready || got.State == contract.EnrolmentProcessing), errors.Is(err, problem.Conflict):
			other.Add(1)
		default:
			t.Errorf("%+v, %v", got, err)
		}
	}
	// race has all confirmed at once, and wants one subscription of them, the n-th.
	race := func(n int, flows []func() contract.Flow) {
		t.Helper()
		active.Store(0)
		other.Store(0)
		var all sync.WaitGroup
		for i, flow := range flows {
			all.Go(func() { confirm(processes[i%2], flow()) })
		}
		all.Wait()
		if active.Load() != 1 || int(other.Load()) != len(flows)-1 || w.count(subscriptions) != n || w.charged() != n || len(w.orders) != n {
			t.Errorf("%d active, %d other, %d subscriptions, %d charges", active.Load(), other.Load(), w.count(subscriptions), w.charged())
		}
	}
	flow := w.enriched(weekly, msisdn)
	race(1, slices.Repeat([]func() contract.Flow{func() contract.Flow { return flow }}, 100))

	var begun []func() contract.Flow
	for i := range headerHourly {
		in := w.minted(weekly, numbered(9))
		begun = append(begun, func() contract.Flow {
			flow, err := processes[i%2].StartFlow(t.Context(), in)
			if err != nil {
				t.Error(err)
			}
			return flow
		})
	}
	race(2, begun)

	// A new flow ends the one before it, and few may begin. All are open again here, so that nothing but the
	// subscription itself keeps the second confirmation from making another.
	w.exec("DROP INDEX subscription.flows_pending")
	var open []func() contract.Flow
	for range 50 {
		w.exec("DELETE FROM subscription.counts")
		flow := w.enriched(weekly, numbered(10))
		open = append(open, func() contract.Flow { return flow })
	}
	w.exec("UPDATE subscription.flows SET state = 'pending' WHERE state = 'abandoned' AND line_id = (SELECT max(line_id) FROM subscription.flows)")
	race(3, open)
	if n := w.count("SELECT count(*) FROM subscription.consents WHERE line_id = (SELECT max(line_id) FROM subscription.flows)"); n != 50 {
		t.Errorf("%d confirmations competed", n)
	}
}

// Who has the product is sent on with a new token, after the PIN, and pays nothing.
func TestAlreadyActive(t *testing.T) {
	for _, state := range []string{"ACTIVE", "GRACE"} {
		w := newWorld(t)
		first := w.agrees(w.enriched(weekly, msisdn), "")
		w.exec("UPDATE subscription.subscriptions SET state = $1", state)
		w.pass(15 * time.Minute)
		flow := w.start(weekly, msisdn)
		if flow.Proof != contract.ProofPIN {
			t.Errorf("%+v", flow)
		}
		got := w.agrees(flow, w.pin())
		if got.State != contract.EnrolmentAlready || got.SubscriptionID != first.SubscriptionID || got.Redirect == first.Redirect || w.query(flow).State != contract.EnrolmentAlready {
			t.Errorf("%+v", got)
		}
		w.opens(got.Redirect)
		if w.charged() != 1 || len(w.told) != 2 || w.count(subscriptions) != 1 {
			t.Errorf("%s: %d charges", state, w.charged())
		}
	}
}

// A suspended subscription is replaced, unless a charge of it is in work.
func TestSuspended(t *testing.T) {
	w := newWorld(t)
	first := w.agrees(w.enriched(weekly, msisdn), "")
	w.exec("UPDATE subscription.subscriptions SET state = 'SUSPENDED'")
	w.exec("UPDATE subscription.charges SET state = 'UNKNOWN'")
	busy := w.enriched(weekly, msisdn)
	if got := w.agrees(busy, ""); got.State != contract.EnrolmentProcessing || got.SubscriptionID != first.SubscriptionID || len(w.orders) != 1 {
		t.Errorf("%+v", got)
	}
	w.exec("UPDATE subscription.charges SET state = 'DECLINED'")
	if got := w.query(busy); got.State != contract.EnrolmentDeclined || got.Reason != contract.CodeDeclined {
		t.Errorf("%+v", got)
	}
	got := w.agrees(w.enriched(weekly, msisdn), "")
	if got.State != contract.EnrolmentActive || got.SubscriptionID == first.SubscriptionID || len(w.orders) != 2 {
		t.Errorf("%+v", got)
	}
	kinds := []notification.Kind{notification.Subscribed, notification.Charged, notification.Unsubscribed, notification.Subscribed, notification.Charged}
	if !slices.Equal(w.notices(), kinds) || w.told[2].Reason != "LIFECYCLE" {
		t.Errorf("%v", w.notices())
	}
	if w.count(subscriptions+" WHERE state = 'CANCELLED' AND cancel_cause = 'REPLACED' AND id = $1", first.SubscriptionID) != 1 {
		t.Error("the suspended one goes on")
	}
	for _, m := range w.said {
		if m.Purpose == messaging.Cancelled {
			t.Error("who has just subscribed is told that the subscription ended")
		}
	}
}

// What is paid how often, or once, is a part of what was agreed to, whatever the catalogue says later.
func TestConsentHoldsThePeriod(t *testing.T) {
	w := newWorld(t)
	w.Apply("products", "1000000001", `{"service":"2000001784","name":"Semanal","kind":"VAS","type":"SUBSCRIPTION","period":{"unit":"DAY","count":10},"pricePoints":[{"id":201507,"amount":990}]}`)
	for _, test := range []struct {
		product int64
		period  *catalogue.Period
		single  bool
	}{
		{weekly, &catalogue.Period{Unit: catalogue.Day, Count: 10}, false},
		{oneShot, nil, true},
	} {
		flow := w.enriched(test.product, msisdn)
		w.agrees(flow, "")
		if c := w.consentOf(flow); !reflect.DeepEqual(c.Period, test.period) || c.Single != test.single {
			t.Errorf("%d: %+v, single: %v", test.product, c.Period, c.Single)
		}
	}
}

func TestOneShotConsent(t *testing.T) {
	w := newWorld(t)
	flow := w.start(oneShot, msisdn)
	got := w.agrees(flow, w.pin())
	if got.State != contract.EnrolmentConsented || got.SubscriptionID != 0 || len(w.orders) != 0 || w.count(subscriptions) != 0 || len(w.told) != 0 {
		t.Errorf("%+v", got)
	}
	w.opens(got.Redirect)
	if w.count("SELECT count(*) FROM subscription.consents WHERE service_id = 2000001784 AND amount = 500") != 1 {
		t.Error("no consent")
	}
}

// A price of zero: nothing is charged, the partner hears of the subscription alone.
func TestFreeSubscription(t *testing.T) {
	w := newWorld(t)
	got := w.agrees(w.enriched(free, msisdn), "")
	if got.State != contract.EnrolmentActive || got.NextCharge == nil || !got.NextCharge.Equal(w.at.AddDate(0, 0, 7)) || len(w.orders) != 0 {
		t.Errorf("%+v", got)
	}
	if !slices.Equal(w.notices(), []notification.Kind{notification.Subscribed}) || w.count("SELECT count(*) FROM subscription.charges") != 0 {
		t.Errorf("%v", w.notices())
	}
}

// Who has spent what a line may spend is declined, and the operator hears nothing.
func TestSpendCapReached(t *testing.T) {
	w := newWorld(t)
	w.caps = charging.Caps{Day: map[string]int64{"CLP": 1500}}
	w.Apply("products", "1000000005", `{"service":"2000001784","name":"Otro","kind":"VAS","type":"SUBSCRIPTION","period":{"unit":"WEEK"},"pricePoints":[{"id":5,"amount":990}]}`)
	w.Apply("campaigns", "otro", `{"product":"1000000005"}`)
	w.restart()
	w.agrees(w.enriched(weekly, msisdn), "")
	flow, err := w.StartFlow(t.Context(), w.minted(1000000005, msisdn))
	if err != nil {
		t.Fatal(err)
	}
	got := w.agrees(flow, "")
	if got.State != contract.EnrolmentDeclined || got.Reason != contract.CodeSpendCap || got.Redirect != "" || w.query(flow).Reason != contract.CodeSpendCap {
		t.Errorf("%+v", got)
	}
	if len(w.orders) != 1 || len(w.told) != 2 || w.count(subscriptions+" WHERE state = 'CANCELLED'") != 1 {
		t.Errorf("%d orders, %d notices", len(w.orders), len(w.told))
	}
	w.pass(24 * time.Hour)
	again, err := w.StartFlow(t.Context(), w.minted(1000000005, msisdn))
	if err != nil {
		t.Fatal(err)
	}
	if got := w.agrees(again, ""); got.State != contract.EnrolmentActive {
		t.Errorf("tomorrow: %+v", got)
	}
}
