package charging

import (
	"context"

	"puente/papi/subscription/sql"
)

// First makes the first charge of a subscription, which was opened in the transaction that made the
// subscription, and writes down what came of it. Nobody waits here for an outcome that is not known: the
// charge is Unknown then, and its user is told that it is in work. After an error Unknown nobody could
// write down what the operator said; the inquiry tells.
func (c *Charging) First(ctx context.Context, o Order) (sql.SubscriptionCharge, error) {
	row, err := c.settleOne(context.WithoutCancel(ctx), Settlement{Charge: o.Charge, Result: c.Call(ctx, o)})
	if err != nil {
		return row, unwritten(err)
	}
	return row, nil
}
