package subscription

import (
	"testing"

	"puente/shared/contract/contracttest"
	"puente/shared/phone"
)

func TestGoSideIsTheDocument(t *testing.T) {
	contracttest.Compare(t, spec, map[string]any{
		"TokenRequest": TokenRequest{}, "Token": Token{}, "TokenQuery": TokenQuery{}, "TokenVerdict": TokenVerdict{},
		"ChargeRequest": ChargeRequest{}, "ChargeResult": ChargeResult{}, "ChargeQuery": ChargeQuery{}, "ChargeStatus": ChargeStatus{},
		"MessageRequest": MessageRequest{}, "MessageResult": MessageResult{}, "OptOutRequest": OptOutRequest{}, "OptOutResult": OptOutResult{},
		"RedirectQuery": RedirectQuery{}, "RedirectClaims": RedirectClaims{}, "OfferQuery": OfferQuery{}, "Terms": Terms{},
		"Period": Period{}, "Fallback": Fallback{}, "HandleRequest": HandleRequest{}, "Handle": Handle{}, "FlowRequest": FlowRequest{}, "Enrichment": Enrichment{},
		"Header": Header{}, "Flow": Flow{}, "FlowQuery": FlowQuery{}, "Confirmation": Confirmation{}, "Enrolment": Enrolment{},
	},
		[]API{APICharge, APISendMT, APISubOptOut}, []ChargeState{ChargeCreated, ChargeSent, ChargeSucceeded, ChargeDeclined, ChargeUnknown, ChargeRefunding, ChargeRefunded},
		[]ChargeOutcome{OutcomeSucceeded, OutcomeDeclined, OutcomeUnknown}, []Proof{ProofPIN, ProofHE}, []phone.Country{phone.Chile, phone.Peru}, []PeriodUnit{UnitDay, UnitWeek, UnitMonth}, []EnrolmentState{EnrolmentPending, EnrolmentActive, EnrolmentAlready, EnrolmentConsented, EnrolmentProcessing, EnrolmentDeclined, EnrolmentEnded})
}
