package subscriber

import (
	"testing"

	"puente/shared/contract/contracttest"
)

func TestGoSideIsTheDocument(t *testing.T) {
	contracttest.Compare(t, spec, map[string]any{
		"LineQuery": LineQuery{}, "Line": Line{}, "LineEventsQuery": LineEventsQuery{}, "LineEvents": LineEvents{}, "LineEvent": LineEvent{},
	},
		[]UserType{UserTypePostpaid, UserTypeControlled, UserTypePrepaid}, []Segment{SegmentPerson, SegmentCompany}, []Access{AccessMobile, AccessFixed},
		[]State{StateActive, StateTerminated, StatePortedOut}, []EventType{EventTerminated, EventPortedOut, EventOwnerChanged, EventBarred, EventOther})
}
