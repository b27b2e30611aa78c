package charging

import (
	"context"
	"errors"
	"time"

	"puente/contracts/sapi/carrierbilling"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/sql"
	"puente/shared/problem"
)

// Result is what is known of an attempt.
type Result struct {
	Outcome     Outcome
	Reason      string // of OutcomeDeclined: one of the contract's codes
	OperatorRef string
	At          time.Time // when the operator charged; zero: it did not say
	Cause       error     // of OutcomeUndone and OutcomeUnknown

	// Again is when a charge that was not made is to be tried again: the operator asked for that patience, or
	// heard nothing. Zero: by the rule of renewal.
	Again time.Duration
	// Refused is of OutcomeUndone: the operator took no call, or could not be reached.
	Refused bool
}

// Outcome is what became of an attempt.
type Outcome uint8

// The outcomes. After OutcomeUndone the operator certainly has nothing of it.
const (
	OutcomeUnknown Outcome = iota
	OutcomeCharged
	OutcomeDeclined
	OutcomeUndone
)

var outcomeNames = [...]string{OutcomeUnknown: "unknown", OutcomeCharged: "succeeded", OutcomeDeclined: "declined", OutcomeUndone: "undone"}

// Call has the operator charge, once. Whatever becomes of ctx, the operator was told or was not; what is
// known of it is the result. An order that waited too long is not carried out: those who resolve may believe
// by then that no call of it is on its way.
func (c *Charging) Call(ctx context.Context, o Order) Result {
	if time.Since(o.opened) > startWithin {
		return Result{Outcome: OutcomeUndone, Again: soon, Cause: problem.Errorf(problem.Unavailable, "the order waited too long")}
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	made, err := c.billing.Charge(ctx, carrierbilling.Order{
		TxID: o.TxID, MSISDN: o.MSISDN, Amount: o.Charge.Amount, Currency: o.Charge.Currency, Description: description(o.Product),
		PartnerID: o.Charge.PartnerID, ProductID: o.Charge.ProductID, PricepointID: o.Charge.PricepointID, Context: contexts[o.Charge.Kind],
	})
	switch {
	case err == nil:
		return resultOf(made)
	case errors.Is(err, problem.Conflict): // the operator has a charge of this TxID, which nobody else can have made
		return Result{Outcome: OutcomeUnknown, Cause: err}
	case carrierbilling.Undone(err):
		kind := problem.Of(err).Kind
		return Result{Outcome: OutcomeUndone, Cause: err, Again: asked(err), Refused: kind == problem.Unavailable || kind == problem.Shed}
	}
	return Result{Outcome: OutcomeUnknown, Cause: err}
}

const (
	startWithin = 3 * time.Second // of the opening: a call that begins later could end after its attempt does
	soon        = time.Second
)

// asked is how long the operator, or who stands in front of it, asked us to wait; zero: nobody said.
func asked(err error) time.Duration {
	if e := problem.Of(err); e.Kind == problem.Unavailable || e.Kind == problem.Shed {
		return min(e.RetryAfter, mostPatience)
	}
	return 0
}

const mostPatience = 15 * time.Minute // whatever the operator says

func resultOf(made carrierbilling.Charge) Result {
	r := Result{OperatorRef: made.OperatorRef}
	switch made.Outcome {
	case carrierbilling.OutcomeCharged:
		r.Outcome = OutcomeCharged
		if made.ChargedAt != nil {
			r.At = *made.ChargedAt
		}
	case carrierbilling.OutcomeDeclined:
		r.Outcome, r.Reason = OutcomeDeclined, reasons[made.Reason]
		if made.Reason == carrierbilling.ReasonUnavailable {
			r.Outcome, r.Cause = OutcomeUndone, problem.Unavailable
		}
	}
	return r
}

var contexts = map[string]carrierbilling.Context{
	First: carrierbilling.ContextSubscription, Renewal: carrierbilling.ContextRenewal, OneShot: carrierbilling.ContextOneShot,
}

// description is what the customer reads on the bill.
func description(p *catalogue.Product) string {
	text := []rune(p.Service.Name + " " + p.Name)
	return string(text[:min(len(text), maxDescription)])
}

const maxDescription = 160 // characters, the carrier billing's

// query asks what became of the last attempt of a charge.
func (c *Charging) query(ctx context.Context, charge sql.SubscriptionCharge) (carrierbilling.Charge, sql.LastAttemptRow, error) {
	last, err := sql.New(c.db).LastAttempt(ctx, sql.LastAttemptParams{ChargeID: charge.ID, Settle: c.cfg.Settle})
	if err != nil {
		return carrierbilling.Charge{}, last, err
	}
	found, err := c.billing.Query(ctx, carrierbilling.ChargeQuery{TxID: last.TxID})
	return found, last, err
}
