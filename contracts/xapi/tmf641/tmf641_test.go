package tmf641

import (
	"testing"

	"puente/shared/contract/contracttest"
)

func TestGoSideIsTheDocument(t *testing.T) {
	contracttest.Compare(t, spec, map[string]any{
		"ServiceOrderCreate": ServiceOrderCreate{}, "RelatedParty": RelatedParty{}, "ServiceOrder": ServiceOrder{},
		"ServiceOrderItem": ServiceOrderItem{}, "Service": Service{}, "ExternalReference": ExternalReference{},
		"OrderRelationship": OrderRelationship{}, "Note": Note{}, "ErrorMessage": ErrorMessage{},
	}, []State{StateAcknowledged, StateInProgress, StateCompleted, StateRejected, StateFailed, StateCancelled})
}
