package charging

import (
	contract "puente/contracts/papi/subscription"
	"puente/contracts/sapi/carrierbilling"
	"puente/shared/problem"
)

// reasons are why the operator declines, in the contract's codes.
var reasons = map[carrierbilling.Reason]string{
	carrierbilling.ReasonInsufficientBalance: contract.CodeInsufficientBalance,
	carrierbilling.ReasonLineBarred:          contract.CodeLineBarred,
	carrierbilling.ReasonUnknownMSISDN:       contract.CodeMSISDNUnknown,
	carrierbilling.ReasonBlacklisted:         contract.CodeBlacklisted,
	carrierbilling.ReasonLimitExceeded:       contract.CodeLimitExceeded,
	carrierbilling.ReasonRejected:            contract.CodeDeclined,
}

// notCharged is the reason of an attempt of which the operator, asked later, has nothing.
const notCharged = "NOT_CHARGED"

// Refusal is the error by which a caller hears of a decline.
func Refusal(reason string) error {
	switch reason {
	case contract.CodeLineBarred:
		return &problem.Error{Kind: problem.Conflict, Code: reason}
	case contract.CodeMSISDNUnknown:
		return &problem.Error{Kind: problem.Invalid, Code: reason}
	case contract.CodeInsufficientBalance, contract.CodeBlacklisted, contract.CodeLimitExceeded:
		return &problem.Error{Kind: problem.Rejected, Code: reason}
	}
	return &problem.Error{Kind: problem.Rejected, Code: contract.CodeDeclined}
}
