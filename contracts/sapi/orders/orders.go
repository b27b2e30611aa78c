// Package orders is the contract of the system API in front of the operator's order management, with
// the billing view of a line that goes with it.
package orders

import (
	"context"
	_ "embed"
	"time"

	"puente/shared/hop"
)

//go:embed openapi.yaml
var spec []byte

// Contract is this API, as its document promises it.
var Contract = hop.Contract{Layer: "sapi", Name: "orders", Spec: spec}

// Operations of the contract; method, path and status come from its document.
var (
	CreateReconnection = hop.Operation[Reconnection, Order]{Contract: &Contract, ID: "createReconnection"}
	FindReconnection   = hop.Operation[ReconnectionQuery, Order]{Contract: &Contract, ID: "findReconnection"}
	QueryOrder         = hop.Operation[OrderQuery, Order]{Contract: &Contract, ID: "queryOrder"}
	QueryBilling       = hop.Operation[BillingQuery, Billing]{Contract: &Contract, ID: "queryBilling"}
)

// CodeNotPossible is the code of a Rejected order: the order management refuses it for a functional
// reason, and nothing was done.
const CodeNotPossible = "ORDER_NOT_POSSIBLE"

// Reconnection is schema Reconnection. Reference names the order for its inquiry.
type Reconnection struct {
	Reference      string   `json:"reference"`
	Connection     string   `json:"connection"`
	Strategy       Strategy `json:"strategy"`
	DocumentType   string   `json:"documentType,omitempty"` // of StrategyVoluntary
	DocumentNumber string   `json:"documentNumber,omitempty"`
}

// ReconnectionQuery is schema ReconnectionQuery.
type ReconnectionQuery struct {
	Reference string `json:"reference"`
}

// OrderQuery is schema OrderQuery.
type OrderQuery struct {
	Number string `json:"number"`
}

// Order is schema Order.
type Order struct {
	Number      string     `json:"number"`
	CUN         string     `json:"cun"`
	Reference   string     `json:"reference"`
	State       State      `json:"state"`
	CreatedAt   time.Time  `json:"createdAt"`
	CompletedAt *time.Time `json:"completedAt,omitempty"`
}

// BillingQuery is schema BillingQuery.
type BillingQuery struct {
	Connection string `json:"connection"`
}

// Billing is schema Billing: what a line owes, in minor units.
type Billing struct {
	Settled  bool   `json:"settled"`
	Balance  int64  `json:"balance"`
	Currency string `json:"currency"` // ISO 4217
}

// Strategy is how a service is reconnected (source document: OrdersUtil.ReconnectionBy…).
type Strategy string

// The strategies.
const (
	StrategyPayment      Strategy = "PAYMENT"
	StrategyVoluntaryLTE Strategy = "VOLUNTARY_LTE"
	StrategyVoluntary    Strategy = "VOLUNTARY" // fixed; needs the document
)

// State is how far an order has come.
type State string

// The states.
const (
	StateOpen      State = "OPEN"
	StateCompleted State = "COMPLETED"
	StateCancelled State = "CANCELLED"
)

// Client calls the orders system API, in this process or in another.
type Client struct{ peer hop.Peer }

// NewClient finds out from d how the API is reached.
func NewClient(d hop.Dialer) *Client { return &Client{d.Peer(&Contract)} }

// Reconnect orders a reconnection, once. Errors: Rejected ORDER_NOT_POSSIBLE (nothing was done),
// Unavailable (nothing was sent), and those of any system, after which the order may be there.
func (c *Client) Reconnect(ctx context.Context, in Reconnection) (Order, error) {
	return hop.Call(ctx, c.peer, CreateReconnection, in)
}

// Reconnection finds the order of a reference. Errors: NotFound, and those of any system.
func (c *Client) Reconnection(ctx context.Context, in ReconnectionQuery) (Order, error) {
	return hop.Call(ctx, c.peer, FindReconnection, in)
}

// Order finds an order by its number. Errors: NotFound, and those of any system.
func (c *Client) Order(ctx context.Context, in OrderQuery) (Order, error) {
	return hop.Call(ctx, c.peer, QueryOrder, in)
}

// Billing tells what a line owes. Errors: NotFound, and those of any system.
func (c *Client) Billing(ctx context.Context, in BillingQuery) (Billing, error) {
	return hop.Call(ctx, c.peer, QueryBilling, in)
}
