// Package messaging sends the hub's and the partners' messages to lines, and keeps what became of them
// (specification §4.2, §9.3). A message is written in the transaction that it tells of; the outbox hands it
// to the SMS gateway.
package messaging

import (
	"time"

	"puente/papi/subscription/catalogue"
)

// Purpose is what a message is for. It decides the text, and whether it waits for the morning.
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
	ShortCode string             // the sender
	Product   *catalogue.Product // nil: of none
	Purpose   Purpose
	Text      string    // of Partner; else the purpose's own
	PIN       string    // of PIN: the digits, which nothing but the message itself may hold
	Amount    int64     // that a text names, minor units
	Until     time.Time // that a text names: the next charge, the PIN's end
	At        time.Time
}
