// Package validatetv is the contract of the experience API that compares the television platforms with
// the inventory (source document: Validación de Estado de Televisión).
package validatetv

import (
	_ "embed"

	"puente/shared/envelope"
	"puente/shared/hop"
)

//go:embed openapi.yaml
var spec []byte

// Contract is this API, as its document promises it.
var Contract = hop.Contract{Layer: "xapi", Name: "validatetv", Spec: spec}

// ValidateTV is the operation of that name; method, path and status come from its document.
var ValidateTV = hop.Operation[Request, Response]{Contract: &Contract, ID: "validateTV"}

// Request is schema Request: what is inside the envelope.
type Request struct {
	Caller envelope.Header `json:"-"`

	Audit *envelope.Audit `json:"Audit,omitempty"`
	Phone string          `json:"Phone"` // the connection: SR-50452171, or a national number of 10 digits
}

// Carry takes the caller context.
func (r *Request) Carry(h envelope.Header) { r.Caller = h }

// Response is schema Response, in the member order and casing of the document's sample.
type Response struct {
	Status int `json:"-"` // of HTTP

	Header envelope.ResponseHeader `json:"WSResponseHeader"`
	Body   Result                  `json:"WSResponseBody"`
}

// HTTPStatus is what the typologies give the answer.
func (r Response) HTTPStatus() int { return r.Status }

// Result is schema Result.
type Result struct {
	Channels   Check  `json:"ADDITIONAL_CHANNELS"`
	Services   Check  `json:"ADDITIONAL_SERVICES"`
	Phone      string `json:"Phone"`
	Devices    Check  `json:"DECOS"`
	Account    string `json:"Service_Account"`
	Subscriber Check  `json:"SUSCRIBER_ID_STATE"` // the document's spelling
	Technology string `json:"Technology"`         // FTTH, HFC or IPTV
}

// Check is schema Check: one platform held against the inventory.
type Check struct {
	ExecutionDate string    `json:"Execution_Date"`
	Semaphore     Semaphore `json:"Semaphore"`
	Description   string    `json:"Semaphore_Description"`
}

// Semaphore is what comes of a check.
type Semaphore string

// The semaphores.
const (
	Green  Semaphore = "Green"
	Red    Semaphore = "Red"
	Yellow Semaphore = "Yellow" // the platform could not be asked
)
