// Package portabilities is the contract of the experience API for number portability
// (source document: API Portabilidades v1).
package portabilities

import (
	_ "embed"

	"puente/shared/hop"
)

//go:embed openapi.yaml
var spec []byte

// Contract is this API, as its document promises it.
var Contract = hop.Contract{Layer: "xapi", Name: "portabilities", Spec: spec}

// Operations of the contract; method, path and status come from its document.
var (
	CreatePortability    = hop.Operation[Request, Response]{Contract: &Contract, ID: "createPortability"}
	GetPortabilityStatus = hop.Operation[StatusRequest, Response]{Contract: &Contract, ID: "getPortabilityStatus"}
)

// Request is schema Request: the flat body of every intent. Without an offset Date is a local time
// of America/Bogota; it is forwarded as received.
type Request struct {
	IdempotencyKey string `header:"Idempotency-Key" json:"-"` // optional; names the request over its repetitions

	Date          string `json:"date"`
	NIP           string `json:"nip"` // empty: request the NIP, or with Resend send it again
	NumOrder      string `json:"numOrder,omitempty"`
	Operator      string `json:"operator"`
	OperatorCode  string `json:"operatorCode"` // 5 digits
	PlanType      string `json:"planType"`
	Phone         string `json:"phone"` // 10 digits, national
	Resend        bool   `json:"resend"`
	ExtendedMonth bool   `json:"extendedMonth"`
	Order         Order  `json:"order"`
}

// Order is schema Order.
type Order struct {
	Flow string `json:"flow"`
}

// StatusRequest is schema StatusRequest.
type StatusRequest struct {
	Phone    string `json:"phone"`
	NumOrder string `json:"numOrder,omitempty"`
}

// Response is schema Response, in the member order of the document's sample.
type Response struct {
	Header ResponseHeader `json:"responseHeader"`
}

// ResponseHeader is schema ResponseHeader.
type ResponseHeader struct {
	System     System     `json:"system"`
	Service    Service    `json:"service"`
	Properties []Property `json:"properties"`
}

// System is schema System: the caller, echoed.
type System struct {
	Name             string `json:"name"`
	CorrelationID    string `json:"correlationID"`
	ProcessingServer string `json:"processingServer"`
}

// Service is schema Service. ResponseDate has 7 fractional digits and the offset -05:00.
type Service struct {
	Status           string         `json:"status"`
	ResponseDate     string         `json:"responseDate"`
	ProcessingServer string         `json:"processingServer"`
	StatusDetail     []StatusDetail `json:"statusDetail"`
}

// StatusDetail is schema StatusDetail.
type StatusDetail struct {
	ErrorCode        string `json:"errorCode"`
	ErrorDetailCode  string `json:"errorDetailCode"`
	ErrorMessage     string `json:"errorMessage"`
	ErrorMessageUser string `json:"errorMessageUser"`
}

// Property is schema Property.
type Property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}
