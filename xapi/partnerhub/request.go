package partnerhub

import (
	"context"

	"puente/contracts/papi/subscription"
	"puente/contracts/xapi/partnerhub"
	"puente/shared/policy"
	"puente/shared/problem"
)

// longestNumber bounds what the process is asked about, in bytes. A longer one is no number, and its
// refusal comes where those of numbers come: after those of all other fields.
const longestNumber = 32

// offer is what the three documented requests have in common.
func offer(number string, partner, service, product int64, channel string) (subscription.Offer, error) {
	if len(number) > longestNumber {
		return subscription.Offer{}, &problem.Error{Kind: problem.Invalid, Code: subscription.CodeMSISDNInvalid}
	}
	return subscription.Offer{MSISDN: number, PartnerID: partner, ServiceID: service, ProductID: product, Channel: channel}, nil
}

// done is the success of a request, in its partner's language.
func done(ctx context.Context) partnerhub.Result {
	return partnerhub.Result{Status: partnerhub.StatusDone, Message: mannerOf(policy.MannerOf(ctx)).texts().done}
}

// SendMT queues a message to a user.
func (c *channel) SendMT(x *policy.Exchange, in partnerhub.MessageRequest) error {
	key, err := keyOf(in.IdempotencyKey, in.ExternalTxID)
	if err != nil {
		return err
	}
	o, err := offer(in.UserIdentifier, in.PartnerID, in.ServiceID, in.ProductID, in.EntryChannel)
	if err != nil {
		return err
	}
	o.ShortCode, o.Date = in.ShortCode, in.Date
	out, err := c.hub.SendMessage(x.Context(), subscription.MessageRequest{Offer: o, Text: in.Text, Key: key})
	if err != nil {
		return err
	}
	if out.Replayed {
		x.SetHeader(replayedHeader, "true")
	}
	return respond(x, done(x.Context()))
}

// OptOut ends a subscription; one that had ended before is answered likewise.
func (c *channel) OptOut(x *policy.Exchange, in partnerhub.OptOutRequest) error {
	key, err := keyOf(in.IdempotencyKey, in.ExternalTxID)
	if err != nil {
		return err
	}
	o, err := offer(in.UserIdentifier, in.PartnerID, in.ServiceID, in.ProductID, in.EntryChannel)
	if err != nil {
		return err
	}
	o.Date = in.Date
	out, err := c.hub.OptOut(x.Context(), subscription.OptOutRequest{Offer: o, Key: key})
	if err != nil {
		return err
	}
	if out.Replayed {
		x.SetHeader(replayedHeader, "true")
	}
	result := done(x.Context())
	return respond(x, partnerhub.OptOutResult{Status: result.Status, Message: result.Message})
}

// VerifyRedirect opens a token that a browser brought to the partner.
func (c *channel) VerifyRedirect(ctx context.Context, in partnerhub.VerifyRequest) (partnerhub.Verified, error) {
	claims, err := c.hub.VerifyRedirect(ctx, subscription.RedirectQuery{Token: in.Token})
	if err != nil {
		return partnerhub.Verified{}, err
	}
	return partnerhub.Verified{Result: done(ctx), UserIdentifier: claims.MSISDN, ProductID: claims.ProductID, TID: claims.TID}, nil
}
