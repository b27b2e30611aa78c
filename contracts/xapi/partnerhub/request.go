package partnerhub

import "time"

// ChargeRequest is schema ChargeRequest. The headers, of which one will do, name the charge over all its
// repetitions.
type ChargeRequest struct {
	IdempotencyKey string `header:"Idempotency-Key" json:"-"`
	ExternalTxID   string `header:"external-tx-id" json:"-"`

	UserIdentifier     string         `json:"userIdentifier"`
	UserIdentifierType IdentifierType `json:"userIdentifierType"`
	PricepointID       int64          `json:"pricepointId"`
	PartnerID          int64          `json:"partnerId"`
	ServiceID          int64          `json:"serviceId"`
	ProductID          int64          `json:"productId"`
	EntryChannel       string         `json:"entryChannel"`
	ShortCode          string         `json:"shortCode,omitempty"`
	Date               string         `json:"date,omitempty"`
	TID                string         `json:"tid,omitempty"`
}

// IdentifierType is how a user is named: by the number, in three spellings.
type IdentifierType string

// The spellings.
const (
	Type00     IdentifierType = "00"
	Type0      IdentifierType = "0"
	TypeMSISDN IdentifierType = "MSISDN"
)

// ChargeQuery asks for a charge by the key of its request, by its tid where it had none, or by what the hub called it.
type ChargeQuery struct {
	Key string `uri:"key" json:"-"`
}

// ChargeStatus is schema ChargeStatus.
type ChargeStatus struct {
	Key        string      `json:"key"`
	State      ChargeState `json:"state"`
	Reason     string      `json:"reason,omitempty"` // why it was declined
	Value      int64       `json:"value"`            // minor units
	Currency   string      `json:"currency"`
	CreatedAt  time.Time   `json:"createdAt"`
	EndedAt    *time.Time  `json:"endedAt,omitempty"`
	RefundedAt *time.Time  `json:"refundedAt,omitempty"`
}

// ChargeState is how far a charge has come.
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

// MessageRequest is schema MessageRequest. Its UserIdentifierType may also be empty. The headers, of which one will
// do, name it over its repetitions of a day.
type MessageRequest struct {
	IdempotencyKey string `header:"Idempotency-Key" json:"-"`
	ExternalTxID   string `header:"external-tx-id" json:"-"`

	UserIdentifier     string                `json:"userIdentifier"`
	UserIdentifierType MessageIdentifierType `json:"userIdentifierType"`
	PartnerID          int64                 `json:"partnerId"`
	ServiceID          int64                 `json:"serviceId"`
	ProductID          int64                 `json:"productId"`
	EntryChannel       string                `json:"entryChannel"`
	Date               string                `json:"date,omitempty"`
	Text               string                `json:"text"`
	ShortCode          string                `json:"shortCode"` // the sender
}

// MessageIdentifierType is IdentifierType, and the empty one of the document's example.
type MessageIdentifierType string

// The spellings.
const (
	MessageTypeNone   MessageIdentifierType = ""
	MessageType00     MessageIdentifierType = "00"
	MessageType0      MessageIdentifierType = "0"
	MessageTypeMSISDN MessageIdentifierType = "MSISDN"
)

// OptOutRequest is schema OptOutRequest. Without PartnerID the client's own is meant, where its partner
// may leave it out. Under the headers of one request another is refused for a day.
type OptOutRequest struct {
	IdempotencyKey string `header:"Idempotency-Key" json:"-"`
	ExternalTxID   string `header:"external-tx-id" json:"-"`

	UserIdentifier     string         `json:"userIdentifier"`
	UserIdentifierType IdentifierType `json:"userIdentifierType"`
	PartnerID          int64          `json:"partnerId,omitzero"`
	ServiceID          int64          `json:"serviceId"`
	ProductID          int64          `json:"productId"`
	EntryChannel       string         `json:"entryChannel"`
	Date               string         `json:"date,omitempty"`
}
