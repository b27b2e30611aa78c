package subscription

import (
	"context"
	"time"

	"puente/shared/hop"
)

// Offer is what a partner names in each of its requests, and for whom.
type Offer struct {
	MSISDN    string `json:"msisdn"` // as sent: one + or 00 in front does not count
	PartnerID int64  `json:"partnerId"`
	ServiceID int64  `json:"serviceId"`
	ProductID int64  `json:"productId"`
	Channel   string `json:"channel"`             // WEB, SMS, WAP, in any case
	ShortCode string `json:"shortCode,omitempty"` // of the service
	Date      string `json:"date,omitempty"`      // 14 digits, local; information, and a means to know a repetition
}

// ChargeRequest is schema ChargeRequest. Key names the request over all its repetitions: a repetition has
// the first one's outcome, another request under it is refused. Without one TID does; without both what
// is charged to whom, within a day where Date is given and else within the product's window.
type ChargeRequest struct {
	Offer
	PricepointID int64  `json:"pricepointId"`
	TID          string `json:"tid,omitempty"`
	Key          string `json:"key,omitempty"`
}

// ChargeResult is schema ChargeResult: what became of a charge that was sent to the operator.
type ChargeResult struct {
	Key      string        `json:"key"` // by which queryCharge finds it
	Outcome  ChargeOutcome `json:"outcome"`
	Reason   string        `json:"reason,omitempty"` // of OutcomeDeclined: one of the codes
	Replayed bool          `json:"replayed"`         // it is the outcome of the request that this one repeats
}

// ChargeOutcome is what became of a charge.
type ChargeOutcome string

// The outcomes. After OutcomeUnknown it is resolved in the background.
const (
	OutcomeSucceeded ChargeOutcome = "SUCCEEDED"
	OutcomeDeclined  ChargeOutcome = "DECLINED"
	OutcomeUnknown   ChargeOutcome = "UNKNOWN"
)

// ChargeQuery is schema ChargeQuery.
type ChargeQuery struct {
	Key string `json:"key"`
}

// ChargeStatus is schema ChargeStatus.
type ChargeStatus struct {
	Key        string      `json:"key"`
	State      ChargeState `json:"state"`
	Reason     string      `json:"reason,omitempty"` // why it was declined
	Amount     int64       `json:"amount"`           // minor units
	Currency   string      `json:"currency"`
	CreatedAt  time.Time   `json:"createdAt"`
	EndedAt    *time.Time  `json:"endedAt,omitempty"`
	RefundedAt *time.Time  `json:"refundedAt,omitempty"`
}

// ChargeState is how far a charge has come (specification §11).
type ChargeState string

// The states.
const (
	ChargeCreated   ChargeState = "CREATED"
	ChargeSent      ChargeState = "SENT"
	ChargeSucceeded ChargeState = "SUCCEEDED"
	ChargeDeclined  ChargeState = "DECLINED"
	ChargeUnknown   ChargeState = "UNKNOWN"
	ChargeRefunding ChargeState = "REFUNDING"
	ChargeRefunded  ChargeState = "REFUNDED"
)

// Charge charges an on-demand product to a line, once. A decline is an outcome; so is that nobody knows
// yet: by the product's rule it is refunded or notified later. Errors: those of the number, of the flow, of
// the key; Timeout, Unavailable, BadUpstream: nothing was charged, and the same request may come again.
func (c *Client) Charge(ctx context.Context, in ChargeRequest) (ChargeResult, error) {
	return hop.Call(ctx, c.peer, Charge, in)
}

// QueryCharge tells what became of a charge of the caller's partner. Error: NotFound.
func (c *Client) QueryCharge(ctx context.Context, in ChargeQuery) (ChargeStatus, error) {
	return hop.Call(ctx, c.peer, QueryCharge, in)
}

// MessageRequest is schema MessageRequest. Key names it over its repetitions of a day, which send nothing more.
type MessageRequest struct {
	Offer
	Text string `json:"text"`
	Key  string `json:"key,omitempty"`
}

// MessageResult is schema MessageResult: the message is queued.
type MessageResult struct {
	ID       string `json:"id"`
	Segments int    `json:"segments"`
	Replayed bool   `json:"replayed,omitzero"` // it is the answer to the request that this one repeats
}

// SendMessage sends a partner's message to one of its users. Errors: those of the number, of the flow and of the key.
func (c *Client) SendMessage(ctx context.Context, in MessageRequest) (MessageResult, error) {
	return hop.Call(ctx, c.peer, SendMessage, in)
}

// OptOutRequest is schema OptOutRequest. A zero PartnerID is the client's own, where its partner may omit it.
// Key names it over its repetitions of a day: under it another request is refused. What is open a repetition ends, too.
type OptOutRequest struct {
	Offer
	Key string `json:"key,omitempty"`
}

// OptOutResult is schema OptOutResult.
type OptOutResult struct {
	Cancelled bool `json:"cancelled"`         // false: it was cancelled before
	Replayed  bool `json:"replayed,omitzero"` // it is the answer to the request that this one repeats, and nothing was open
}

// OptOut ends a subscription; it depends on no other system. Errors: those of the number, of the flow and of the key.
func (c *Client) OptOut(ctx context.Context, in OptOutRequest) (OptOutResult, error) {
	return hop.Call(ctx, c.peer, OptOut, in)
}
