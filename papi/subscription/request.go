package subscription

import (
	"context"
	"strconv"
	"strings"
	"time"

	"puente/contracts/papi/subscription"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/line"
	"puente/papi/subscription/notification"
	"puente/papi/subscription/repeat"
	"puente/shared/hop"
	"puente/shared/problem"
)

// request is what a partner's request names, found in the catalogue.
type request struct {
	partner *catalogue.Partner
	product *catalogue.Product
	msisdn  string
	channel string
}

// find finds what an offer names, the cheap things first: the number, then what is sold. It asks no other
// system. A thing of another partner's is told from none by nobody.
func (p *process) find(ctx context.Context, o subscription.Offer) (r request, err error) {
	if r.partner, err = p.partner(ctx); err != nil {
		return r, err
	}
	if o.Date != "" {
		if _, err := time.ParseInLocation(notification.DateLayout, o.Date, r.partner.Country.Zone); err != nil {
			return r, invalid("date", "must be YYYYMMDDHHMMSS, a date that exists")
		}
	}
	if r.msisdn, err = line.Parse(r.partner, o.MSISDN); err != nil {
		return r, err
	}
	if o.PartnerID != r.partner.ID {
		return r, &problem.Error{Kind: problem.Forbidden, Code: subscription.CodeForeignPartner}
	}
	product, ok := p.catalogue.Snapshot().Offer(o.PartnerID, o.ServiceID, o.ProductID)
	if !ok {
		return r, conflict(subscription.CodeOfferUnknown)
	}
	r.product, r.channel = product, strings.ToUpper(o.Channel)
	return r, nil
}

// offered refuses a product that is not sold through the channel, or not under the short code.
func (r request) offered(o subscription.Offer) error {
	switch {
	case !r.product.Through(r.channel):
		return conflict(subscription.CodeChannelNotAllowed)
	case o.ShortCode != "" && !r.product.Service.Has(o.ShortCode):
		return conflict(subscription.CodeShortCode)
	}
	return nil
}

// partner is whose client calls.
func (p *process) partner(ctx context.Context) (*catalogue.Partner, error) {
	client, ok := p.catalogue.Snapshot().Client(hop.PrincipalOf(ctx).Client)
	if !ok || !client.Active() {
		return nil, problem.Errorf(problem.Forbidden, "the client is no partner's, or not active")
	}
	return client.Partner, nil
}

// nameRequest is how a request is known again that named a key; nil: it named none. The date is not a part of it, for
// who repeats a request may tell the time of the repetition.
func (p *process) nameRequest(r request, operation, key string, parts ...string) *repeat.Name {
	if key == "" {
		return nil
	}
	body := append([]string{r.msisdn, strconv.FormatInt(r.product.ID, 10), r.channel}, parts...)
	return &repeat.Name{PartnerID: r.partner.ID, Key: p.nameKey(operation, key), Fingerprint: p.nameKey(operation+" body", body...)}
}

func conflict(code string) error { return &problem.Error{Kind: problem.Conflict, Code: code} }

func invalid(path, rule string) error {
	return &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: path, Rule: rule}}}
}
