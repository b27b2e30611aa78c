package landing

import (
	"puente/contracts/papi/subscription"
	"puente/contracts/xapi/landing"
	"puente/shared/policy"
	"puente/shared/problem"
	"puente/xapi/landing/web"
)

// ShowPIN is the operation of that name.
func (c *channel) ShowPIN(x *policy.Exchange, in landing.Visit) error {
	r := c.ask(x)
	v, terms, err := r.step(in.Campaign, in.Visit)
	if err != nil {
		return err
	}
	if v.Flow == "" || v.Proof != subscription.ProofPIN || v.Screen != "" {
		return r.ended(&v, errVisit)
	}
	return r.show(web.PINPage(r.pin(v, terms)))
}

// pin is the page that asks for the PIN.
func (r *asked) pin(v visit, terms *subscription.Terms) web.PIN {
	page := r.page(v, terms, pagePIN)
	return web.PIN{
		Page: page, Visit: r.form(v, screenPIN, page), Masked: v.Masked, ResendIn: max(v.Resend.Sub(r.now()), 0), Anew: entryURL(v),
	}
}

// ConfirmPIN is the operation of that name.
func (c *channel) ConfirmPIN(x *policy.Exchange, in landing.PIN) error {
	r := c.ask(x)
	v, terms, err := r.step(in.Campaign, in.Visit)
	if err != nil {
		return err
	}
	if v.Screen != screenPIN {
		return r.ended(&v, errVisit)
	}
	once := func(notice web.Notice, err error) error { return r.pinAgain(v, terms, notice, err) }
	if !r.timely(v) {
		return once(web.NoticeTooSoon, errSoon)
	}
	return r.confirm(v, terms, in.PIN, once)
}

// pinAgain shows the page once more, with what is wrong.
func (r *asked) pinAgain(v visit, terms *subscription.Terms, notice web.Notice, err error) error {
	v.Notice = notice
	return r.refuse(err, web.PINPage(r.pin(v, terms)))
}

// ResendPIN is the operation of that name.
func (c *channel) ResendPIN(x *policy.Exchange, in landing.Step) error {
	r := c.ask(x)
	v, terms, err := r.step(in.Campaign, in.Visit)
	if err != nil {
		return err
	}
	if v.Screen != screenPIN {
		return r.ended(&v, errVisit)
	}
	flow, err := c.hub.ResendPIN(x.Context(), subscription.FlowQuery{ID: v.Flow})
	if err == nil {
		v = v.flowing(flow)
		v.Screen, v.Notice = "", web.NoticePINSent
		return r.onward(pagePIN, v)
	}
	switch e := problem.Of(err); {
	case e.Code == subscription.CodeFlowEnded:
		return r.ended(&v, err)
	case e.Kind == problem.Quota:
		v.Resend = r.now().Add(e.RetryAfter)
		return r.pinAgain(v, terms, web.NoticePINWait, err)
	case e.Kind == problem.Unavailable || e.Kind == problem.Shed || e.Kind == problem.Timeout || e.Kind == problem.BadUpstream:
		return r.pinAgain(v, terms, web.NoticeUnavailable, err)
	}
	return r.refusal(v, terms, err)
}
