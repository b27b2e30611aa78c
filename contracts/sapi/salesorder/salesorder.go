// Package salesorder is the contract of the system API in front of BotService's sales orders
// (source document: API Portabilidades v1, system layer).
package salesorder

import (
	"context"
	_ "embed"

	"puente/shared/hop"
)

//go:embed openapi.yaml
var spec []byte

// Contract is this API, as its document promises it.
var Contract = hop.Contract{Layer: "sapi", Name: "salesorder", Spec: spec}

// SubmitPortability is the operation of that name; method, path and status come from its document.
var SubmitPortability = hop.Operation[Submission, Outcome]{Contract: &Contract, ID: "submitPortability"}

// Codes of the contract's errors.
const (
	CodeInvalidField = "INVALID_FIELD"       // BotService refused a field
	CodeNIPLimit     = "NIP_LIMIT"           // too many NIPs for one phone
	CodeInProgress   = "REQUEST_IN_PROGRESS" // the same port-in is being filed right now
)

// Intent is what a submission wants.
type Intent string

// The intents.
const (
	IntentRequestNIP Intent = "REQUEST_NIP"
	IntentResendNIP  Intent = "RESEND_NIP"
	IntentPortIn     Intent = "PORT_IN"
	IntentStatus     Intent = "STATUS"
)

// Submission is schema Submission. Status needs Phone and, if there are several, NumOrder; the
// others take all that the channel sent.
type Submission struct {
	Intent        Intent `json:"intent"`
	Key           string `json:"key"`
	Phone         string `json:"phone"`
	NumOrder      string `json:"numOrder,omitempty"`
	NIP           string `json:"nip,omitempty"`
	Date          string `json:"date,omitempty"`
	Operator      string `json:"operator,omitempty"`
	OperatorCode  string `json:"operatorCode,omitempty"`
	PlanType      string `json:"planType,omitempty"`
	ExtendedMonth bool   `json:"extendedMonth,omitzero"`
	Flow          string `json:"flow,omitempty"`
}

// State is how far a portability has come.
type State string

// The states.
const (
	StateNIPRequested State = "NIP_REQUESTED"
	StateNIPResent    State = "NIP_RESENT"
	StatePortInFiled  State = "PORT_IN_FILED"
)

// Outcome is schema Outcome.
type Outcome struct {
	State     State  `json:"state"`
	RequestID string `json:"requestId,omitempty"` // BotService's own number
}

// Client calls the sales order system API, in this process or in another.
type Client struct{ peer hop.Peer }

// NewClient finds out from d how the API is reached.
func NewClient(d hop.Dialer) *Client { return &Client{d.Peer(&Contract)} }

// Submit sends one intent. Errors: Conflict INVALID_FIELD, Quota NIP_LIMIT, Conflict
// REQUEST_IN_PROGRESS, NotFound (status), Unknown (may have acted), and those of any system.
func (c *Client) Submit(ctx context.Context, in Submission) (Outcome, error) {
	return hop.Call(ctx, c.peer, SubmitPortability, in)
}
