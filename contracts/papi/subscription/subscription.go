// Package subscription is the contract of the process API that sells what partners offer to the lines of
// an operator: subscriptions, charges, messages and what partners are told of them (source document:
// Partner Hub Platform, v1.7).
package subscription

import (
	_ "embed"

	"puente/shared/hop"
)

//go:embed openapi.yaml
var spec []byte

// Contract is this API, as its document promises it.
var Contract = hop.Contract{Layer: "papi", Name: "subscription", Spec: spec}

// Operations of the contract; method, path and status come from its document.
var (
	IssueToken     = hop.Operation[TokenRequest, Token]{Contract: &Contract, ID: "issueToken"}
	VerifyToken    = hop.Operation[TokenQuery, TokenVerdict]{Contract: &Contract, ID: "verifyToken"}
	Charge         = hop.Operation[ChargeRequest, ChargeResult]{Contract: &Contract, ID: "charge"}
	QueryCharge    = hop.Operation[ChargeQuery, ChargeStatus]{Contract: &Contract, ID: "queryCharge"}
	SendMessage    = hop.Operation[MessageRequest, MessageResult]{Contract: &Contract, ID: "sendMessage"}
	OptOut         = hop.Operation[OptOutRequest, OptOutResult]{Contract: &Contract, ID: "optOut"}
	VerifyRedirect = hop.Operation[RedirectQuery, RedirectClaims]{Contract: &Contract, ID: "verifyRedirect"}
	DescribeOffer  = hop.Operation[OfferQuery, Terms]{Contract: &Contract, ID: "describeOffer"}
	MintHandle     = hop.Operation[HandleRequest, Handle]{Contract: &Contract, ID: "mintHandle"}
	StartFlow      = hop.Operation[FlowRequest, Flow]{Contract: &Contract, ID: "startFlow"}
	ResendPIN      = hop.Operation[FlowQuery, Flow]{Contract: &Contract, ID: "resendPin"}
	ConfirmFlow    = hop.Operation[Confirmation, Enrolment]{Contract: &Contract, ID: "confirmFlow"}
	QueryEnrolment = hop.Operation[FlowQuery, Enrolment]{Contract: &Contract, ID: "queryEnrolment"}
)

// Codes of refusals: what a partner reads as X-Hub-Reason (specification §5).
const (
	// Of kind Invalid: the number.
	CodeMSISDNInvalid = "MSISDN_INVALID"
	CodeMSISDNUnknown = "MSISDN_UNKNOWN"
	CodeOtherOperator = "OTHER_OPERATOR"

	// Of kind Forbidden.
	CodeForeignPartner = "FOREIGN_PARTNER" // the partner is not the client's, or another's thing was named

	// Of kind Conflict: the flow.
	CodeOfferUnknown      = "OFFER_UNKNOWN" // partner, service, product and price point do not belong together, or are not active
	CodeNotOnDemand       = "NOT_ON_DEMAND"
	CodeChannelNotAllowed = "CHANNEL_NOT_ALLOWED"
	CodeShortCode         = "SHORT_CODE_NOT_ASSIGNED"
	CodeNoRight           = "NO_RIGHT_TO_MESSAGE"
	CodeNeverSubscribed   = "NEVER_SUBSCRIBED"
	CodeConsentMissing    = "CONSENT_MISSING"
	CodeNotEligible       = "NOT_ELIGIBLE"
	CodeLineBarred        = "LINE_BARRED"
	CodeSpendCap          = "SPEND_CAP"
	CodeInProgress        = "IN_PROGRESS" // RetryAfter says when to come back

	// Of kind Rejected.
	CodeKeyReused = "KEY_REUSED"

	// Reasons of declines, beside LINE_BARRED and MSISDN_UNKNOWN, and of an outcome that is not known.
	CodeInsufficientBalance = "INSUFFICIENT_BALANCE"
	CodeBlacklisted         = "BLACKLISTED"
	CodeLimitExceeded       = "LIMIT_EXCEEDED"
	CodeDeclined            = "DECLINED"
	CodeOutcomeUnknown      = "OUTCOME_UNKNOWN"

	// Of token requests: Unauthenticated, Forbidden, Quota.
	CodeInvalidClient      = "invalid_client"
	CodeUnauthorizedClient = "unauthorized_client"
	CodeTooManyFailures    = "TOO_MANY_FAILURES"

	// Of redirect tokens, of kind Rejected: whatever is wrong with it.
	CodeRedirectInvalid = "TOKEN_INVALID"

	// Of offers, of kind Rejected: a URL is not one of the partner's.
	CodeRedirectNotAllowed = "REDIRECT_NOT_ALLOWED"

	// Of flows.
	CodeHandle    = "HANDLE_INVALID" // Rejected: unknown, used, expired, or another visitor's
	CodeFlowEnded = "FLOW_ENDED"     // Conflict: expired, superseded, confirmed or dead
	CodePINWrong  = "PIN_WRONG"      // Rejected: wrong, expired or dead, without saying which
	CodePINQuota  = "PIN_QUOTA"      // Quota: of the number or the address
)

// API is one of those that partners call, each with tokens of its own.
type API string

// The APIs.
const (
	APICharge    API = "charge"
	APISendMT    API = "sendmt"
	APISubOptOut API = "suboptout"
)
