// Package messaging sends the hub's and the partners' messages to lines, and keeps what became of them
// (specification §4.2, §9.3). A message is written in the transaction that it tells of; the outbox hands it
// to the SMS gateway.
package messaging

import (
	"fmt"
	"log/slog"
	"time"

	"puente/papi/subscription/catalogue"
)

// Purpose is what a message is for. It decides the text, and whether it waits for the morning (see waits).
type Purpose string

// The purposes.
const (
	PIN        Purpose = "PIN"
	Welcome    Purpose = "WELCOME"
	Receipt    Purpose = "RECEIPT" // of a charge that the partner vouched for
	Renewed    Purpose = "RENEWED"
	Reminder   Purpose = "REMINDER"
	Cancelled  Purpose = "CANCELLED"
	NoneActive Purpose = "NONE_ACTIVE" // to who cancels and has nothing
	Which      Purpose = "WHICH"       // to who cancels and has several, where the short code asks
	Help       Purpose = "HELP"
	Partner    Purpose = "PARTNER" // a partner's own text
)

// Message is one to a line.
type Message struct {
	LineID    int64
	MSISDN    string
	ShortCode string             // the sender; empty: the product's
	Product   *catalogue.Product // nil: of none
	Purpose   Purpose
	Text      string    // of Partner; else the purpose's own
	PIN       string    // of PIN: the digits, which nothing but the message itself may hold
	Keywords  []string  // of Which: those to choose from
	Amount    int64     // that a text names, minor units
	Until     time.Time // that a text names: the next charge, the PIN's end
	At        time.Time // zero: now
}

// product is the product's id, or zero.
func (m *Message) product() int64 {
	if m.Product == nil {
		return 0
	}
	return m.Product.ID
}

// shortCode is the sender.
func (m *Message) shortCode() string {
	if m.ShortCode == "" && m.Product != nil {
		return m.Product.ShortCode()
	}
	return m.ShortCode
}

// LogValue is what may be known of a message in a log.
func (m Message) LogValue() slog.Value {
	return slog.GroupValue(slog.String("purpose", string(m.Purpose)), slog.Int64("line", m.LineID), slog.Int64("product", m.product()))
}

// String is the same for whoever prints a message; neither its number nor a PIN is in it.
func (m Message) String() string {
	return fmt.Sprintf("%s to line %d of product %d", m.Purpose, m.LineID, m.product())
}

// GoString likewise.
func (m Message) GoString() string { return m.String() }

// The states of messages, as their rows have them.
const (
	Queued    = "QUEUED"
	Sent      = "SENT"
	Unknown   = "UNKNOWN" // perhaps sent: it is never sent again
	Delivered = "DELIVERED"
	Failed    = "FAILED"
	Received  = "RECEIVED" // of those that came in
)

// Why a message failed.
const (
	ReasonRefused     = "REFUSED"      // by the gateway
	ReasonInvalid     = "INVALID"      // a defect of ours: the gateway's system does not take it
	ReasonUnsent      = "UNSENT"       // no attempt reached the gateway until the last
	ReasonExpired     = "EXPIRED"      // it had become useless before it could be sent
	ReasonWithdrawn   = "WITHDRAWN"    // what it tells is not so any more
	ReasonOptedOut    = "OPTED_OUT"    // the user wants nothing more
	ReasonUndelivered = "UNDELIVERED"  // as the SMS center reports
	ReasonLapsed      = "NOT_IN_TIME"  // likewise: its validity ended
	ReasonRejected    = "SMSC_REJECTS" // likewise
)
