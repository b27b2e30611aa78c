package landing

import (
	"errors"

	"github.com/a-h/templ"

	"puente/contracts/papi/subscription"
	"puente/shared/problem"
	"puente/xapi/landing/web"
)

// shown is a refusal that has a page of its own, such as the one that it asks to be filled in again.
type shown struct {
	page templ.Component
	err  error
}

func (s *shown) Error() string { return s.err.Error() }
func (s *shown) Unwrap() error { return s.err }

// dialect renders errors as pages: those of a visit as the page that belongs there, all others as one that
// says what kind of thing went wrong.
type dialect struct{}

// Render implements problem.Dialect.
func (dialect) Render(e *problem.Error, at problem.Occurrence) problem.Answer {
	header := problem.Header(e, htmlType)
	guard(header)
	language := web.Language(at.Manner)
	if language == "" { // it was refused before anybody read its link
		language = preferred(at.Language)
	}
	page := web.ResultPage(web.Result{Page: web.Page{Language: language}, Outcome: outcomeOf(e), After: never, Incident: at.Incident})
	var own *shown
	if errors.As(e, &own) {
		page = own.page
	}
	body, err := rendered(page)
	if err != nil { // into memory, of templates that were tried: cannot happen
		panic(err)
	}
	return problem.Answer{Status: e.Kind.Status(), Header: header, Body: body}
}

// outcomeOf is what a page says of an error.
func outcomeOf(e *problem.Error) web.Outcome {
	switch e.Code {
	case subscription.CodeOfferUnknown, subscription.CodeChannelNotAllowed, subscription.CodeShortCode:
		return web.OutcomeUnknownOffer
	case subscription.CodeRedirectNotAllowed:
		return web.OutcomeBadLink
	case subscription.CodeNotEligible, subscription.CodeLineBarred:
		return web.OutcomeIneligible
	case subscription.CodeFlowEnded:
		return web.OutcomeExpired
	}
	switch e.Kind {
	case problem.NotFound, problem.MethodNotAllowed:
		return web.OutcomeUnknownOffer
	case problem.Quota:
		return web.OutcomeQuota
	case problem.Shed, problem.Unavailable, problem.Timeout, problem.BadUpstream, problem.Unknown:
		return web.OutcomeUnavailable
	case problem.Internal:
		return web.OutcomeFailed
	}
	return web.OutcomeBadLink
}

// kindOf is the kind that an error of the process has on a page: what is not offered is not there, and a
// link that leads elsewhere is a bad request.
func kindOf(e *problem.Error) problem.Kind {
	switch {
	case outcomeOf(e) == web.OutcomeUnknownOffer && e.Kind == problem.Conflict:
		return problem.NotFound
	case e.Code == subscription.CodeRedirectNotAllowed:
		return problem.Invalid
	}
	return e.Kind
}

// refuse ends a request with err, and shows page.
func (r *asked) refuse(err error, page templ.Component) error {
	e := *problem.Of(err)
	e.Kind, e.Err = kindOf(&e), &shown{page, err}
	return &e
}

// refusal ends a request with err, on the page that says so. Where the visitor may go to the partner from
// there, it offers that.
func (r *asked) refusal(v visit, terms *subscription.Terms, err error) error {
	e := problem.Of(err)
	result := web.Result{Page: r.page(v, nil, ""), Outcome: outcomeOf(e), After: never, Masked: v.Masked, Incident: r.x.Record.ID}
	if result.Outcome != web.OutcomeUnknownOffer && result.Outcome != web.OutcomeBadLink {
		if terms.Product != "" {
			result.Terms = terms
		}
		if result.Outcome != web.OutcomeIneligible {
			result.Again = entryURL(v)
		}
		if terms.ErrorURL != "" {
			v.Status = statusFlow
			if result.Outcome != web.OutcomeIneligible && result.Outcome != web.OutcomeExpired {
				v.Status = statusFailed
			}
			result.Return = r.at(pageReturn, v)
		}
	}
	return r.refuse(err, web.ResultPage(result))
}

// never is the After of a page that sends nobody on by itself.
const never = -1

// errVisit is a visit that is none for the browser that asks, or none any more.
var errVisit = errors.New("the visit is not this browser's, or not readable")

// ended ends a request whose visit is over, or none.
func (r *asked) ended(v *visit, err error) error {
	over := &problem.Error{Kind: problem.Conflict, Code: subscription.CodeFlowEnded, Err: err}
	result := web.Result{Page: web.Page{Language: languageOf(r.x, "")}, Outcome: web.OutcomeExpired, After: never}
	if v != nil {
		result.Language, result.Campaign, result.Again = v.Language, v.Campaign, entryURL(*v)
	}
	return r.refuse(over, web.ResultPage(result))
}
