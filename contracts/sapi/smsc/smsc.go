// Package smsc is the contract of the system API in front of the operator's SMS center, and of what its
// gateway calls us by.
package smsc

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
var Contract = hop.Contract{Layer: "sapi", Name: "smsc", Spec: spec}

// Operations of the contract; method, path and status come from its document.
var (
	SubmitMessage = hop.Operation[Message, Submission]{Contract: &Contract, ID: "submitMessage"}
	QueryMessage  = hop.Operation[MessageQuery, Delivery]{Contract: &Contract, ID: "queryMessage"}
	TakeInbound   = hop.Operation[Take, Inbound]{Contract: &Contract, ID: "takeInbound"}
	AckInbound    = hop.Operation[Ack, Acknowledged]{Contract: &Contract, ID: "ackInbound"}
)

// The codes of this API's errors.
const (
	CodeRefused    = "MESSAGE_REFUSED"     // of kind Rejected
	CodeIDReused   = "ID_REUSED"           // of kind Conflict
	CodeInProgress = "MESSAGE_IN_PROGRESS" // of kind Conflict
	CodeNoMessage  = "NO_MESSAGE"          // of kind NotFound
)

// MaxItems is the most that one call takes or acknowledges.
const MaxItems = 500

// Message is schema Message. ID names it in all attempts to send it.
type Message struct {
	ID           string   `json:"id"`
	From         string   `json:"from"`
	To           string   `json:"to"`
	Text         string   `json:"text"`
	Encoding     Encoding `json:"encoding"`
	Validity     int64    `json:"validity,omitzero"` // minutes
	ReportWanted bool     `json:"reportWanted"`
}

// Encoding is how a text is written on its way to the phone.
type Encoding string

// The encodings. What is not of the GSM 7-bit alphabet (shared/sms) needs UCS2.
const (
	EncodingGSM7 Encoding = "GSM7"
	EncodingUCS2 Encoding = "UCS2"
)

// Submission is schema Submission.
type Submission struct {
	MessageID string `json:"messageId"`
}

// MessageQuery is schema MessageQuery.
type MessageQuery struct {
	ID string `json:"id"`
}

// Delivery is schema Delivery: how far a message has come.
type Delivery struct {
	ID          string    `json:"id"`
	MessageID   string    `json:"messageId"`
	State       State     `json:"state"`
	SubmittedAt time.Time `json:"submittedAt"`
	ChangedAt   time.Time `json:"changedAt"`
}

// State is how far a message has come.
type State string

// The states. After StateUnknown a report may tell; nothing else does.
const (
	StateUnsent      State = "UNSENT" // it may be submitted again
	StateSending     State = "SENDING"
	StateUnknown     State = "UNKNOWN"
	StateAccepted    State = "ACCEPTED"
	StateDelivered   State = "DELIVERED"
	StateUndelivered State = "UNDELIVERED"
	StateExpired     State = "EXPIRED"
	StateRejected    State = "REJECTED"
)

// Take is schema Take.
type Take struct {
	Limit int64 `json:"limit"`
}

// Inbound is schema Inbound.
type Inbound struct {
	Items []Item `json:"items"` // never nil
}

// Kind is what an item is.
type Kind string

// The kinds.
const (
	KindMessage Kind = "MESSAGE" // of a phone
	KindReport  Kind = "REPORT"  // of what became of a message that was submitted
)

// Item is schema Item. From, To, Text, Reference, SMSC and Repeated are those of a message; Message, the ID
// that it was submitted under, MessageID and State are those of a report.
type Item struct {
	ID         string    `json:"id"`
	Kind       Kind      `json:"kind"`
	From       string    `json:"from,omitempty"`
	To         string    `json:"to,omitempty"`
	Text       string    `json:"text,omitempty"`
	Reference  string    `json:"reference,omitempty"`
	SMSC       string    `json:"smsc,omitempty"`
	Repeated   bool      `json:"repeated,omitzero"`
	Message    string    `json:"message,omitempty"`
	MessageID  string    `json:"messageId,omitempty"`
	State      State     `json:"state,omitempty"`
	ReceivedAt time.Time `json:"receivedAt"`
}

// Ack is schema Ack.
type Ack struct {
	IDs []string `json:"ids"`
}

// Acknowledged is schema Acknowledged.
type Acknowledged struct {
	Acknowledged int64 `json:"acknowledged"`
}

// Undone reports that an error of Submit says for certain that the phone gets nothing on account of this
// message so far. After any other error it may have been sent.
func Undone(err error) bool {
	e := problem.Of(err)
	return e != nil && e.Code != CodeInProgress && slices.Contains([]problem.Kind{
		problem.Unavailable, problem.Shed, problem.Invalid, problem.Conflict, problem.Rejected,
	}, e.Kind)
}

// Client calls the SMS center system API, in this process or in another.
type Client struct{ peer hop.Peer }

// NewClient finds out from d how the API is reached.
func NewClient(d hop.Dialer) *Client { return &Client{d.Peer(&Contract)} }

// Submit sends a message; the gateway hears of each ID at most once, for as long as it is kept. Its errors
// are of two sorts, which Undone tells apart:
//
//   - certainly not sent: Unavailable (the same ID may be submitted again), Shed, Invalid, Rejected
//     MESSAGE_REFUSED, Conflict ID_REUSED (this message was not; another one has its ID)
//   - perhaps sent: Timeout, Unknown, Conflict MESSAGE_IN_PROGRESS (by a call that still runs), and any other
//
// What was perhaps sent is never sent again under its ID: nobody can be asked, and the phone would get it
// twice. A text that matters, such as a PIN, is made anew when its user asks for it.
func (c *Client) Submit(ctx context.Context, in Message) (Submission, error) {
	return hop.Call(ctx, c.peer, SubmitMessage, in)
}

// Query tells how far a message has come. NotFound NO_MESSAGE: none was submitted under the ID.
func (c *Client) Query(ctx context.Context, in MessageQuery) (Delivery, error) {
	return hop.Call(ctx, c.peer, QueryMessage, in)
}

// Take hands over what came in and was not acknowledged, oldest first, as often as it is called: who does
// with an item what it is for, does so once by its ID, and acknowledges it then.
func (c *Client) Take(ctx context.Context, in Take) (Inbound, error) {
	return hop.Call(ctx, c.peer, TakeInbound, in)
}

// Acknowledge ends that items are handed over. Those that were acknowledged before do not count.
func (c *Client) Acknowledge(ctx context.Context, in Ack) (Acknowledged, error) {
	return hop.Call(ctx, c.peer, AckInbound, in)
}
