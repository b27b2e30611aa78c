package notification

import (
	"cmp"
	"context"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/sql"
	"puente/shared/config"
	"puente/shared/database"
	"puente/shared/outbox"
	"puente/shared/webhook"
)

// The endpoints of a partner, or of a product that has its own: what is told where.
const (
	subscriptions = "subscription"
	charges       = "charge"
)

// destination names the endpoint that a notice goes to. Where it is the catalogue says when it is sent, so
// that what waits follows an endpoint that moved.
func destination(n *Notice) string {
	endpoint, own := subscriptions, n.Product.NotifySubscriptionURL
	if n.Kind == Charged || n.Kind == Failed {
		endpoint, own = charges, n.Product.NotifyChargeURL
	}
	if own != "" {
		return "product/" + strconv.FormatInt(n.Product.ID, 10) + "/" + endpoint
	}
	return "partner/" + strconv.FormatInt(n.Product.Partner().ID, 10) + "/" + endpoint
}

// sender posts to an endpoint; a webhook.Sender is one.
type sender interface {
	Send(ctx context.Context, to webhook.Endpoint, id string, body []byte) outbox.Result
}

// Delivery is what the outbox does with notices.
type Delivery struct {
	catalogue *catalogue.Store
	sender    sender
}

// NewDelivery makes a delivery to the endpoints of the catalogue.
func NewDelivery(store *catalogue.Store, s sender) *Delivery { return &Delivery{store, s} }

// Owner is what the outbox's deliverer asks.
func (d *Delivery) Owner() outbox.Owner {
	return outbox.Owner{Send: d.send, Delivered: d.delivered, Places: d.places, Party: func(e outbox.Event) string {
		if partner, _ := d.partner(e.Destination); partner != nil {
			return strconv.FormatInt(partner.ID, 10)
		}
		return ""
	}}
}

// places are a partner's, for all its endpoints and those of its products together.
func (d *Delivery) places(destination string) (group string, places int) {
	partner, _ := d.partner(destination)
	if partner == nil {
		return "", 0
	}
	return strconv.FormatInt(partner.ID, 10), partner.Notify.Concurrency
}

// send tells a partner. One that has no endpoint, or is not in the catalogue any more, is not told: what
// waits is dead, and can be replayed once it has one.
func (d *Delivery) send(ctx context.Context, e outbox.Event, _ int) outbox.Result {
	partner, url := d.partner(e.Destination)
	if partner == nil || url == "" {
		return outbox.Result{Outcome: outbox.Dead, Reason: "no endpoint"}
	}
	to := webhook.Endpoint{URL: url, Ack: webhook.Ack(partner.Notify.AckMode)}
	for _, s := range partner.Notify.Secrets {
		secret, err := webhook.ParseSecret(s.Reveal())
		if err != nil {
			return outbox.Result{Outcome: outbox.RetrySlow, Reason: "secret unreadable"}
		}
		to.Secrets = append(to.Secrets, secret)
	}
	if partner.Notify.Bearer != nil {
		to.Bearer = config.NewSecret(partner.Notify.Bearer.Reveal())
	}
	return d.sender.Send(ctx, to, e.ID.String(), e.Payload)
}

// delivered notes that the partner was told of a charge.
func (d *Delivery) delivered(ctx context.Context, tx pgx.Tx, e outbox.Event, a outbox.Attempt) error {
	if e.Type != types[Charged] {
		return nil
	}
	return database.Problem(sql.New(tx).Noticed(ctx, sql.NoticedParams{NoticeID: &e.ID, At: &a.At}))
}

// partner finds whose destination it is, and its present address.
func (d *Delivery) partner(destination string) (*catalogue.Partner, string) {
	parts := strings.Split(destination, "/")
	if len(parts) != 3 {
		return nil, ""
	}
	id, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil {
		return nil, ""
	}
	now := d.catalogue.Snapshot()
	if parts[0] == "product" {
		product, ok := now.Product(id)
		if !ok {
			return nil, ""
		}
		url := product.NotifySubscriptionURL
		if parts[2] == charges {
			url = product.NotifyChargeURL
		}
		return product.Partner(), cmp.Or(url, endpoint(product.Partner(), parts[2]))
	}
	partner, ok := now.Partner(id)
	if !ok {
		return nil, ""
	}
	return partner, endpoint(partner, parts[2])
}

func endpoint(p *catalogue.Partner, name string) string {
	if name == charges {
		return p.Notify.ChargeURL
	}
	return p.Notify.SubscriptionURL
}
