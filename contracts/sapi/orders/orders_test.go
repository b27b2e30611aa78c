package orders

import (
	"testing"

	"puente/shared/contract/contracttest"
)

func TestGoSideIsTheDocument(t *testing.T) {
	contracttest.Compare(t, spec, map[string]any{
		"Reconnection": Reconnection{}, "ReconnectionQuery": ReconnectionQuery{}, "OrderQuery": OrderQuery{}, "Order": Order{},
		"BillingQuery": BillingQuery{}, "Billing": Billing{},
	},
		[]Strategy{StrategyPayment, StrategyVoluntaryLTE, StrategyVoluntary},
		[]State{StateOpen, StateCompleted, StateCancelled})
}
