package landing

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"

	"puente/contracts/papi/subscription"
	"puente/contracts/xapi/landing"
	"puente/shared/policy"
	"puente/xapi/landing/web"
)

// visit is what pages know of a visit: how it began, and how far it has come. It is sealed for the browser
// that it was made for, so that nobody else can use one, nor make one for another to use.
type visit struct {
	Campaign string       `json:"c"`
	Partner  int64        `json:"p"`
	Service  int64        `json:"s"`
	Product  int64        `json:"o"`
	TID      string       `json:"t,omitempty"`
	Success  string       `json:"y,omitempty"` // as brought: it is held against the partner's list each time
	Error    string       `json:"n,omitempty"`
	Token    bool         `json:"k,omitempty"` // tokenEncoded
	Language web.Language `json:"l"`

	Flow   string             `json:"f,omitempty"`
	Proof  subscription.Proof `json:"x,omitempty"`
	Masked string             `json:"m,omitempty"`
	Resend time.Time          `json:"r,omitzero"`  // not before it a PIN is sent again
	Status string             `json:"e,omitempty"` // the result code of what failed before there was a flow
	Notice web.Notice         `json:"i,omitempty"` // for the next page

	// What was agreed to until now.
	Screens []string `json:"a,omitempty"`

	// Of a form: where it stands, since when, and what is shown there.
	Screen   string    `json:"g,omitempty"`
	Shown    time.Time `json:"h,omitzero"`
	Amount   int64     `json:"v,omitempty"`
	Currency string    `json:"u,omitempty"`
	Texts    string    `json:"w,omitempty"`
}

// The screens, as a consent names them.
const (
	screenOffer        = "offer"
	screenPIN          = "pin"
	screenConfirmation = "confirmation"
)

// begun is the visit of somebody who comes.
func begun(in landing.Entry, language web.Language) visit {
	return visit{
		Campaign: in.Campaign, Partner: in.PartnerID, Service: in.ServiceID, Product: in.ProductID, TID: in.TID, Success: in.SuccessURL, Error: in.ErrorURL,
		Token: in.TokenEncoded == "true" || in.TokenEncoded == "1", Language: language,
	}
}

// browserCookie names a browser for the time of a visit: a random word, which no other site reads or sets.
const (
	browserCookie = "puente_visit"
	browserLife   = 3600 // seconds
	browserBytes  = 16
)

// asked is a request, with the word of the browser that asks.
type asked struct {
	*channel
	x    *policy.Exchange
	word string
}

// ask is a request whose browser has a word from now on, if it had none.
func (c *channel) ask(x *policy.Exchange) *asked {
	r := &asked{channel: c, x: x}
	if cookie, err := x.Request.Cookie(r.cookieName()); err == nil {
		if raw, err := base64.RawURLEncoding.DecodeString(cookie.Value); err == nil && len(raw) == browserBytes {
			r.word = cookie.Value
		}
	}
	if r.word == "" {
		raw := make([]byte, browserBytes)
		_, _ = rand.Read(raw) // never fails
		r.word = base64.RawURLEncoding.EncodeToString(raw)
	}
	cookie := http.Cookie{Name: r.cookieName(), Value: r.word, Path: "/", MaxAge: browserLife, HttpOnly: true, Secure: r.secure(r.x), SameSite: http.SameSiteLaxMode}
	x.Answer.Header.Add("Set-Cookie", cookie.String())
	return r
}

// cookieName has the prefix by which a browser takes the cookie from this host over TLS only (RFC 6265bis
// §4.1.3.2); plain HTTP, on loopback, cannot have it.
func (r *asked) cookieName() string {
	if r.secure(r.x) {
		return "__Host-" + browserCookie
	}
	return browserCookie
}

func contextOf(browser string) string { return "landing.visit/" + browser }

// seal is v for the browser that asks.
func (r *asked) seal(v visit) string {
	text, err := json.Marshal(v)
	if err != nil { // texts and numbers: cannot happen
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(r.ring.Seal(contextOf(r.word), text))
}

// open is the visit that seal made for the browser that asks, of a campaign.
func (r *asked) open(campaign, sealed string) (v visit, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return v, false
	}
	text, err := r.ring.Open(contextOf(r.word), raw)
	if err != nil || json.Unmarshal(text, &v) != nil || v.Campaign != campaign {
		return visit{}, false
	}
	return v, true
}

// form is v as the form of a screen holds it.
func (r *asked) form(v visit, screen string, page web.Page) string {
	v.Screen, v.Shown, v.Notice = screen, r.now(), ""
	v.Amount, v.Currency, v.Texts = page.Terms.Amount, page.Terms.Currency, web.TextsVersion(page)
	return r.seal(v)
}

// agreed is v after its form was sent, on the way to the next page.
func (v visit) agreed() visit {
	v.Screens = append(v.Screens[:len(v.Screens):len(v.Screens)], v.Screen)
	v.Screen, v.Shown, v.Amount, v.Currency, v.Texts = "", time.Time{}, 0, "", ""
	return v
}
