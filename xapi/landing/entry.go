package landing

import (
	"net/http"
	"strings"

	"puente/contracts/papi/subscription"
	"puente/contracts/xapi/landing"
	"puente/shared/policy"
	"puente/shared/problem"
	"puente/xapi/landing/web"
)

// ShowOffer is the operation of that name. Who comes with a handle goes on to an offer that knows the line;
// where that tells nothing, or nothing any more, the page asks for the number as it does of everybody.
func (c *channel) ShowOffer(x *policy.Exchange, in landing.Entry) error {
	r, v := c.ask(x), begun(in, languageOf(x, in.Language))
	x.Manner = string(v.Language)
	terms, err := r.describe(v)
	if err != nil {
		return r.refusal(v, terms, err)
	}
	if in.Handle != "" && x.Request.Method != http.MethodHead {
		flow, err := c.hub.StartFlow(x.Context(), r.wanting(v, "", in.Handle))
		if err == nil {
			return r.onward(pageOffer, v.flowing(flow))
		}
		if e := problem.Of(err); e.Kind == problem.Conflict { // the line is known, and may not have it
			return r.refusal(v, terms, err)
		}
	}
	return r.show(web.OfferPage(r.offer(v, terms)))
}

// offer is the page that asks for the number.
func (r *asked) offer(v visit, terms *subscription.Terms) web.Offer {
	page := r.page(v, terms, "")
	switched := v
	switched.Language = other(v.Language)
	page.Other = entryURL(switched)
	return web.Offer{Page: page, Visit: r.form(v, screenOffer, page)}
}

// wanting is the request for a flow.
func (r *asked) wanting(v visit, msisdn, handle string) subscription.FlowRequest {
	return subscription.FlowRequest{
		Campaign: v.Campaign, PartnerID: v.Partner, ServiceID: v.Service, ProductID: v.Product, Channel: channelWeb, TID: v.TID,
		MSISDN: msisdn, Handle: handle, Address: r.x.Address, UserAgent: userAgent(r.x),
	}
}

// flowing is v with the flow that was begun in it.
func (v visit) flowing(flow subscription.Flow) visit {
	v.Flow, v.Proof, v.Masked, v.Resend = flow.ID, flow.Proof, flow.Masked, flow.ResendAt
	return v
}

// userAgent is what the browser calls itself, as far as it is kept.
func userAgent(x *policy.Exchange) string {
	const longest = 512
	name := x.Request.UserAgent()
	return printable(name[:min(len(name), longest)])
}

// printable is text of visible characters: what others send is kept, and shown to people.
func printable(text string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || c == '\uFFFD' {
			return -1
		}
		return c
	}, strings.ToValidUTF8(text, ""))
}
