package notification

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"puente/papi/subscription/acceptance"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/evidence"
	"puente/papi/subscription/sql"
	"puente/shared/config"
	"puente/shared/database"
	"puente/shared/outbox"
	"puente/shared/webhook"
)

// destination names the endpoint that a notice goes to. Where it is the catalogue says when it is sent, so
// that what waits follows an endpoint that moved.
func destination(n *Notice) string {
	of := catalogue.ToldSubscriptions
	if n.Kind == Charged || n.Kind == Failed {
		of = catalogue.ToldCharges
	}
	if n.Product.Own(of) != "" {
		return "product/" + strconv.FormatInt(n.Product.ID, 10) + "/" + string(of)
	}
	return "partner/" + strconv.FormatInt(n.Product.Partner().ID, 10) + "/" + string(of)
}

// sender posts to an endpoint; a webhook.Sender is one.
type sender interface {
	Send(ctx context.Context, to webhook.Endpoint, id string, body []byte) outbox.Result
}

// Delivery is what the outbox does with notices.
type Delivery struct {
	catalogue *catalogue.Store
	sender    sender
	evidence  *evidence.Recorder // nil: none is kept
	ends      ends
}

// NewDelivery makes a delivery to the endpoints of the catalogue. What partners take, and what they refuse,
// goes to r.
func NewDelivery(store *catalogue.Store, s sender, r *evidence.Recorder) *Delivery {
	return &Delivery{catalogue: store, sender: s, evidence: r}
}

// Owner is what the outbox's deliverer asks.
func (d *Delivery) Owner() outbox.Owner {
	return outbox.Owner{Send: d.send, Delivered: d.delivered, Died: d.died, Places: d.places, Party: func(e outbox.Event) string {
		if partner, _ := d.partner(e.Destination); partner != nil {
			return strconv.FormatInt(partner.ID, 10)
		}
		return ""
	}}
}

const noEndpoint = "no endpoint"

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
	partner, at := d.partner(e.Destination)
	if partner == nil || at.URL == "" {
		return outbox.Result{Outcome: outbox.Dead, Reason: noEndpoint}
	}
	to := webhook.Endpoint{URL: at.URL, Ack: webhook.Ack(partner.Notify.AckMode)}
	for _, s := range at.Secrets {
		secret, err := webhook.ParseSecret(s.Reveal())
		if err != nil {
			return outbox.Result{Outcome: outbox.RetrySlow, Reason: "secret unreadable"}
		}
		to.Secrets = append(to.Secrets, secret)
	}
	if partner.Notify.Bearer != nil {
		to.Bearer = config.NewSecret(partner.Notify.Bearer.Reveal())
	}
	if c := partner.Notify.ClientCertificate; c != nil {
		to.Certificate = webhook.Certificate{Chain: config.NewSecret(c.Certificate.Reveal()), Key: config.NewSecret(c.Key.Reveal())}
	}
	r := d.sender.Send(ctx, to, e.ID.String(), e.Payload)
	final := ""
	if r.Outcome == outbox.Delivered || r.Outcome == outbox.Dead {
		final = evidence.Webhook(partner, at)
	}
	d.ends.keep(e.ID, final)
	return r
}

// delivered notes that the partner was told of a charge, and what the partner has proved by taking it.
func (d *Delivery) delivered(ctx context.Context, tx pgx.Tx, e outbox.Event, a outbox.Attempt) error {
	answered := false
	if e.Type == types[Charged] {
		var err error
		answered, err = sql.New(tx).Noticed(ctx, sql.NoticedParams{NoticeID: &e.ID, At: &a.At})
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return database.Problem(fmt.Errorf("note delivery: %w", err))
		}
	}
	proof, ok := d.proof(e, a)
	if !ok || proof.Check == acceptance.SubscriptionOneshot && !answered { // its caller was told that it failed, or nothing
		return nil
	}
	return d.evidence.Proved(ctx, tx, proof)
}

// died notes what the partner did not take.
func (d *Delivery) died(ctx context.Context, tx pgx.Tx, e outbox.Event, a outbox.Attempt) error {
	proof, ok := d.proof(e, a)
	if !ok || a.Reason == noEndpoint { // nobody was asked
		return nil
	}
	return d.evidence.Failed(ctx, tx, proof)
}

// partner finds whose destination it is, and its endpoint as it is now.
func (d *Delivery) partner(destination string) (*catalogue.Partner, catalogue.Endpoint) {
	none := catalogue.Endpoint{}
	parts := strings.Split(destination, "/")
	if len(parts) != 3 {
		return nil, none
	}
	id, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil {
		return nil, none
	}
	now, of := d.catalogue.Snapshot(), catalogue.Told(parts[2])
	if parts[0] == "product" {
		product, ok := now.Product(id)
		if !ok {
			return nil, none
		}
		return product.Partner(), product.Endpoint(of)
	}
	partner, ok := now.Partner(id)
	if !ok {
		return nil, none
	}
	return partner, partner.Endpoint(of)
}
