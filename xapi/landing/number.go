package landing

import (
	"errors"
	"net/http"

	"puente/contracts/papi/subscription"
	"puente/contracts/xapi/landing"
	"puente/shared/policy"
	"puente/shared/problem"
	"puente/xapi/landing/web"
)

// EnterNumber is the operation of that name. What is wrong with a number is said beside the box; whether
// the operator knows it, and whether it is another's, in the same words.
func (c *channel) EnterNumber(x *policy.Exchange, in landing.Number) error {
	r := c.ask(x)
	v, terms, err := r.step(in.Campaign, in.Visit)
	if err != nil {
		return err
	}
	if v.Screen != screenOffer {
		return r.ended(&v, errVisit)
	}
	if in.Operator == landing.Other {
		return r.again(v, terms, in.MSISDN, web.NoticeOtherOperator, errOtherOperator)
	}
	flow, err := c.hub.StartFlow(x.Context(), r.wanting(v, in.MSISDN, ""))
	if err == nil {
		v.Notice = ""
		return r.onward(pagePIN, v.flowing(flow).agreed())
	}
	switch e := problem.Of(err); {
	case e.Code == subscription.CodeMSISDNInvalid:
		return r.again(v, terms, in.MSISDN, web.NoticeNumberInvalid, err)
	case e.Code == subscription.CodeMSISDNUnknown || e.Code == subscription.CodeOtherOperator:
		return r.again(v, terms, in.MSISDN, web.NoticeNumberUnknown, err)
	case e.Kind.Status() >= http.StatusInternalServerError && e.Kind != problem.Internal:
		return r.again(v, terms, in.MSISDN, web.NoticeUnavailable, err)
	}
	return r.refusal(v, terms, err)
}

var errOtherOperator = &problem.Error{Kind: problem.Rejected, Code: subscription.CodeOtherOperator, Err: errors.New("the visitor says so")}

// again shows the offer once more, with what is wrong.
func (r *asked) again(v visit, terms *subscription.Terms, number string, notice web.Notice, err error) error {
	v.Notice = notice
	offer := r.offer(v, terms)
	offer.Number = number
	e := *problem.Of(err)
	if e.Kind == problem.Invalid { // of a form that was filled in, and is to be filled in otherwise
		e.Kind = problem.Rejected
	}
	return r.refuse(&e, web.OfferPage(offer))
}
