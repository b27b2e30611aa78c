// Package headerenrichment is the contract of the system API that reads the number which an operator's
// proxy puts into plain HTTP requests.
package headerenrichment

import (
	"context"
	_ "embed"

	"puente/shared/hop"
)

//go:embed openapi.yaml
var spec []byte

// Contract is this API, as its document promises it.
var Contract = hop.Contract{Layer: "sapi", Name: "headerenrichment", Spec: spec}

// Resolve is the operation of that name; method, path and status come from the document.
var Resolve = hop.Operation[Request, Resolution]{Contract: &Contract, ID: "resolve"}

// Request is schema Request: what was received of a request, and from where.
type Request struct {
	Headers   []Header `json:"headers"`
	Peer      string   `json:"peer"`                // without port
	Forwarded string   `json:"forwarded,omitempty"` // who called our edge, as the edge says
}

// Header is schema Header: one line.
type Header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Resolution is schema Resolution: MSISDN and Operator, or else Reason.
type Resolution struct {
	MSISDN   string `json:"msisdn,omitempty"`
	Operator string `json:"operator,omitempty"`
	Reason   Reason `json:"reason,omitempty"`
}

// Reason is why it cannot be told whose line a request came over.
type Reason string

// The reasons, in the order in which they are looked for.
const (
	ReasonUntrustedPeer     Reason = "UNTRUSTED_PEER"
	ReasonNoHeader          Reason = "NO_HEADER"
	ReasonConflictingValues Reason = "CONFLICTING_VALUES"
	ReasonUndecodable       Reason = "UNDECODABLE"
	ReasonNotMSISDN         Reason = "NOT_MSISDN"
)

// Client calls the header enrichment system API, in this process or in another.
type Client struct{ peer hop.Peer }

// NewClient finds out from d how the API is reached.
func NewClient(d hop.Dialer) *Client { return &Client{d.Peer(&Contract)} }

// Resolve tells the line that a request came over, or why that cannot be told. It has no errors of its own.
func (c *Client) Resolve(ctx context.Context, in Request) (Resolution, error) {
	return hop.Call(ctx, c.peer, Resolve, in)
}
