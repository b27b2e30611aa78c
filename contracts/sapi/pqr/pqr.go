// Package pqr is the contract of the system API in front of the operator's register of petitions,
// complaints and claims (peticiones, quejas y recursos).
package pqr

import (
	"context"
	_ "embed"
	"time"

	"puente/shared/hop"
)

//go:embed openapi.yaml
var spec []byte

// Contract is this API, as its document promises it.
var Contract = hop.Contract{Layer: "sapi", Name: "pqr", Spec: spec}

// Operations of the contract; method, path and status come from its document.
var (
	CreatePQR = hop.Operation[Filing, PQR]{Contract: &Contract, ID: "createPQR"}
	FindPQR   = hop.Operation[ReferenceQuery, PQR]{Contract: &Contract, ID: "findPQR"}
	QueryPQR  = hop.Operation[NumberQuery, PQR]{Contract: &Contract, ID: "queryPQR"}
)

// Filing is schema Filing. Reference names the PQR for its inquiry.
type Filing struct {
	Reference      string `json:"reference"`
	Connection     string `json:"connection"`
	DocumentType   string `json:"documentType"`
	DocumentNumber string `json:"documentNumber"`
	Reason         Reason `json:"reason"`
	Detail         string `json:"detail,omitempty"` // what the order management said
}

// ReferenceQuery is schema ReferenceQuery.
type ReferenceQuery struct {
	Reference string `json:"reference"`
}

// NumberQuery is schema NumberQuery.
type NumberQuery struct {
	Number string `json:"number"`
}

// PQR is schema PQR.
type PQR struct {
	Number     string     `json:"number"`
	CUN        string     `json:"cun,omitempty"` // empty: the register gave none
	Reference  string     `json:"reference"`
	Reason     Reason     `json:"reason"`
	State      State      `json:"state"`
	CreatedAt  time.Time  `json:"createdAt"`
	ResolvedAt *time.Time `json:"resolvedAt,omitempty"`
}

// Reason is why a PQR was filed in place of an order.
type Reason string

// The reasons.
const (
	ReasonOrderNotPossible Reason = "ORDER_NOT_POSSIBLE"
	ReasonDebtNotSettled   Reason = "DEBT_NOT_SETTLED"
)

// State is how far a PQR has come.
type State string

// The states.
const (
	StateOpen       State = "OPEN"
	StateInProgress State = "IN_PROGRESS"
	StateResolved   State = "RESOLVED"
	StateClosed     State = "CLOSED"
)

// Client calls the PQR system API, in this process or in another.
type Client struct{ peer hop.Peer }

// NewClient finds out from d how the API is reached.
func NewClient(d hop.Dialer) *Client { return &Client{d.Peer(&Contract)} }

// Create files a PQR, once. Errors: Unavailable (nothing was sent), and those of any system, after
// which the PQR may be there.
func (c *Client) Create(ctx context.Context, in Filing) (PQR, error) {
	return hop.Call(ctx, c.peer, CreatePQR, in)
}

// Find finds the PQR of a reference. Errors: NotFound, and those of any system.
func (c *Client) Find(ctx context.Context, in ReferenceQuery) (PQR, error) {
	return hop.Call(ctx, c.peer, FindPQR, in)
}

// PQR finds a PQR by its number. Errors: NotFound, and those of any system.
func (c *Client) PQR(ctx context.Context, in NumberQuery) (PQR, error) {
	return hop.Call(ctx, c.peer, QueryPQR, in)
}
