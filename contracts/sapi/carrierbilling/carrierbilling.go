// Package carrierbilling is the contract of the system API in front of the operator's carrier billing:
// what a partner sells is charged to the bill or the balance of a line.
package carrierbilling

import (
	"context"
	_ "embed"
	"slices"
	"time"

	"puente/shared/hop"
	"puente/shared/problem"
)

//go:embed openapi.yaml
var spec []byte

// Contract is this API, as its document promises it.
var Contract = hop.Contract{Layer: "sapi", Name: "carrierbilling", Spec: spec}

// Operations of the contract; method, path and status come from its document.
var (
	CreateCharge = hop.Operation[Order, Charge]{Contract: &Contract, ID: "createCharge"}
	QueryCharge  = hop.Operation[ChargeQuery, Charge]{Contract: &Contract, ID: "queryCharge"}
	RefundCharge = hop.Operation[RefundOrder, Refund]{Contract: &Contract, ID: "refundCharge"}
)

// The codes of what the operator says itself. After each of them nothing was done.
const (
	CodeNoCharge          = "NO_CHARGE"           // NotFound: the operator has no charge of this TxID
	CodeTxIDReused        = "TXID_REUSED"         // Conflict: the operator has a charge of this TxID with other values
	CodeRefundNotPossible = "REFUND_NOT_POSSIBLE" // Rejected: there is not so much to give back
)

// Order is schema Order: what is to be charged to whom. TxID names the charge for its inquiry, and is
// the key by which an operator that keeps keys knows it again.
type Order struct {
	TxID         string  `json:"txId"`
	MSISDN       string  `json:"msisdn"`
	Amount       int64   `json:"amount"` // minor units
	Currency     string  `json:"currency"`
	Description  string  `json:"description"`
	PartnerID    int64   `json:"partnerId"`
	ProductID    int64   `json:"productId"`
	PricepointID int64   `json:"pricepointId"`
	Context      Context `json:"context"`
}

// ChargeQuery is schema ChargeQuery.
type ChargeQuery struct {
	TxID string `json:"txId"`
}

// Charge is schema Charge: what became of an order.
type Charge struct {
	TxID        string     `json:"txId"`
	Outcome     Outcome    `json:"outcome"`
	Reason      Reason     `json:"reason,omitempty"`      // of OutcomeDeclined
	OperatorRef string     `json:"operatorRef,omitempty"` // empty: the operator has filed nothing
	Amount      int64      `json:"amount"`
	Currency    string     `json:"currency"`
	ChargedAt   *time.Time `json:"chargedAt,omitempty"` // of OutcomeCharged
	Refunds     []Refund   `json:"refunds"`             // never nil; they may come to the whole amount
}

// RefundOrder is schema RefundOrder. RefundID names the refund among those of its charge.
type RefundOrder struct {
	TxID     string `json:"txId"`
	RefundID string `json:"refundId"`
	Amount   int64  `json:"amount"` // minor units of the charge's currency
}

// Refund is schema Refund: what was given back of a charge.
type Refund struct {
	RefundID    string    `json:"refundId"`
	OperatorRef string    `json:"operatorRef"`
	Amount      int64     `json:"amount"`
	Currency    string    `json:"currency"`
	RefundedAt  time.Time `json:"refundedAt"`
}

// Context is what a charge is for.
type Context string

// The contexts.
const (
	ContextSubscription Context = "SUBSCRIPTION" // the first of a subscription
	ContextRenewal      Context = "RENEWAL"
	ContextOneShot      Context = "ONE_SHOT"
)

// Outcome is what became of a charge.
type Outcome string

// The outcomes. After OutcomePending the operator may decide either way; the inquiry tells.
const (
	OutcomeCharged  Outcome = "CHARGED"
	OutcomeDeclined Outcome = "DECLINED"
	OutcomePending  Outcome = "PENDING"
)

// Reason is why a charge was declined. What an operator says beside these is ReasonRejected.
type Reason string

// The reasons. ReasonUnavailable is the operator's word that it could not decide and charged nothing: it
// says nothing of the line, and the same charge may be tried again under its TxID.
const (
	ReasonInsufficientBalance Reason = "INSUFFICIENT_BALANCE"
	ReasonLineBarred          Reason = "LINE_BARRED"
	ReasonUnknownMSISDN       Reason = "UNKNOWN_MSISDN"
	ReasonBlacklisted         Reason = "BLACKLISTED"
	ReasonLimitExceeded       Reason = "LIMIT_EXCEEDED"
	ReasonRejected            Reason = "REJECTED"
	ReasonUnavailable         Reason = "UNAVAILABLE"
)

// Undone reports that an error of Charge or Refund says for certain that this call changed nothing at the
// operator. After any other error it may have: Timeout and Unknown, and also what a defect of ours or a
// hop that broke brings. Then the inquiry tells, and nobody calls again before it did.
func Undone(err error) bool {
	e := problem.Of(err)
	return e != nil && slices.Contains([]problem.Kind{
		problem.Unavailable, problem.Shed, problem.Invalid, problem.NotFound, problem.Conflict, problem.Rejected,
	}, e.Kind)
}

// Absent reports that err of Query is the operator's own word that it has nothing. A NotFound without the
// code is not: a layer that does not know the route says that, too.
func Absent(err error) bool {
	e := problem.Of(err)
	return e != nil && e.Kind == problem.NotFound && e.Code == CodeNoCharge
}

// Client calls the carrier billing system API, in this process or in another.
type Client struct{ peer hop.Peer }

// NewClient finds out from d how the API is reached.
func NewClient(d hop.Dialer) *Client { return &Client{d.Peer(&Contract)} }

// Charge charges an amount to a line; the operator hears of it at most once. A decline is an outcome. Its
// errors are of two sorts, which Undone tells apart:
//
//   - certainly not charged: Unavailable (nothing was sent, or the operator asked for patience), Invalid
//     (not sent), Conflict TXID_REUSED, Shed
//   - perhaps charged: Timeout (the answer did not come in time), Unknown (the connection broke after a
//     byte had left, a 5xx, a refusal in words that are not the operator's, or an answer that cannot be of
//     this charge: another txId, amount or currency), and any other
func (c *Client) Charge(ctx context.Context, in Order) (Charge, error) {
	return hop.Call(ctx, c.peer, CreateCharge, in)
}

// Query tells what became of a charge. NotFound NO_CHARGE (see Absent) is the operator's own word that it
// has nothing of that TxID now. It settles the matter only once no call can be on its way any more: 10 s,
// the default of sapi.carrierbilling.http.timeout, after the last one began, and what the operator itself
// may take on top. Other errors say nothing of the charge.
func (c *Client) Query(ctx context.Context, in ChargeQuery) (Charge, error) {
	return hop.Call(ctx, c.peer, QueryCharge, in)
}

// Refund gives back a charge or a part of it; the operator hears of it at most once. Errors: NotFound
// NO_CHARGE and Rejected REFUND_NOT_POSSIBLE (nothing was done), and those of Charge, with the same two sorts. Of a
// refund that is perhaps done the inquiry tells: it lists it or does not.
func (c *Client) Refund(ctx context.Context, in RefundOrder) (Refund, error) {
	return hop.Call(ctx, c.peer, RefundCharge, in)
}
