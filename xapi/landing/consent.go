package landing

import (
	"net/http"
	"strings"

	"puente/contracts/papi/subscription"
	"puente/shared/problem"
	"puente/xapi/landing/web"
)

// timely reports whether a form's page has been shown long enough for somebody to have read it.
func (r *asked) timely(v visit) bool { return r.now().Sub(v.Shown) >= r.shown }

// errSoon is a form that nobody can have read.
var errSoon = &problem.Error{Kind: problem.Conflict, Code: subscription.CodeFlowEnded}

// errChanged is an offer that was changed while it was shown.
var errChanged = &problem.Error{Kind: problem.Conflict, Code: subscription.CodeFlowEnded}

// confirm has the process record what the visitor agreed to. What came of it is shown by the page of results,
// also where nobody heard the process's answer: that page asks again.
func (r *asked) confirm(v visit, terms *subscription.Terms, pin string, once func(web.Notice, error) error) error {
	if v.Texts != web.TextsVersion(r.page(v, terms, "")) { // who agreed to what is not offered any more has agreed to nothing
		return once(web.NoticeChanged, errChanged)
	}
	done := v.agreed()
	_, err := r.hub.ConfirmFlow(r.x.Context(), subscription.Confirmation{
		ID: v.Flow, PIN: strings.TrimSpace(pin), Texts: v.Texts, Screens: done.Screens, Amount: v.Amount, Currency: v.Currency,
		Address: r.x.Address, UserAgent: userAgent(r.x),
	})
	if err == nil {
		return r.onward(pageResult, done)
	}
	switch e := problem.Of(err); {
	case e.Code == subscription.CodePINWrong:
		return once(web.NoticePINWrong, err)
	case e.Code == subscription.CodeFlowEnded: // it may have ended well: a form that was sent twice, or a page to which somebody went back
		if came, err := r.hub.QueryEnrolment(r.x.Context(), subscription.FlowQuery{ID: v.Flow}); err == nil && came.State != subscription.EnrolmentEnded && came.State != subscription.EnrolmentPending {
			return r.onward(pageResult, done)
		}
		return r.ended(&v, err)
	case e.Kind == problem.Unavailable || e.Kind == problem.Shed: // nothing was done
		return once(web.NoticeUnavailable, err)
	case e.Kind.Status() >= http.StatusInternalServerError:
		return r.onward(pageResult, done)
	}
	return r.refusal(v, terms, err)
}
