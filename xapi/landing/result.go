package landing

import (
	"errors"
	"net/http"
	"time"

	"puente/contracts/papi/subscription"
	"puente/contracts/xapi/landing"
	"puente/shared/policy"
	"puente/shared/problem"
	"puente/xapi/landing/web"
)

// toPartner is how long a page says what was contracted before it sends the visitor on (specification §7.2).
const toPartner = 5 * time.Second

// ShowResult is the operation of that name. It changes nothing, and may be asked for as often as somebody
// waits for the operator.
func (c *channel) ShowResult(x *policy.Exchange, in landing.Visit) error {
	r := c.ask(x)
	v, terms, err := r.step(in.Campaign, in.Visit)
	if err != nil {
		return err
	}
	if hypertext(x) { // a page that sends itself on must be loaded, not put into another
		r.guard(x)
		x.SetHeader("HX-Redirect", r.at(pageResult, v))
		x.Respond(http.StatusOK, htmlType, nil)
		return nil
	}
	came, err := r.came(v, terms)
	if err != nil {
		return err
	}
	if came.State == subscription.EnrolmentPending { // nobody heard what came of the form, and nothing did
		v.Notice = web.NoticeUnavailable
		if v.Proof == subscription.ProofPIN {
			v.Screens = v.Screens[:min(len(v.Screens), 1)]
			return r.onward(pagePIN, v)
		}
		return r.onward(pageOffer, v)
	}
	return r.show(web.ResultPage(r.result(v, terms, came)))
}

// came is what came of a visit's flow.
func (r *asked) came(v visit, terms *subscription.Terms) (subscription.Enrolment, error) {
	if v.Flow == "" || v.Screen != "" {
		return subscription.Enrolment{}, r.ended(&v, errVisit)
	}
	came, err := r.hub.QueryEnrolment(r.x.Context(), subscription.FlowQuery{ID: v.Flow})
	switch {
	case errors.Is(err, problem.NotFound):
		return came, r.ended(&v, err)
	case err != nil:
		return came, r.refusal(v, terms, err)
	}
	return came, nil
}

// result is the page that says what came of it.
func (r *asked) result(v visit, terms *subscription.Terms, came subscription.Enrolment) web.Result {
	result := web.Result{Page: r.page(v, terms, pageResult), Masked: v.Masked, After: never, Self: r.at(pageResult, v)}
	if came.NextCharge != nil {
		result.NextCharge = local(*came.NextCharge, terms.TimeZone)
	}
	target := terms.ErrorURL
	switch came.State {
	case subscription.EnrolmentActive:
		result.Outcome, target, result.After = web.OutcomeActive, terms.SuccessURL, toPartner
	case subscription.EnrolmentAlready:
		result.Outcome, target, result.After = web.OutcomeAlready, terms.SuccessURL, 0
	case subscription.EnrolmentConsented:
		result.Outcome, target, result.After = web.OutcomeConsented, terms.SuccessURL, toPartner
	case subscription.EnrolmentProcessing:
		result.Outcome, target = web.OutcomeProcessing, ""
	case subscription.EnrolmentDeclined:
		result.Outcome, result.Again = web.OutcomeDeclined, entryURL(v)
		if came.Reason == subscription.CodeInsufficientBalance {
			result.Outcome = web.OutcomeNoBalance
		}
	default:
		result.Outcome, result.Again = web.OutcomeExpired, entryURL(v)
	}
	if target == "" {
		result.After = never
		return result
	}
	result.Return = r.at(pageReturn, v)
	return result
}

// local is a time as clocks show it where the operator is.
func local(at time.Time, zone string) time.Time {
	if place, err := time.LoadLocation(zone); err == nil {
		return at.In(place)
	}
	return at
}

// hypertext reports whether a request was made by htmx, in a page that is shown.
func hypertext(x *policy.Exchange) bool { return x.Request.Header.Get("HX-Request") == "true" }
