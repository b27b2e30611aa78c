package subscription

import (
	"context"
	"fmt"

	"puente/contracts/papi/subscription"
	"puente/contracts/sapi/smsc"
	"puente/papi/subscription/evidence"
	"puente/papi/subscription/messaging"
	"puente/papi/subscription/notification"
	"puente/shared/httpclient"
	"puente/shared/outbox"
	"puente/shared/server"
	"puente/shared/webhook"
)

// deliver has partners told, and messages sent.
func (p *process) deliver(env *server.Env, cfg Config, box *outbox.Outbox, gateway *smsc.Client, proofs *evidence.Recorder) error {
	deps := outbox.Deps{DB: p.db, Logger: env.Logger(), Registerer: env.Registerer(), Tracer: env.Tracer()}
	guard, err := httpclient.NewSSRF(true, cfg.Notifications.Allow...)
	if err != nil {
		return err
	}
	client := env.ExternalGuarded("partners", webhook.ClientConfig(cfg.Notifications.HTTP, senders(cfg.Notifications.Delivery)), guard)
	sender := webhook.NewSender(client, guard, cfg.Notifications.Plain, p.now)
	p.catalogue.Reach(sender.Check)
	partners := notification.NewDelivery(p.catalogue, sender, proofs)
	notices, err := outbox.NewDeliverer(box, notification.Stream, cfg.Notifications.Delivery, partners.Owner(), deps)
	if err != nil {
		return err
	}
	messages, err := outbox.NewDeliverer(box, messaging.Stream, cfg.Messaging.Delivery, messaging.NewDelivery(p.messages, gateway).Owner(), deps)
	if err != nil {
		return err
	}
	env.Follow(notification.Stream, notices)
	env.Follow(messaging.Stream, messages)
	env.Administer(notices.Resources("notifications", "Notification")...)
	env.Administer(messages.Resources("messages", "Message")...)
	return nil
}

// senders is how many sends a deliverer has under way at once.
func senders(cfg outbox.Config) int {
	if cfg.Concurrency > 0 {
		return cfg.Concurrency
	}
	return 64
}

// SendMessage sends a partner's message to one of its users (specification §4.2).
func (p *process) SendMessage(ctx context.Context, in subscription.MessageRequest) (subscription.MessageResult, error) {
	r, err := p.find(ctx, in.Offer)
	if err != nil {
		return subscription.MessageResult{}, err
	}
	name := p.nameRequest(r, "sendmt", in.Key, in.ShortCode, in.Text)
	var told subscription.MessageResult
	if repeated, err := name.Answer(ctx, p.db, p.now(), &told); err != nil || repeated { // whatever became of the product since
		told.Replayed = repeated
		return told, err
	}
	if err := r.offered(in.Offer); err != nil {
		return subscription.MessageResult{}, err
	}
	if in.ShortCode == "" {
		return subscription.MessageResult{}, invalid("shortCode", "is required")
	}
	if !r.product.Active() {
		return subscription.MessageResult{}, conflict(subscription.CodeOfferUnknown)
	}
	out, err := p.messages.SendMessage(ctx, messaging.Request{Product: r.product, MSISDN: r.msisdn, ShortCode: in.ShortCode, Text: in.Text, Channel: r.channel, Name: name})
	if err != nil {
		return out, fmt.Errorf("send message: %w", err)
	}
	return out, nil
}
