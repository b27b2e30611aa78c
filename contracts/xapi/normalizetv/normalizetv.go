// Package normalizetv is the contract of the experience API that makes the television platforms have
// what the inventory says: the successor of validatetv, in the same envelope.
package normalizetv

import (
	_ "embed"

	"puente/shared/envelope"
	"puente/shared/hop"
)

//go:embed openapi.yaml
var spec []byte

// Contract is this API, as its document promises it.
var Contract = hop.Contract{Layer: "xapi", Name: "normalizetv", Spec: spec}

// NormalizeTV is the operation of that name; method, path and status come from its document.
var NormalizeTV = hop.Operation[Request, Response]{Contract: &Contract, ID: "normalizeTV"}

// Request is schema Request: what is inside the envelope.
type Request struct {
	Caller envelope.Header `json:"-"`

	Audit  *envelope.Audit `json:"Audit,omitempty"`
	Phone  string          `json:"Phone"` // the connection: SR-50452171, or a national number of 10 digits
	DryRun bool            `json:"dryRun,omitempty"`
}

// Carry takes the caller context.
func (r *Request) Carry(h envelope.Header) { r.Caller = h }

// Response is schema Response.
type Response struct {
	Status int `json:"-"` // of HTTP

	Header envelope.ResponseHeader `json:"WSResponseHeader"`
	Body   Result                  `json:"WSResponseBody"`
}

// HTTPStatus is what the typologies give the answer.
func (r Response) HTTPStatus() int { return r.Status }

// Result is schema Result.
type Result struct {
	Channels   Correction `json:"ADDITIONAL_CHANNELS"`
	Services   Correction `json:"ADDITIONAL_SERVICES"`
	Phone      string     `json:"Phone"`
	Devices    Correction `json:"DECOS"`
	Account    string     `json:"Service_Account"`
	Subscriber Correction `json:"SUSCRIBER_ID_STATE"` // the document's spelling
	Technology string     `json:"Technology"`         // FTTH, HFC or IPTV
	ID         string     `json:"Normalization_Id"`
	DryRun     bool       `json:"dryRun"`
}

// Correction is schema Correction, and of set-top boxes DeviceCorrection: one platform held against the inventory, as it is now, as it was, and
// what was done.
type Correction struct {
	ExecutionDate string    `json:"Execution_Date"`
	Semaphore     Semaphore `json:"Semaphore"`
	Description   string    `json:"Semaphore_Description"`
	Before        State     `json:"before"`
	After         *State    `json:"after"` // nil of a dry run
	Actions       []Action  `json:"actions"`
}

// State is schema State: what a platform had.
type State struct {
	Semaphore Semaphore `json:"Semaphore"`
	Items     []string  `json:"items"`
}

// Action is schema Action: one thing that a platform is told.
type Action struct {
	Kind  ActionKind  `json:"action"`
	Item  string      `json:"item"`
	State ActionState `json:"state"`
}

// Semaphore is what comes of a check.
type Semaphore string

// The semaphores.
const (
	Green  Semaphore = "Green"
	Red    Semaphore = "Red"
	Yellow Semaphore = "Yellow" // the platform could not be asked
)

// ActionKind is what is done with an item.
type ActionKind string

// The kinds of actions.
const (
	ActionAdd    ActionKind = "ADD"
	ActionRemove ActionKind = "REMOVE"
	ActionSet    ActionKind = "SET" // the state of the subscriber
)

// ActionState says what became of an action.
type ActionState string

// The states of an action.
const (
	ActionPlanned ActionState = "PLANNED" // of a dry run
	ActionDone    ActionState = "DONE"
	ActionFailed  ActionState = "FAILED"
	ActionUnknown ActionState = "UNKNOWN"
)
