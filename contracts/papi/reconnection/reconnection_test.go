package reconnection

import (
	"testing"

	"puente/shared/contract/contracttest"
)

func TestGoSideIsTheDocument(t *testing.T) {
	contracttest.Compare(t, spec, map[string]any{
		"Request": Request{}, "Outcome": Outcome{}, "BatchRequest": BatchRequest{}, "BatchItem": BatchItem{}, "BatchQuery": BatchQuery{},
		"Batch": Batch{}, "BatchResult": BatchResult{}, "NumberQuery": NumberQuery{}, "Order": Order{}, "PQR": PQR{},
	},
		[]Kind{KindOrder, KindPQR}, []BatchState{BatchRunning, BatchDone}, []ItemState{ItemPending, ItemDone},
		[]OrderState{OrderOpen, OrderCompleted, OrderCancelled},
		[]PQRReason{PQROrderNotPossible, PQRDebtNotSettled}, []PQRState{PQROpen, PQRInProgress, PQRResolved, PQRClosed})
}
