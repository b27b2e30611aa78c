package tvvalidation

import (
	"testing"

	"puente/shared/contract/contracttest"
)

func TestGoSideIsTheDocument(t *testing.T) {
	contracttest.Compare(t, spec, map[string]any{
		"Request": Request{}, "NormalizationRequest": NormalizationRequest{}, "IDQuery": IDQuery{}, "Verification": Verification{}, "Check": Check{},
		"Normalization": Normalization{}, "Correction": Correction{}, "Action": Action{}, "Service": Service{},
	},
		[]Semaphore{Green, Red, Yellow}, []NormalizationState{NormalizationRunning, NormalizationDone, NormalizationPlanned},
		[]ActionKind{ActionAdd, ActionRemove, ActionSet}, []ActionState{ActionPlanned, ActionDone, ActionFailed, ActionUnknown},
		[]ServiceState{ServiceActive, ServiceSuspended}, []Technology{TechnologyFTTH, TechnologyHFC, TechnologyIPTV})
}
