package landing

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/a-h/templ"
	"golang.org/x/text/language"

	"puente/contracts/papi/subscription"
	"puente/shared/policy"
	"puente/xapi/landing/web"
)

// channelWeb is the channel of all that begins here.
const channelWeb = "WEB"

// guards are the headers of every answer. Nothing of a page is run, loaded or framed but by this host: a
// hidden frame over somebody else's page is how buttons that charge are pressed unseen.
var guards = map[string]string{
	"Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	"X-Frame-Options":              "DENY",
	"Referrer-Policy":              "no-referrer",
	"Permissions-Policy":           "camera=(), geolocation=(), microphone=(), payment=()",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"X-Robots-Tag":                 "noindex",
	"Cache-Control":                "no-store",
}

// htmlType is the media type of pages.
const htmlType = "text/html; charset=utf-8"

func guard(h http.Header) {
	for name, value := range guards {
		h.Set(name, value)
	}
}

// secure reports whether browsers reach the pages by TLS.
func (c *channel) secure(x *policy.Exchange) bool {
	return strings.HasPrefix(c.origin, "https:") || x.Request.TLS != nil
}

func (c *channel) guard(x *policy.Exchange) {
	guard(x.Answer.Header)
	if c.secure(x) {
		x.SetHeader("Strict-Transport-Security", "max-age=31536000")
	}
}

// show answers with a page.
func (r *asked) show(page templ.Component) error {
	body, err := rendered(page)
	if err != nil {
		return err
	}
	r.guard(r.x)
	r.x.Respond(http.StatusOK, htmlType, body)
	return nil
}

func rendered(page templ.Component) ([]byte, error) {
	var body bytes.Buffer
	err := page.Render(context.Background(), &body)
	return body.Bytes(), err
}

// onward sends the browser to the next page of a visit.
func (r *asked) onward(page string, v visit) error {
	return r.redirect(r.at(page, v))
}

// redirect sends the browser to a page, which it gets (RFC 9110 §15.4.4).
func (r *asked) redirect(location string) error {
	r.guard(r.x)
	r.x.SetHeader("Location", location)
	r.x.Respond(http.StatusSeeOther, "", nil)
	return nil
}

// The pages of a visit.
const (
	pagePIN          = "pin"
	pageOffer        = "offer"
	pageConfirmation = "confirm"
	pageResult       = "result"
	pageReturn       = "return"
)

// at is the URL of a page of a visit.
func (r *asked) at(page string, v visit) string {
	return "/ads/" + v.Campaign + "/" + page + "?visit=" + r.seal(v)
}

// entryURL is where a visit begins anew.
func entryURL(v visit) string { return "/ads/" + v.Campaign + "?" + v.query().Encode() }

// query is that of the link by which a visit begins.
func (v visit) query() url.Values {
	query := url.Values{"partnerId": {decimal(v.Partner)}, "serviceId": {decimal(v.Service)}, "productId": {decimal(v.Product)}}
	for name, value := range map[string]string{"tid": v.TID, "SuccessUrl": v.Success, "ErrorUrl": v.Error, "lang": string(v.Language)} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if v.Token {
		query.Set("tokenEncoded", "true")
	}
	return query
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// spoken are the languages of the pages, the default first.
var spoken = language.NewMatcher([]language.Tag{language.Spanish, language.English})

// languageOf is what the link asks for, or else the browser.
func languageOf(x *policy.Exchange, asked string) web.Language {
	switch asked {
	case string(web.Spanish), string(web.English):
		return web.Language(asked)
	}
	return preferred(x.Request.Header.Get("Accept-Language"))
}

// preferred is the language that a browser's Accept-Language prefers.
func preferred(accept string) web.Language {
	if _, at := language.MatchStrings(spoken, accept); at == 1 {
		return web.English
	}
	return web.Spanish
}

func other(l web.Language) web.Language {
	if l == web.English {
		return web.Spanish
	}
	return web.English
}

// describe is what the campaign of a visit offers.
func (r *asked) describe(v visit) (*subscription.Terms, error) {
	terms, err := r.hub.DescribeOffer(r.x.Context(), subscription.OfferQuery{
		Campaign: v.Campaign, PartnerID: v.Partner, ServiceID: v.Service, ProductID: v.Product, Channel: channelWeb, SuccessURL: v.Success, ErrorURL: v.Error,
	})
	return &terms, err
}

// step opens a visit and describes what it is about.
func (r *asked) step(campaign, sealed string) (visit, *subscription.Terms, error) {
	v, ok := r.open(campaign, sealed)
	if !ok {
		return v, nil, r.ended(nil, errVisit)
	}
	r.x.Manner = string(v.Language) // of whatever refuses the request from now on
	terms, err := r.describe(v)
	if err != nil {
		return v, nil, r.refusal(v, terms, err)
	}
	return v, terms, nil
}

// page is what a page of a visit gets. There is one in the other language where it can be asked for by GET.
func (r *asked) page(v visit, terms *subscription.Terms, name string) web.Page {
	page := web.Page{Language: v.Language, Terms: terms, Campaign: v.Campaign, Notice: v.Notice}
	if name != "" {
		v.Language, v.Notice = other(v.Language), ""
		page.Other = r.at(name, v)
	}
	return page
}
