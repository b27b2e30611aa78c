package headerenrichment

import (
	"testing"

	"puente/shared/contract/contracttest"
)

func TestGoSideIsTheDocument(t *testing.T) {
	contracttest.Compare(t, spec, map[string]any{"Request": Request{}, "Header": Header{}, "Resolution": Resolution{}},
		[]Reason{ReasonUntrustedPeer, ReasonNoHeader, ReasonConflictingValues, ReasonUndecodable, ReasonNotMSISDN})
}
