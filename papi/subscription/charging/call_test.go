package charging

import (
	"context"
	"errors"
	"testing"
	"time"

	"puente/contracts/sapi/carrierbilling"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/sql"
	"puente/shared/problem"
)

type answering struct {
	billing
	calls int
	made  carrierbilling.Charge
	err   error
}

func (a *answering) Charge(context.Context, carrierbilling.Order) (carrierbilling.Charge, error) {
	a.calls++
	return a.made, a.err
}

func TestCall(t *testing.T) {
	declined := func(why carrierbilling.Reason) carrierbilling.Charge {
		return carrierbilling.Charge{Outcome: carrierbilling.OutcomeDeclined, Reason: why}
	}
	for name, c := range map[string]struct {
		made carrierbilling.Charge
		err  error
		want Result
	}{
		"charged":             {made: carrierbilling.Charge{Outcome: carrierbilling.OutcomeCharged}, want: Result{Outcome: OutcomeCharged}},
		"declined":            {made: declined(carrierbilling.ReasonInsufficientBalance), want: Result{Outcome: OutcomeDeclined, Reason: "INSUFFICIENT_BALANCE"}},
		"could not decide":    {made: declined(carrierbilling.ReasonUnavailable), want: Result{Outcome: OutcomeUndone}},
		"pending":             {made: carrierbilling.Charge{Outcome: carrierbilling.OutcomePending}, want: Result{Outcome: OutcomeUnknown}},
		"asks for patience":   {err: &problem.Error{Kind: problem.Unavailable, RetryAfter: 3 * time.Second}, want: Result{Outcome: OutcomeUndone, Refused: true, Again: 3 * time.Second}},
		"for too much of it":  {err: &problem.Error{Kind: problem.Unavailable, RetryAfter: 24 * time.Hour}, want: Result{Outcome: OutcomeUndone, Refused: true, Again: 15 * time.Minute}},
		"cannot be reached":   {err: problem.Unavailable, want: Result{Outcome: OutcomeUndone, Refused: true}},
		"not fit to be sent":  {err: problem.Invalid, want: Result{Outcome: OutcomeUndone}},
		"the TxID is another": {err: &problem.Error{Kind: problem.Conflict, Code: carrierbilling.CodeTxIDReused}, want: Result{Outcome: OutcomeUnknown}},
		"no answer in time":   {err: problem.Timeout, want: Result{Outcome: OutcomeUnknown}},
		"a defect":            {err: errors.New("defect"), want: Result{Outcome: OutcomeUnknown}},
	} {
		t.Run(name, func(t *testing.T) {
			operator := &answering{made: c.made, err: c.err}
			got := (&Charging{cfg: Defaults(), billing: operator}).Call(t.Context(), order(time.Now()))
			got.Cause = nil
			if got != c.want || operator.calls != 1 {
				t.Errorf("%+v by %d calls, want %+v", got, operator.calls, c.want)
			}
		})
	}
}

// By the time that an order waited too long, those who resolve may take the operator's "not there" for its last word.
func TestOrderThatWaitedTooLong(t *testing.T) {
	operator := &answering{made: carrierbilling.Charge{Outcome: carrierbilling.OutcomeCharged}}
	c := &Charging{cfg: Defaults(), billing: operator}
	got := c.Call(t.Context(), order(time.Now().Add(-startWithin-time.Millisecond)))
	if got.Outcome != OutcomeUndone || got.Again <= 0 || got.Refused || operator.calls != 0 {
		t.Errorf("%+v by %d calls", got, operator.calls)
	}
	if c.lasts() <= startWithin+c.cfg.Timeout {
		t.Errorf("an attempt lasts %s", c.lasts())
	}
}

func order(opened time.Time) Order {
	return Order{
		Charge: sql.SubscriptionCharge{Kind: Renewal}, opened: opened,
		Product: &catalogue.Product{Service: &catalogue.Service{}},
	}
}

// What the inquiry found not to be there was told as an outcome that nobody knows.
func TestNotChargedIsNotUnknown(t *testing.T) {
	for cause, want := range map[problem.Kind]problem.Kind{
		problem.Unknown: problem.BadUpstream, problem.Timeout: problem.Timeout, problem.Unavailable: problem.Unavailable, problem.NotFound: problem.Unavailable,
	} {
		if err := undone(problem.Errorf(cause, "said by the system")); !errors.Is(err, want) || problem.Of(err).Code != "" {
			t.Errorf("%v: %v, want %v", cause, err, want)
		}
	}
}
