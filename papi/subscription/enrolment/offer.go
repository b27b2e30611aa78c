package enrolment

import (
	"cmp"
	"regexp"
	"strings"

	contract "puente/contracts/papi/subscription"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/sql"
	"puente/shared/problem"
)

// offer is what a campaign sells, by the catalogue of the moment.
type offer struct {
	campaign  *catalogue.Campaign
	product   *catalogue.Product
	point     catalogue.PricePoint
	shortCode string
	channel   string
}

// tracking is the rule for tid (specification §7.1).
var tracking = regexp.MustCompile(`^[A-Za-z0-9._~-]{0,64}$`)

func offered(now *catalogue.Snapshot, campaign string, partner, service, product int64, channel string) (offer, error) {
	unknown := refuse(problem.Conflict, contract.CodeOfferUnknown)
	p, ok := now.Offer(partner, service, product)
	if !ok || !p.Active() {
		return offer{}, unknown
	}
	o, err := running(now, campaign)
	if err != nil || o.product.ID != p.ID {
		return offer{}, unknown
	}
	o.channel = strings.ToUpper(channel)
	if !p.Through(o.channel) {
		return offer{}, refuse(problem.Conflict, contract.CodeChannelNotAllowed)
	}
	if !p.Service.Has(o.shortCode) {
		return offer{}, refuse(problem.Conflict, contract.CodeShortCode)
	}
	return o, nil
}

// running is what a campaign sells through whatever channel.
func running(now *catalogue.Snapshot, campaign string) (o offer, err error) {
	unknown := refuse(problem.Conflict, contract.CodeOfferUnknown)
	c, ok := now.Campaign(campaign)
	if !ok || c.Status != catalogue.StatusActive || !c.Product.Active() {
		return offer{}, unknown
	}
	o = offer{campaign: c, product: c.Product, shortCode: cmp.Or(c.ShortCode, c.Product.ShortCode())}
	if o.point, ok = price(c); !ok {
		return offer{}, unknown
	}
	return o, nil
}

// price is the campaign's own, or the product's first that is sold.
func price(c *catalogue.Campaign) (catalogue.PricePoint, bool) {
	if c.PricePoint != 0 {
		return c.Product.PricePoint(c.PricePoint)
	}
	for _, point := range c.Product.PricePoints {
		if point.Status == catalogue.StatusActive {
			return point, true
		}
	}
	return catalogue.PricePoint{}, false
}

// stillOffered is what a flow offers now. It is false where that is not sold any more, or at another price
// than what was shown: who agreed has not agreed to this.
func stillOffered(now *catalogue.Snapshot, flow sql.SubscriptionFlow, shown int64, currency string) (offer, bool) {
	o, err := offered(now, flow.Campaign, flow.PartnerID, flow.ServiceID, flow.ProductID, flow.Channel)
	ok := err == nil && o.point.ID == flow.PricepointID && o.point.Amount == shown && o.product.Country().Currency == currency
	return o, ok
}
