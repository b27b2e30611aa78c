// Package partnerhub is the contract of the experience API that content partners call to charge, message
// and unsubscribe the lines of an operator (source document: Partner Hub Platform, v1.7).
package partnerhub

import (
	_ "embed"

	"puente/shared/hop"
)

//go:embed openapi.yaml
var spec []byte

// Contract is this API, as its document promises it.
var Contract = hop.Contract{Layer: "xapi", Name: "partnerhub", Spec: spec}

// Operations of the contract; method, path and status come from its document.
var (
	Charge              = hop.Operation[ChargeRequest, hop.Raw]{Contract: &Contract, ID: "charge"} // Result, and a header that says of a repetition
	GetCharge           = hop.Operation[ChargeQuery, ChargeStatus]{Contract: &Contract, ID: "getCharge"}
	SendMT              = hop.Operation[MessageRequest, hop.Raw]{Contract: &Contract, ID: "sendMT"}
	SubOptOut           = hop.Operation[OptOutRequest, hop.Raw]{Contract: &Contract, ID: "subOptOut"}
	VerifyToken         = hop.Operation[VerifyRequest, Verified]{Contract: &Contract, ID: "verifyToken"}
	IssueChargeToken    = hop.Operation[TokenRequest, hop.Raw]{Contract: &Contract, ID: "issueChargeToken"}
	IssueSendMTToken    = hop.Operation[TokenRequest, hop.Raw]{Contract: &Contract, ID: "issueSendMTToken"}
	IssueSubOptOutToken = hop.Operation[TokenRequest, hop.Raw]{Contract: &Contract, ID: "issueSubOptOutToken"}
)

// Status says what came of a request; partners must key on it.
type Status string

// The statuses of the document.
const (
	StatusDone    Status = "0"
	StatusInvalid Status = "14" // a field, or the number
	StatusFlow    Status = "15" // the flow is not allowed
	StatusFailed  Status = "-1" // anything else
)

// Result is schema Result, what charge and sendmt answer.
type Result struct {
	InError bool   `json:"inError"`
	Status  Status `json:"status"`
	Message string `json:"message"`
}

// OptOutResult is schema OptOutResult: suboptout has no inError.
type OptOutResult struct {
	Status  Status `json:"status"`
	Message string `json:"message"`
}
