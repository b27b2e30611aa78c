// Package notification tells partners what became of their subscriptions and charges (specification §6):
// what is said, to which endpoint, in which order. An event is written in the transaction that it tells
// of; the outbox delivers it.
package notification

import (
	"context"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"puente/papi/subscription/catalogue"
	"puente/shared/outbox"
)

// Stream is that of all notifications in the outbox.
const Stream = "subscription.notifications"

// Kind is what a notice says: its updateType on the wire.
type Kind int

// The kinds.
const (
	Failed       Kind = -1 // a charge was declined; only where the partner wants to know
	Subscribed   Kind = 0
	Unsubscribed Kind = 1
	Charged      Kind = 2
)

var types = map[Kind]string{Failed: "charge.failed", Subscribed: "subscription.started", Unsubscribed: "subscription.ended", Charged: "charge.succeeded"}

// Context is what a charge was for.
type Context int

// The contexts.
const (
	First   Context = 0
	Renewal Context = 1
	OneShot Context = 2
)

// Notice is one thing to tell of a line and a product.
type Notice struct {
	ID        uuid.UUID // zero: one is made
	Kind      Kind
	Product   *catalogue.Product
	LineID    int64
	MSISDN    string
	UserType  string
	Channel   string
	TID       string
	ShortCode string // of Charged and Failed
	At        time.Time
	Reason    string  // of Unsubscribed: MO, LIFECYCLE or nothing
	Amount    int64   // of Charged, minor units
	Context   Context // of Charged and Failed
}

// wire is the body of a notification. Its names are the source document's.
type wire struct {
	UserIdentifier string         `json:"userIdentifier"`
	UserType       string         `json:"userType"`
	ServiceID      int64          `json:"serviceId"`
	ProductID      int64          `json:"productId"`
	PartnerID      int64          `json:"partnerId"`
	EntryChannel   string         `json:"entryChannel"`
	TID            jsontext.Value `json:"tid,omitempty"`
	Date           string         `json:"date"`
	UpdateType     int            `json:"updateType"`
	CancelReason   string         `json:"cancelReason,omitempty"`
	Value          *int64         `json:"value,omitempty"`
	Context        *int           `json:"context,omitempty"`
	ShortCode      *int64         `json:"shortCode,omitempty"`
}

// DateLayout is that of the hub's dates: local time of the operator's country.
const DateLayout = "20060102150405"

// Body is what a partner receives of a notice.
func (n *Notice) Body() ([]byte, error) {
	partner := n.Product.Partner()
	body := wire{
		UserIdentifier: n.MSISDN, UserType: n.UserType, ServiceID: n.Product.Service.ID, ProductID: n.Product.ID, PartnerID: partner.ID,
		EntryChannel: n.Channel, Date: n.At.In(partner.Country.Zone).Format(DateLayout), UpdateType: int(n.Kind),
	}
	if n.TID != "" {
		body.TID = tid(n.TID, partner.TIDAsNumber)
	}
	switch n.Kind {
	case Unsubscribed:
		body.CancelReason = reason(partner, n.Reason)
	case Charged, Failed:
		context := int(n.Context)
		value := n.Amount
		if n.Kind == Failed {
			value = 0
		}
		body.Value, body.Context = &value, &context
		if code, err := strconv.ParseInt(n.ShortCode, 10, 64); err == nil {
			body.ShortCode = &code
		}
	}
	return json.Marshal(body)
}

// tid is a number where the partner wants one and the text is one.
func tid(text string, asNumber bool) jsontext.Value {
	if n, err := strconv.ParseInt(text, 10, 64); asNumber && err == nil && n >= 0 && strconv.FormatInt(n, 10) == text {
		return jsontext.Value(text)
	}
	quoted, _ := jsontext.AppendQuote(nil, text) // a tid is ASCII
	return quoted
}

func reason(p *catalogue.Partner, reason string) string {
	switch reason {
	case "MO":
		return p.Notify.ReasonMO
	case "LIFECYCLE":
		return p.Notify.ReasonLifecycle
	}
	return ""
}

// box takes events; an outbox.Outbox is one.
type box interface {
	Add(context.Context, pgx.Tx, ...outbox.Event) error
}

// Notifier writes notices.
type Notifier struct{ box box }

// New makes a notifier that adds to box.
func New(box box) *Notifier { return &Notifier{box} }

// Tell writes notices in tx, in their order. Those of one line and product are delivered in the order in
// which their transactions commit.
func (n *Notifier) Tell(ctx context.Context, tx pgx.Tx, notices ...Notice) error {
	events := make([]outbox.Event, 0, len(notices))
	for i := range notices {
		notice := &notices[i]
		if notice.Kind == Failed && !notice.Product.Partner().Notify.FailedCharges {
			continue
		}
		body, err := notice.Body()
		if err != nil {
			return err
		}
		events = append(events, outbox.Event{
			ID: notice.ID, Stream: Stream, Destination: destination(notice), Key: strconv.FormatInt(notice.LineID, 10) + "/" + strconv.FormatInt(notice.Product.ID, 10),
			Type: types[notice.Kind], Payload: body,
		})
	}
	return n.box.Add(ctx, tx, events...)
}
