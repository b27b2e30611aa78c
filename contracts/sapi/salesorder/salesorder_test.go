package salesorder

import (
	"testing"

	"puente/shared/contract/contracttest"
)

func TestGoSideIsTheDocument(t *testing.T) {
	contracttest.Compare(t, spec, map[string]any{"Submission": Submission{}, "Outcome": Outcome{}},
		[]Intent{IntentRequestNIP, IntentResendNIP, IntentPortIn, IntentStatus},
		[]State{StateNIPRequested, StateNIPResent, StatePortInFiled})
}
