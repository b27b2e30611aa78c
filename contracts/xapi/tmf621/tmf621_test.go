package tmf621

import (
	"testing"

	"puente/shared/contract/contracttest"
)

func TestGoSideIsTheDocument(t *testing.T) {
	contracttest.Compare(t, spec, map[string]any{"TroubleTicket": TroubleTicket{}},
		[]Severity{SeverityMajor, SeverityMinor}, []Reason{ReasonOrderNotPossible, ReasonDebtNotSettled},
		[]Status{StatusAcknowledged, StatusInProgress, StatusResolved, StatusClosed})
}
