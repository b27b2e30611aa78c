package landing

import (
	"net/url"
	"slices"
	"strings"

	"puente/contracts/papi/subscription"
	"puente/contracts/xapi/landing"
	"puente/shared/policy"
)

// Result codes that a partner's error page is told (specification §7.1). A number that is not right is no end of a
// visit, and told to nobody but the visitor.
const (
	statusFlow   = "15"
	statusFailed = "-1"
)

// ReturnToPartner is the operation of that name. Where to, the process held against the partner's list, now.
func (c *channel) ReturnToPartner(x *policy.Exchange, in landing.Visit) error {
	r := c.ask(x)
	v, terms, err := r.step(in.Campaign, in.Visit)
	if err != nil {
		return err
	}
	if v.Flow == "" && v.Status != "" {
		return r.leave(v, terms.ErrorURL, failure(v, v.Status))
	}
	came, err := r.came(v, terms)
	if err != nil {
		return err
	}
	switch came.State {
	case subscription.EnrolmentActive, subscription.EnrolmentAlready, subscription.EnrolmentConsented:
		return r.leave(v, terms.SuccessURL, success(v, came))
	case subscription.EnrolmentProcessing, subscription.EnrolmentPending:
		return r.onward(pageResult, v)
	case subscription.EnrolmentDeclined:
		return r.leave(v, terms.ErrorURL, failure(v, statusFailed))
	}
	return r.leave(v, terms.ErrorURL, failure(v, statusFlow))
}

// success is what a partner's page learns of a visitor: a token that only the partner opens, or else what the
// visit was about. A number stands there in clear only where the partner may have that.
func success(v visit, came subscription.Enrolment) url.Values {
	if v.Token && came.Redirect != "" {
		return url.Values{"token": {came.Redirect}}
	}
	told := url.Values{"productId": {decimal(v.Product)}}
	if v.TID != "" {
		told.Set("tid", v.TID)
	}
	if came.MSISDN != "" && !v.Token { // who wants a token is not told in clear
		told.Set("msisdn", came.MSISDN)
	}
	return told
}

func failure(v visit, status string) url.Values {
	told := url.Values{"status": {status}}
	if v.TID != "" {
		told.Set("tid", v.TID)
	}
	return told
}

// ours are the parameters of a partner's URL that only this page writes: a visitor who brings them in the
// URL does not pass for another.
var ours = []string{"token", "tid", "productId", "msisdn", "status"}

// leave sends the visitor to a URL of the partner's, if it has one.
func (r *asked) leave(v visit, target string, told url.Values) error {
	to, err := url.Parse(target)
	if err != nil || target == "" {
		return r.ended(&v, err)
	}
	query := to.Query()
	for name := range query {
		if slices.ContainsFunc(ours, func(one string) bool { return strings.EqualFold(one, name) }) { // as some frameworks read it
			delete(query, name)
		}
	}
	for name, values := range told {
		query[name] = values
	}
	to.RawQuery = query.Encode()
	return r.redirect(to.String())
}
