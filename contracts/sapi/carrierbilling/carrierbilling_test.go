package carrierbilling

import (
	"errors"
	"fmt"
	"testing"

	"puente/shared/contract/contracttest"
	"puente/shared/problem"
)

func TestGoSideIsTheDocument(t *testing.T) {
	contracttest.Compare(t, spec, map[string]any{
		"Order": Order{}, "ChargeQuery": ChargeQuery{}, "Charge": Charge{}, "RefundOrder": RefundOrder{}, "Refund": Refund{},
	},
		[]Context{ContextSubscription, ContextRenewal, ContextOneShot},
		[]Outcome{OutcomeCharged, OutcomeDeclined, OutcomePending},
		[]Reason{ReasonInsufficientBalance, ReasonLineBarred, ReasonUnknownMSISDN, ReasonBlacklisted, ReasonLimitExceeded, ReasonRejected, ReasonUnavailable})
}

// What is not known to be harmless may have charged.
func TestUndone(t *testing.T) {
	for err, want := range map[error]bool{
		nil: false, errors.New("a defect"): false, problem.Timeout: false, problem.Unknown: false, problem.BadUpstream: false,
		problem.Internal: false, problem.Abandoned: false, problem.Unauthenticated: false,
		problem.Unavailable: true, problem.Shed: true, problem.Invalid: true, problem.Rejected: true, problem.NotFound: true,
		&problem.Error{Kind: problem.Conflict, Code: CodeTxIDReused}: true, fmt.Errorf("charge: %w", problem.Unavailable): true,
	} {
		if got := Undone(err); got != want {
			t.Errorf("%v: %v", err, got)
		}
	}
}

func TestAbsent(t *testing.T) {
	for err, want := range map[error]bool{
		nil: false, problem.NotFound: false, problem.Timeout: false,
		&problem.Error{Kind: problem.NotFound, Code: CodeNoCharge}: true, &problem.Error{Kind: problem.Unknown, Code: CodeNoCharge}: false,
	} {
		if got := Absent(err); got != want {
			t.Errorf("%v: %v", err, got)
		}
	}
}
