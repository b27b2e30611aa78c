package partnerhub

import (
	"testing"

	"puente/shared/contract/contracttest"
)

func TestGoSideIsTheDocument(t *testing.T) {
	contracttest.Compare(t, spec, map[string]any{
		"ChargeRequest": ChargeRequest{}, "MessageRequest": MessageRequest{}, "OptOutRequest": OptOutRequest{}, "VerifyRequest": VerifyRequest{},
		"Result": Result{}, "OptOutResult": OptOutResult{}, "ChargeStatus": ChargeStatus{}, "Verified": Verified{},
		"TokenRequest": TokenRequest{}, "Token": Token{}, "OAuthError": OAuthError{},
	},
		[]Status{StatusDone, StatusInvalid, StatusFlow, StatusFailed}, []IdentifierType{Type00, Type0, TypeMSISDN},
		[]MessageIdentifierType{MessageTypeNone, MessageType00, MessageType0, MessageTypeMSISDN},
		[]ChargeState{ChargeCreated, ChargeSent, ChargeSucceeded, ChargeDeclined, ChargeUnknown, ChargeRefunding, ChargeRefunded})
}
