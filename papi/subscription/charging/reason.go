package charging

import (
	contract "puente/contracts/papi/subscription"
	"puente/contracts/sapi/carrierbilling"
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
