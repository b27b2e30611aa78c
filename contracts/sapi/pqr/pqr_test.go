package pqr

import (
	"testing"

	"puente/shared/contract/contracttest"
)

func TestGoSideIsTheDocument(t *testing.T) {
	contracttest.Compare(t, spec, map[string]any{"Filing": Filing{}, "ReferenceQuery": ReferenceQuery{}, "NumberQuery": NumberQuery{}, "PQR": PQR{}},
		[]Reason{ReasonOrderNotPossible, ReasonDebtNotSettled},
		[]State{StateOpen, StateInProgress, StateResolved, StateClosed})
}
