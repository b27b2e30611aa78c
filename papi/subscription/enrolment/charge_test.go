package enrolment

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus/testutil"

	contract "puente/contracts/papi/subscription"
	"puente/contracts/sapi/carrierbilling"
	"puente/papi/subscription/lifecycle"
	"puente/papi/subscription/notification"
	"puente/shared/problem"
)

type charge = func(context.Context, carrierbilling.Order) (carrierbilling.Charge, error)

// What the operator may do with a first charge, what the user is told then, and what it comes to.
func TestFirstCharge(t *testing.T) {
	declined := func(reason carrierbilling.Reason) func(*world) charge {
		return func(*world) charge {
			return func(_ context.Context, in carrierbilling.Order) (carrierbilling.Charge, error) {
				return carrierbilling.Charge{TxID: in.TxID, Outcome: carrierbilling.OutcomeDeclined, Reason: reason}, nil
			}
		}
	}
	failed := func(err error, booked bool) func(*world) charge {
		return func(w *world) charge {
			return func(_ context.Context, in carrierbilling.Order) (carrierbilling.Charge, error) {
				if booked {
					(*operator)(w).book(in)
				}
				return carrierbilling.Charge{}, err
			}
		}
	}
	active, processing, over := contract.EnrolmentActive, contract.EnrolmentProcessing, contract.EnrolmentDeclined
	for name, test := range map[string]struct {
		charge func(*world) charge
		first  contract.EnrolmentState
		then   contract.EnrolmentState // when what is open has been resolved
		reason string
	}{
		"charged":              {func(*world) charge { return nil }, active, active, ""},
		"no balance":           {declined(carrierbilling.ReasonInsufficientBalance), over, over, contract.CodeInsufficientBalance},
		"barred":               {declined(carrierbilling.ReasonLineBarred), over, over, contract.CodeLineBarred},
		"operator unavailable": {declined(carrierbilling.ReasonUnavailable), over, over, "UNAVAILABLE"},
		"not reached":          {failed(problem.Unavailable, false), over, over, "UNAVAILABLE"},
		"timeout, charged":     {failed(problem.Timeout, true), processing, active, ""},
		"timeout, not charged": {failed(problem.Timeout, false), processing, over, "UNAVAILABLE"},
		"unknown, charged":     {failed(problem.Unknown, true), processing, active, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.charge = test.charge(w)
			flow := w.start(weekly, msisdn)
			got := w.agrees(flow, w.pin())
			if got.State != test.first || test.first == processing && (got.NextCharge != nil || got.Redirect != "" || got.SubscriptionID == 0) {
				t.Errorf("%+v", got)
			}
			if test.first != active && len(w.told) != 0 {
				t.Errorf("the partner was told %v", w.notices())
			}
			again := w.enriched(weekly, msisdn)
			if test.first == processing { // a second flow meanwhile charges nothing
				if got := w.agrees(again, ""); got.State != processing || len(w.orders) != 1 {
					t.Errorf("%+v, %d orders", got, len(w.orders))
				}
			}
			w.resolve()
			w.resolve()
			got = w.query(flow)
			if got.State != test.then || got.Reason != test.reason || (got.Redirect != "") != (test.then == active) {
				t.Errorf("%+v", got)
			}
			var kinds []notification.Kind
			if test.then == active {
				kinds = []notification.Kind{notification.Subscribed, notification.Charged}
			}
			if !slices.Equal(w.notices(), kinds) || len(w.orders) != 1 {
				t.Errorf("%v, %d orders", w.notices(), len(w.orders))
			}
			if test.then == over { // who was declined may try again: it is another subscription
				w.charge = nil
				if got := w.agrees(w.enriched(weekly, msisdn), ""); got.State != active || len(w.orders) != 2 {
					t.Errorf("again: %+v", got)
				}
			}
		})
	}
}

// A process that dies between consent, charge and settlement leaves what is resolved by inquiry: it is
// never charged anew.
func TestCrashAroundTheCharge(t *testing.T) {
	for name, booked := range map[string]bool{"before the operator charged": false, "after it": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.charge = func(_ context.Context, in carrierbilling.Order) (carrierbilling.Charge, error) {
				if booked {
					(*operator)(w).book(in)
				}
				panic("killed")
			}
			flow := w.start(weekly, msisdn)
			func() {
				defer func() {
					if recover() == nil {
						t.Error("nobody died")
					}
				}()
				_, _ = w.ConfirmFlow(t.Context(), confirmation(flow, w.pin()))
			}()
			w.charge = nil
			w.restart()
			if state := w.query(flow).State; state != contract.EnrolmentProcessing {
				t.Error(state)
			}
			_, err := w.ConfirmFlow(t.Context(), confirmation(flow, w.pin())) // a used PIN stays used
			wantError(t, err, problem.Conflict, contract.CodeFlowEnded)
			if err := w.charges.Resolve(t.Context()); err != nil || w.query(flow).State != contract.EnrolmentProcessing {
				t.Error("decided while a call may be on its way", err)
			}
			w.resolve()
			want := contract.EnrolmentDeclined
			if booked {
				want = contract.EnrolmentActive
			}
			if got := w.query(flow); got.State != want || len(w.orders) != 1 {
				t.Errorf("%+v, %d orders", got, len(w.orders))
			}
		})
	}
}

// A user who goes away while the operator is asked has what was charged.
func TestCallerGoesAway(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	w.charge = func(ctx context.Context, in carrierbilling.Order) (carrierbilling.Charge, error) {
		(*operator)(w).book(in)
		cancel()
		<-ctx.Done()
		return carrierbilling.Charge{}, ctx.Err()
	}
	flow := w.start(weekly, msisdn)
	got, err := w.ConfirmFlow(ctx, confirmation(flow, w.pin()))
	if err != nil || got.State != contract.EnrolmentProcessing {
		t.Errorf("%+v, %v", got, err)
	}
	w.resolve()
	if got := w.query(flow); got.State != contract.EnrolmentActive || len(w.orders) != 1 {
		t.Errorf("%+v", got)
	}
}

// A charge that comes true after its subscription was ended by its user is given back, and nobody is told
// of a subscription that never began (invariant 5).
func TestCancelledWhileTheChargeIsInWork(t *testing.T) {
	w := newWorld(t)
	w.charge = func(ctx context.Context, in carrierbilling.Order) (carrierbilling.Charge, error) {
		w.ends(t)
		return (*operator)(w).book(in), nil
	}
	flow := w.enriched(weekly, msisdn)
	got := w.agrees(flow, "")
	if got.State != contract.EnrolmentEnded || got.Redirect != "" || len(w.told) != 0 {
		t.Errorf("%+v, %v", got, w.notices())
	}
	w.resolve()
	if w.count("SELECT count(*) FROM subscription.charges WHERE state = 'REFUNDED' AND refund_by = 'hub'") != 1 {
		t.Error("it is not given back")
	}
}

// ends ends the one subscription by a message of its user's.
func (w *world) ends(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	err := pgx.BeginFunc(ctx, w.DB, func(tx pgx.Tx) error {
		held, err := w.writer.Lock(ctx, tx, int64(w.count("SELECT id FROM subscription.subscriptions")))
		if err != nil {
			return err
		}
		var change lifecycle.Change
		for _, s := range held {
			w.lifecycle.Cancel(&change, s, w.clock(), lifecycle.Cancellation{Reason: lifecycle.ReasonMO, Cause: lifecycle.CauseMO, Channel: "SMS"})
		}
		return w.writer.Write(ctx, tx, &change)
	})
	if err != nil {
		t.Error(err)
	}
}

// Where nobody can write down what the operator said, the user hears that the charge is in work.
func TestDatabaseAwayAfterTheCharge(t *testing.T) {
	w := newWorld(t)
	w.charge = func(_ context.Context, in carrierbilling.Order) (carrierbilling.Charge, error) {
		w.DB.Pool.Close()
		return (*operator)(w).book(in), nil
	}
	got, err := w.ConfirmFlow(t.Context(), confirmation(w.enriched(weekly, msisdn), ""))
	if err != nil || got.State != contract.EnrolmentProcessing || got.SubscriptionID == 0 || len(w.told) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

// The operator is not waited for until the caller's time is over: it is to hear that the charge is in work.
func TestAnswerBeforeTheDeadline(t *testing.T) {
	w := newWorld(t)
	end := time.Now().Add(10 * time.Second)
	ctx, cancel := context.WithDeadline(t.Context(), end)
	defer cancel()
	w.charge = func(ctx context.Context, in carrierbilling.Order) (carrierbilling.Charge, error) {
		if last, ok := ctx.Deadline(); !ok || last.After(end.Add(-answering)) {
			t.Errorf("the call may last until %v, the caller waits until %v", last, end)
		}
		return carrierbilling.Charge{}, problem.Timeout
	}
	got, err := w.ConfirmFlow(ctx, confirmation(w.enriched(weekly, msisdn), ""))
	if err != nil || got.State != contract.EnrolmentProcessing {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestStepsAreCounted(t *testing.T) {
	w := newWorld(t)
	flow := w.start(weekly, msisdn)
	w.refused(flow, wrong(w.pin()))
	w.pass(time.Minute)
	if _, err := w.ResendPIN(t.Context(), contract.FlowQuery{ID: flow.ID}); err != nil {
		t.Fatal(err)
	}
	_, err := w.ResendPIN(t.Context(), contract.FlowQuery{ID: flow.ID})
	wantError(t, err, problem.Quota, contract.CodePINQuota)
	w.agrees(flow, w.pin())
	w.enriched(free, msisdn)
	again := w.minted(free, msisdn)
	again.Address = "192.0.2.2"
	_, err = w.StartFlow(t.Context(), again)
	wantError(t, err, problem.Rejected, contract.CodeHandle)
	again.ProductID, again.PartnerID = 7, 7 // what is in no catalogue is not counted
	_, _ = w.StartFlow(t.Context(), again)
	request := plain("gratis", msisdn)
	request.Enrichment.Headers = nil
	_, err = w.MintHandle(t.Context(), request)
	wantError(t, err, problem.Invalid, contract.CodeMSISDNInvalid)
	query := asked(free)
	query.ErrorURL = "https://otro.example/"
	_, err = w.DescribeOffer(t.Context(), query)
	wantError(t, err, problem.Rejected, contract.CodeRedirectNotAllowed)
	want := `# HELP subscription_flows_total Steps of flows in which lines agree to products.
# TYPE subscription_flows_total counter
subscription_flows_total{partner="52272",product="1000000001",proof="PIN",step="confirmed"} 1
subscription_flows_total{partner="52272",product="1000000001",proof="PIN",step="quota"} 1
subscription_flows_total{partner="52272",product="1000000001",proof="PIN",step="resent"} 1
subscription_flows_total{partner="52272",product="1000000001",proof="PIN",step="started"} 1
subscription_flows_total{partner="52272",product="1000000001",proof="PIN",step="wrong_pin"} 1
subscription_flows_total{partner="52272",product="1000000002",proof="",step="redirect"} 1
subscription_flows_total{partner="52272",product="1000000002",proof="HE",step="handle"} 1
subscription_flows_total{partner="52272",product="1000000002",proof="HE",step="minted"} 2
subscription_flows_total{partner="52272",product="1000000002",proof="HE",step="not_told"} 1
subscription_flows_total{partner="52272",product="1000000002",proof="HE",step="started"} 1
`
	if err := testutil.GatherAndCompare(w.reg, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}
