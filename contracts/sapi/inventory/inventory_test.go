package inventory

import (
	"testing"

	"puente/shared/contract/contracttest"
)

func TestGoSideIsTheDocument(t *testing.T) {
	contracttest.Compare(t, spec, map[string]any{
		"ServiceQuery": ServiceQuery{}, "HolderQuery": HolderQuery{}, "Service": Service{}, "Holder": Holder{}, "AccountQuery": AccountQuery{},
		"TelevisionSubscriber": TelevisionSubscriber{}, "TelevisionCodes": TelevisionCodes{}, "TelevisionDevices": TelevisionDevices{},
	},
		[]Technology{TechnologyLTE, TechnologyFTTH, TechnologyHFC, TechnologyCOBRE, TechnologyIPTV, TechnologyOther},
		[]State{StateActive, StateSuspended, StateWithdrawn},
		[]Reason{ReasonNonPayment, ReasonVoluntary, ReasonTheft, ReasonLoss, ReasonFraud, ReasonLegal, ReasonOther})
}
