package smsc

import (
	"errors"
	"fmt"
	"testing"

	"puente/shared/contract/contracttest"
	"puente/shared/problem"
)

func TestGoSideIsTheDocument(t *testing.T) {
	contracttest.Compare(t, spec, map[string]any{
		"Message": Message{}, "Submission": Submission{}, "MessageQuery": MessageQuery{}, "Delivery": Delivery{},
		"Take": Take{}, "Inbound": Inbound{}, "Item": Item{}, "Ack": Ack{}, "Acknowledged": Acknowledged{},
	},
		[]Encoding{EncodingGSM7, EncodingUCS2},
		[]State{StateUnsent, StateSending, StateUnknown, StateAccepted, StateDelivered, StateUndelivered, StateExpired, StateRejected},
		[]Kind{KindMessage, KindReport})
	if _, err := Callbacks.Document(); err != nil {
		t.Error(err)
	}
}

// What is not known to be harmless may have been sent.
func TestUndone(t *testing.T) {
	for err, want := range map[error]bool{
		nil: false, errors.New("a defect"): false, problem.Timeout: false, problem.Unknown: false, problem.BadUpstream: false, problem.NotFound: false,
		problem.Unavailable: true, problem.Shed: true, problem.Invalid: true, fmt.Errorf("submit: %w", problem.Unavailable): true,
		&problem.Error{Kind: problem.Rejected, Code: CodeRefused}:    true,
		&problem.Error{Kind: problem.Conflict, Code: CodeIDReused}:   true,
		&problem.Error{Kind: problem.Conflict, Code: CodeInProgress}: false,
	} {
		if got := Undone(err); got != want {
			t.Errorf("%v: %v", err, got)
		}
	}
}
