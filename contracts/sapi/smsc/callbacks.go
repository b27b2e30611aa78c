package smsc

import (
	_ "embed"

	"puente/shared/hop"
)

//go:embed callbacks.yaml
var callbacks []byte

// Callbacks is what the gateway calls, as its document promises it.
var Callbacks = hop.Contract{Layer: "sapi", Name: "smsccallbacks", Spec: callbacks}

// Operations of the callbacks. They answer nothing.
var (
	ReceiveMessage       = hop.Operation[ReceivedMessage, struct{}]{Contract: &Callbacks, ID: "receiveMessage"}
	ReceivePostedMessage = hop.Operation[ReceivedMessage, struct{}]{Contract: &Callbacks, ID: "receivePostedMessage"}
	ReceiveReport        = hop.Operation[ReceivedReport, struct{}]{Contract: &Callbacks, ID: "receiveReport"}
)

// ReceivedMessage is a message of a phone as the gateway writes it into the URL: bytes in whatever charset.
type ReceivedMessage struct {
	Secret    string `form:"secret" json:"-"`
	From      string `form:"from" json:"-"`
	To        string `form:"to" json:"-"`
	Text      string `form:"text" json:"-"`
	Charset   string `form:"charset" json:"-"`
	Coding    string `form:"coding" json:"-"` // 0: 7 bits, 1: 8 bits, 2: UCS-2
	SMSC      string `form:"smsc" json:"-"`
	ID        string `form:"id" json:"-"`        // the gateway's
	Reference string `form:"reference" json:"-"` // the SMS center's
}

// ReceivedReport is a delivery report as the gateway writes it into the URL.
type ReceivedReport struct {
	Message string `uri:"message" json:"-"`
	Key     string `form:"key" json:"-"`
	Status  string `form:"status" json:"-"` // the bits of Kannel's dlr-mask
	Answer  string `form:"answer" json:"-"` // of the SMS center, in its own words
}
