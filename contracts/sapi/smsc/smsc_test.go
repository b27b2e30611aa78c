package smsc

import (
	"errors"
	"fmt"
	"testing"

	"github.com/go-json-experiment/json"

	"puente/shared/contract"
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

// A message that does not expire was written with validity 0, which the document does not have: no welcome
// left a platform whose layers are different processes.
func TestAMessageNeedsNoValidity(t *testing.T) {
	d, err := Contract.Document()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(Message{ID: "01a216af-0603-77b1-8892-8fc2c330c9f7", From: "8888", To: "56912345678", Text: "Hola", Encoding: EncodingGSM7})
	if err != nil {
		t.Fatal(err)
	}
	if _, broken := d.Operation(SubmitMessage.ID).Body.Read(text, contract.Limits{}); len(broken) > 0 {
		t.Errorf("%s: %v", text, broken)
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
