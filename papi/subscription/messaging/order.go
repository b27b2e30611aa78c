package messaging

import (
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"puente/contracts/sapi/smsc"
	"puente/shared/outbox"
	"puente/shared/sms"
)

// Stream is that of all messages in the outbox. Their events have the ids of their rows.
const Stream = "subscription.messages"

// Destination is where they all go: there is one gateway.
const Destination = "smsc"

// order is the payload of an event: what is submitted, in all attempts the same, and when. The outbox seals it.
type order struct {
	Message   smsc.Message `json:"message"`
	Purpose   Purpose      `json:"purpose"`
	NotBefore time.Time    `json:"notBefore,omitzero"` // zero: at once
	Until     time.Time    `json:"until,omitzero"`     // it is useless from then on; zero: never
}

var encodings = map[sms.Encoding]smsc.Encoding{sms.GSM7: smsc.EncodingGSM7, sms.UCS2: smsc.EncodingUCS2}

const (
	minValidity = 1
	maxValidity = 7 * 24 * 60 // minutes, by the contract
)

// newOrder is what is to be submitted of a message, from a moment on. Its validity is reckoned here, not when
// it is sent: by its content the gateway's system knows a repetition.
func newOrder(w *written, from, until time.Time, later bool) order {
	o := order{
		Purpose: w.Purpose, Until: until,
		Message: smsc.Message{ID: w.id.String(), From: w.ShortCode, To: w.MSISDN, Text: w.sms.Text, Encoding: encodings[w.sms.Encoding], ReportWanted: true},
	}
	if later {
		o.NotBefore = from
	}
	if !until.IsZero() {
		minutes := int64((until.Sub(from) + time.Minute - 1) / time.Minute)
		o.Message.Validity = min(max(minutes, minValidity), maxValidity)
	}
	return o
}

// event is the message's in the outbox.
func (w *written) event() (outbox.Event, error) {
	payload, err := json.Marshal(w.order)
	if err != nil {
		return outbox.Event{}, fmt.Errorf("write the order of message %s: %w", w.id, err)
	}
	return outbox.Event{
		ID: w.id, Stream: Stream, Destination: Destination, Key: w.key(), Type: "message." + strings.ToLower(string(w.Purpose)), Payload: payload, Due: w.order.NotBefore,
	}, nil
}

func readOrder(e outbox.Event) (o order, err error) { return o, json.Unmarshal(e.Payload, &o) }
