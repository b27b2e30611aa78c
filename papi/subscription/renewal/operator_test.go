package renewal

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"puente/contracts/sapi/carrierbilling"
	"puente/shared/problem"
)

// entry is a charge that the operator made.
type entry struct {
	order carrierbilling.Order
	at    time.Time
}

// operator keeps no keys: it charges as often as it is told to.
type operator struct {
	world   *world
	mu      sync.Mutex
	ledger  map[string][]entry // by TxID
	refunds map[string][]carrierbilling.Refund
	calls   int
	does    func(carrierbilling.Order) deed // nil: charges
	reason  carrierbilling.Reason           // why it declines; empty: the balance does not suffice
	during  func(carrierbilling.Order)      // while a call is on its way
}

// deed is what the operator does with a call.
type deed int

const (
	charges deed = iota
	declines
	lostAfter   // charges, and the answer is lost
	lostBefore  // does not, and nobody knows
	refuses     // takes no call, and asks for patience
	unavailable // says that it could not decide
)

var errLost = &problem.Error{Kind: problem.Timeout}

func (o *operator) Charge(_ context.Context, order carrierbilling.Order) (carrierbilling.Charge, error) {
	what := charges
	if o.does != nil {
		what = o.does(order)
	}
	if o.during != nil {
		o.during(order)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls++
	made := carrierbilling.Charge{TxID: order.TxID, Amount: order.Amount, Currency: order.Currency, Outcome: carrierbilling.OutcomeCharged}
	switch what {
	case declines:
		made.Outcome, made.Reason = carrierbilling.OutcomeDeclined, cmp.Or(o.reason, carrierbilling.ReasonInsufficientBalance)
		return made, nil
	case unavailable:
		made.Outcome, made.Reason = carrierbilling.OutcomeDeclined, carrierbilling.ReasonUnavailable
		return made, nil
	case lostBefore:
		return carrierbilling.Charge{}, errLost
	case refuses:
		return carrierbilling.Charge{}, &problem.Error{Kind: problem.Unavailable, RetryAfter: time.Second}
	}
	o.ledger[order.TxID] = append(o.ledger[order.TxID], entry{order, o.world.now()})
	if what == lostAfter {
		return carrierbilling.Charge{}, errLost
	}
	return made, nil
}

func (o *operator) Query(_ context.Context, q carrierbilling.ChargeQuery) (carrierbilling.Charge, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	made := o.ledger[q.TxID]
	if len(made) == 0 {
		return carrierbilling.Charge{}, &problem.Error{Kind: problem.NotFound, Code: carrierbilling.CodeNoCharge}
	}
	return carrierbilling.Charge{
		TxID: q.TxID, Amount: made[0].order.Amount, Currency: made[0].order.Currency, Outcome: carrierbilling.OutcomeCharged, Refunds: o.refunds[q.TxID],
	}, nil
}

func (o *operator) Refund(_ context.Context, in carrierbilling.RefundOrder) (carrierbilling.Refund, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.ledger[in.TxID]) == 0 {
		return carrierbilling.Refund{}, errors.New("nothing to give back")
	}
	r := carrierbilling.Refund{RefundID: in.RefundID, Amount: in.Amount}
	o.refunds[in.TxID] = append(o.refunds[in.TxID], r)
	return r, nil
}
