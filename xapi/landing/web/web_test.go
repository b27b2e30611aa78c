package web

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"

	"puente/contracts/papi/subscription"
	"puente/shared/phone"
)

// weekly is a subscription with all that one may have.
func weekly() *subscription.Terms {
	return &subscription.Terms{
		Partner: "Acme SpA", Service: "Juegos Plus", Product: "Juegos semanal", Amount: 990, Currency: "CLP",
		Period:  &subscription.Period{Unit: subscription.UnitWeek, Count: 1},
		Country: phone.Chile, Operator: "Entel", ShortCode: "8888", OptOutWord: "SALIR", Keyword: "JUEGOS",
		Fallbacks: []subscription.Fallback{{Amount: 500, Days: 3}, {Amount: 200, Days: 1}}, ContactPhone: "+56 2 2345 6789",
		Texts: map[string]string{
			"headline": "Juega sin límites", "description": "Más de 200 juegos.\nNuevos cada semana.",
			"terms": "Solo mayores de edad.", "termsUrl": "https://acme.example/terminos",
		},
		SuccessURL: "https://acme.example/ok",
	}
}

func once() *subscription.Terms {
	t := weekly()
	t.OneShot, t.Period, t.Fallbacks, t.Product = true, nil, nil, "100 monedas"
	return t
}

func render(t *testing.T, c templ.Component) string {
	t.Helper()
	var b strings.Builder
	if err := c.Render(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A screen is one page as a visitor may get it.
type screen struct {
	name    string
	page    templ.Component
	agrees  string   // the button that agrees, or leads there
	actions []string // of its forms
	refresh string
	scripts int
	has     []string
}

func screens(l Language, terms *subscription.Terms) []screen {
	p := Page{Language: l, Other: "/ads/juegos?lang=xx", Terms: terms, Campaign: "juegos"}
	noticed := func(n Notice) Page { q := p; q.Notice = n; return q }
	const masked = "569****5678"
	t := p.texts()
	said := []screen{
		{name: "offer", page: OfferPage(Offer{Page: p, Visit: "sealed"}), agrees: t.Continue, actions: []string{"msisdn"},
			has: []string{`name="msisdn"`, `inputmode="tel"`, `autocomplete="tel-national"`, "+56", `value="own"`, `value="other"`, "<details>"}},
		{name: "pin", page: PINPage(PIN{Page: p, Visit: "sealed", Masked: masked, ResendIn: 41500 * time.Millisecond, Anew: "/ads/juegos?tid="}), scripts: 2,
			agrees: p.agree(t.Subscribe, t.Authorise), actions: []string{"pin", "pin/resend"},
			has: []string{`inputmode="numeric"`, `autocomplete="one-time-code"`, `maxlength="8"`, `data-wait="42"`, "9\u00a0****\u00a05678", `href="/ads/juegos?tid="`}},
		{name: "known offer", page: KnownOfferPage(KnownOffer{Page: p, Visit: "sealed", Masked: masked, WiFi: "/ads/juegos?he="}),
			agrees: t.KnownContinue, actions: []string{"offer"}, has: []string{`href="/ads/juegos?he="`, "9\u00a0****\u00a05678"}},
		{name: "confirmation", page: ConfirmationPage(Confirmation{Page: p, Visit: "sealed", Masked: masked}),
			agrees: p.agree(t.ConfirmSubscribe, t.ConfirmAuthorise), actions: []string{"confirm"}},
	}
	for _, n := range []Notice{NoticeNumberInvalid, NoticeNumberUnknown, NoticeOtherOperator, NoticeTooSoon, NoticeUnavailable} {
		has := []string{`role="alert"`, t.notice(n, terms.Operator), "autofocus", "<title>Error: "}
		said = append(said, screen{name: string(n), page: OfferPage(Offer{Page: noticed(n), Visit: "sealed", Number: "12"}),
			agrees: t.Continue, actions: []string{"msisdn"}, has: append(has, `value="12"`)})
	}
	for _, n := range []Notice{NoticePINWrong, NoticePINSent, NoticePINWait, NoticeChanged, NoticeUnavailable} {
		role := `role="alert"`
		if n == NoticePINSent {
			role = `role="status"`
		}
		said = append(said, screen{name: string(n), page: PINPage(PIN{Page: noticed(n), Visit: "sealed", Masked: masked}), scripts: 2,
			agrees: p.agree(t.Subscribe, t.Authorise), actions: []string{"pin", "pin/resend"}, has: []string{role, t.notice(n, ""), "autofocus"}})
	}
	result := func(o Outcome, after time.Duration, refresh string, has ...string) {
		scripts := 0
		if refresh != "" && !strings.HasPrefix(refresh, "0") {
			scripts = 1 // which follows a link after a while
		}
		r := Result{Page: p, Outcome: o, Masked: masked, After: after, Return: "/back", Again: "/again", Self: "/self",
			NextCharge: time.Date(2026, 12, 3, 0, 0, 0, 0, time.UTC), Incident: "I-42"}
		said = append(said, screen{name: string(o), page: ResultPage(r), refresh: refresh, scripts: scripts, has: append(has, t.of(o).Title, t.of(o).Body)})
	}
	result(OutcomeActive, 5*time.Second, "5; url=/back", `href="/back"`, p.amount(), sprintf(t.OnwardIn, 5))
	result(OutcomeAlready, 0, "0; url=/back", `href="/back"`)
	result(OutcomeConsented, 5*time.Second, "5; url=/back", `href="/back"`, p.amount())
	result(OutcomeProcessing, -1, "3; url=/self", `href="/self"`, `role="status"`)
	result(OutcomeBadLink, 0, "")
	for _, o := range []Outcome{OutcomeDeclined, OutcomeNoBalance, OutcomeIneligible, OutcomeExpired, OutcomeQuota, OutcomeUnknownOffer,
		OutcomeUnavailable, OutcomeFailed} {
		result(o, -1, "", `href="/back"`, `href="/again"`, "I-42", `role="alert"`)
	}
	return said
}

var (
	action  = regexp.MustCompile(`<form[^>]* action="/ads/juegos/([^"]*)"`)
	refresh = regexp.MustCompile(`<meta http-equiv="refresh" content="([^"]*)"`)
	inline  = regexp.MustCompile(`(?i)<style|<script>|\sstyle="|\son[a-z]+="|javascript:`) // what the policy of the pages forbids
)

// eachScreen runs over all screens, in both languages, of a subscription and of a one-shot product.
func eachScreen(t *testing.T, f func(t *testing.T, l Language, terms *subscription.Terms, s screen, html string)) {
	for _, l := range []Language{Spanish, English} {
		for kind, terms := range map[string]*subscription.Terms{"subscription": weekly(), "one-shot": once()} {
			for _, s := range screens(l, terms) {
				t.Run(string(l)+"/"+kind+"/"+s.name, func(t *testing.T) { f(t, l, terms, s, render(t, s.page)) })
			}
		}
	}
}

func TestScreens(t *testing.T) {
	eachScreen(t, func(t *testing.T, l Language, terms *subscription.Terms, s screen, html string) {
		for _, want := range append(s.has, `<html lang="`+string(l)+`"`, `content="noindex"`, `content="no-referrer"`,
			`name="viewport"`, `name="theme-color"`, "/ads/juegos/style.css?c=") {
			if !strings.Contains(html, templ.EscapeString(want)) && !strings.Contains(html, want) {
				t.Errorf("no %s", want)
			}
		}
		if found := inline.FindString(html); found != "" {
			t.Errorf("inline: %s", found)
		}
		if n := strings.Count(html, "<h1"); n != 1 {
			t.Errorf("%d first headings", n)
		}
		if n := strings.Count(html, "<script "); n != s.scripts {
			t.Errorf("%d scripts, not %d", n, s.scripts)
		}
		if n := strings.Count(html, "autofocus"); n > 1 {
			t.Errorf("%d elements want the focus", n)
		}
		if strings.Contains(html, "%!") {
			t.Error("a text lacks what its verb stands for")
		}
		var actions []string
		for _, m := range action.FindAllStringSubmatch(html, -1) {
			actions = append(actions, m[1])
		}
		if !slices.Equal(actions, s.actions) {
			t.Errorf("forms go to %q, not %q", actions, s.actions)
		}
		if n := strings.Count(html, `<form`); n != strings.Count(html, `method="post"`) || n != strings.Count(html, `<input type="hidden" name="visit" value="sealed">`) {
			t.Error("a form does not carry the visit")
		}
		got := ""
		if m := refresh.FindStringSubmatch(html); m != nil {
			got = m[1]
		}
		if got != s.refresh {
			t.Errorf("refreshes %q, not %q", got, s.refresh)
		}
	})
}

// What is agreed to stands right above the button, in the button's own form where that one charges.
func TestPriceBesideButton(t *testing.T) {
	eachScreen(t, func(t *testing.T, l Language, terms *subscription.Terms, s screen, html string) {
		if s.agrees == "" {
			return
		}
		p := Page{Language: l, Terms: terms}
		button := strings.Index(html, ">"+s.agrees+"</button>")
		price := strings.Index(html, `<strong>`+p.amount()+`</strong> <span>`+p.per()+`</span>`)
		if price < 0 || button < price {
			t.Fatalf("price at %d, button at %d", price, button)
		}
		if slices.Contains(s.actions, "pin") || slices.Contains(s.actions, "confirm") {
			if between := html[price:button]; strings.Contains(between, "<form") || strings.Contains(between, "<input") {
				t.Errorf("between price and button: %s", between)
			}
			if !strings.Contains(s.agrees, p.price()) {
				t.Errorf("the button says %q", s.agrees)
			}
		}
		for text, want := range map[string]bool{
			p.texts().Renews: !terms.OneShot, p.texts().OnceOnly: terms.OneShot, p.cancel(p.texts().CancelBy): !terms.OneShot,
		} {
			if strings.Contains(html[:button], text) != want {
				t.Errorf("%q before the button: %t", text, !want)
			}
		}
		for _, f := range terms.Fallbacks {
			if !strings.Contains(html[:button], money(l, f.Amount, "CLP")) {
				t.Errorf("the lower price %d is not disclosed", f.Amount)
			}
		}
	})
}

func TestMarkupIsText(t *testing.T) {
	const evil = `"><img onerror=alert(1)><script>alert(2)</script>`
	terms := weekly()
	terms.Partner, terms.Service, terms.Product, terms.Operator, terms.OptOutWord, terms.ContactPhone = evil, evil, evil, evil, evil, evil
	terms.Texts = map[string]string{"headline": evil, "description": evil, "terms": evil, "termsUrl": "javascript:alert(3)"}
	terms.Colours = map[string]string{"accent": evil, "text": "red;}"}
	p := Page{Language: English, Other: "javascript:alert(4)", Terms: terms, Campaign: evil, Notice: NoticeOtherOperator}
	pages := map[string]templ.Component{
		"offer": OfferPage(Offer{Page: p, Visit: evil, Number: evil}), "pin": PINPage(PIN{Page: p, Visit: evil, Masked: evil, Anew: "javascript:alert(7)"}),
		"known":        KnownOfferPage(KnownOffer{Page: p, Visit: evil, Masked: evil, WiFi: "javascript:alert(5)"}),
		"confirmation": ConfirmationPage(Confirmation{Page: p, Visit: evil, Masked: evil}),
		"active":       ResultPage(Result{Page: p, Outcome: OutcomeActive, Masked: evil, Return: evil, Incident: evil}),
		"nonsense":     ResultPage(Result{Page: p, Outcome: evil, Masked: evil, Return: "javascript:alert(6)", Self: evil, Incident: evil}),
	}
	for name, page := range pages {
		html := render(t, page)
		for _, found := range []string{evil, "<img", "<script>", "javascript:"} {
			if strings.Contains(html, found) {
				t.Errorf("%s: %s in %s", name, found, html)
			}
		}
	}
}

// A campaign that has no English text of its own shows the Spanish one, as such.
func TestForeignText(t *testing.T) {
	terms := weekly()
	terms.Texts["headline.en"] = "Play on"
	html := render(t, OfferPage(Offer{Page: Page{Language: English, Terms: terms, Campaign: "juegos"}}))
	for _, want := range []string{"<h1>Play on</h1>", `<p lang="es">Más de 200 juegos.</p><p lang="es">Nuevos cada semana.</p>`, `<p lang="es">Solo mayores de edad.</p>`} {
		if !strings.Contains(html, want) {
			t.Errorf("no %s in %s", want, html)
		}
	}
}

// Pages of requests that were refused before anything was known.
func TestBarePages(t *testing.T) {
	for _, l := range []Language{"", Spanish, English, "pt"} {
		html := render(t, ResultPage(Result{Page: Page{Language: l}, Outcome: OutcomeUnknownOffer}))
		if !strings.Contains(html, "<h1") || strings.Contains(html, "refresh") || strings.Contains(html, "%!") {
			t.Errorf("%s: %s", l, html)
		}
		render(t, OfferPage(Offer{Page: Page{Language: l}}))
		render(t, PINPage(PIN{Page: Page{Language: l}}))
	}
}
