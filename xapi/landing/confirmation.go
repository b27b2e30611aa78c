package landing

import (
	"github.com/a-h/templ"

	"puente/contracts/papi/subscription"
	"puente/contracts/xapi/landing"
	"puente/shared/policy"
	"puente/xapi/landing/web"
)

// ShowKnownOffer is the operation of that name.
func (c *channel) ShowKnownOffer(x *policy.Exchange, in landing.Visit) error {
	return c.showKnown(x, in, (*asked).knownOffer)
}

// ShowConfirmation is the operation of that name.
func (c *channel) ShowConfirmation(x *policy.Exchange, in landing.Visit) error {
	return c.showKnown(x, in, (*asked).confirmation)
}

// showKnown shows a page to somebody whose line the operator's header told.
func (c *channel) showKnown(x *policy.Exchange, in landing.Visit, page func(*asked, visit, *subscription.Terms) templ.Component) error {
	r := c.ask(x)
	v, terms, err := r.step(in.Campaign, in.Visit)
	if err != nil {
		return err
	}
	if v.Flow == "" || v.Proof != subscription.ProofHE || v.Screen != "" {
		return r.ended(&v, errVisit)
	}
	return r.show(page(r, v, terms))
}

func (r *asked) knownOffer(v visit, terms *subscription.Terms) templ.Component {
	v.Screens = nil // who comes back begins with the first again
	page := r.page(v, terms, pageOffer)
	return web.KnownOfferPage(web.KnownOffer{Page: page, Visit: r.form(v, screenOffer, page), Masked: v.Masked, WiFi: entryURL(v)})
}

func (r *asked) confirmation(v visit, terms *subscription.Terms) templ.Component {
	page := r.page(v, terms, pageConfirmation)
	return web.ConfirmationPage(web.Confirmation{Page: page, Visit: r.form(v, screenConfirmation, page), Masked: v.Masked})
}

// AcceptOffer is the operation of that name.
func (c *channel) AcceptOffer(x *policy.Exchange, in landing.Step) error {
	r := c.ask(x)
	v, terms, err := r.step(in.Campaign, in.Visit)
	if err != nil {
		return err
	}
	if v.Screen != screenOffer || v.Proof != subscription.ProofHE {
		return r.ended(&v, errVisit)
	}
	if !r.timely(v) {
		v.Notice = web.NoticeTooSoon
		return r.refuse(errSoon, r.knownOffer(v, terms))
	}
	return r.onward(pageConfirmation, v.agreed())
}

// ConfirmOffer is the operation of that name.
func (c *channel) ConfirmOffer(x *policy.Exchange, in landing.Step) error {
	r := c.ask(x)
	v, terms, err := r.step(in.Campaign, in.Visit)
	if err != nil {
		return err
	}
	if v.Screen != screenConfirmation {
		return r.ended(&v, errVisit)
	}
	once := func(notice web.Notice, err error) error {
		v.Notice = notice
		return r.refuse(err, r.confirmation(v, terms))
	}
	if !r.timely(v) {
		return once(web.NoticeTooSoon, errSoon)
	}
	return r.confirm(v, terms, "", once)
}
