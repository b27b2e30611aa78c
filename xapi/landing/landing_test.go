package landing

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"puente/contracts/papi/subscription"
	"puente/shared/problem"
)

const hasty = "xapi: {landing: {shown: 0s}}\n" // the tests read fast

// F1: from a partner's link by number and PIN to a consent, and back to the partner.
func TestByPIN(t *testing.T) {
	w := newWorld(t, hasty)
	offer := w.get(entry + "&TOKENENCODED=true&successurl=https%3A%2F%2Fpartner.example%2Fok")
	w.shows(offer, 200, "Juegos ilimitados", "$990", "SALIR JUEGOS", "8888", `lang="es"`)
	if q := w.offers[0]; q.SuccessURL != "https://partner.example/ok" || q.PartnerID != 52272 || q.Channel != "WEB" {
		t.Errorf("%+v", q)
	}
	pin := w.follow(w.send(offer, "msisdn", "msisdn", "9 1234-5678", "operator", "own"))
	w.shows(pin, 200, "****\u00a05678", "$990")
	if f := w.flows[0]; f.MSISDN != "9 1234-5678" || f.TID != "QWERT" || f.Address != "127.0.0.1" || f.UserAgent != "browser" || f.Handle != "" {
		t.Errorf("%+v", f)
	}
	result := w.follow(w.send(pin, "pin", "pin", " 123456 "))
	w.shows(result, 200, "Juegos ilimitados", `content="5;`)
	c := w.confirmed[0]
	if c.PIN != "123456" || !slices.Equal(c.Screens, []string{"offer", "pin"}) || c.Amount != 990 || c.Currency != "CLP" || !strings.HasPrefix(c.Texts, "es-") || c.Address != "127.0.0.1" {
		t.Errorf("%+v", c)
	}
	back := w.get(returning(t, result))
	if want := "https://partner.example/ok?a=1&token=sealed%2Btoken%3D"; back.status != 303 || back.location != want {
		t.Errorf("%d to %s, want %s", back.status, back.location, want)
	}
	for _, p := range []page{offer, pin, result, back} { // a number stands in no page but masked, and in no URL
		if strings.Contains(p.text+p.location, "12345678") || strings.Contains(p.text, "the-handle") {
			t.Errorf("a number is shown: %s", p.text)
		}
	}
}

// returning is where a page of results sends a visitor on.
func returning(t *testing.T, p page) string {
	t.Helper()
	_, after, ok := strings.Cut(p.text, `href="/ads/juegos/return?`)
	rest, _, ok2 := strings.Cut(after, `"`)
	if !ok || !ok2 {
		t.Fatalf("no way to the partner: %s", p.text)
	}
	return "/ads/juegos/return?" + rest
}

// F2: over the operator's network by its header and two confirmations.
func TestByEnrichment(t *testing.T) {
	w := newWorld(t, hasty)
	boot := w.get("http://"+w.at.Plain+"/he/juegos?partnerid=52272&serviceId=2000001784&productId=1020&tid=QWERT&he=forged", "X-MSISDN", "56912345678", "X-Forwarded-For", "10.1.2.3", "Cookie", "a=b")
	if want := "/ads/juegos?he=the-handle&partnerId=52272&productId=1020&serviceId=2000001784&tid=QWERT"; boot.status != 302 || boot.location != want {
		t.Fatalf("%d to %s", boot.status, boot.location)
	}
	e := w.handles[0]
	if e.Enrichment.Peer != "127.0.0.1" || e.Enrichment.Forwarded != "10.1.2.3" || e.UserAgent != "browser" || e.Campaign != "juegos" ||
		!slices.Equal(e.Enrichment.Headers, []subscription.Header{{Name: "X-Msisdn", Value: "56912345678"}}) {
		t.Errorf("%+v", e)
	}
	offer := w.follow(w.get(boot.location))
	w.shows(offer, 200, "****\u00a05678", "$990")
	confirmation := w.follow(w.send(offer, "offer"))
	w.shows(confirmation, 200, "****\u00a05678", "$990")
	if len(w.confirmed) != 0 {
		t.Error("one confirmation was enough")
	}
	w.shows(w.follow(w.send(confirmation, "confirm")), 200, "Juegos ilimitados")
	if c := w.confirmed[0]; c.PIN != "" || !slices.Equal(c.Screens, []string{"offer", "confirmation"}) {
		t.Errorf("%+v", c)
	}
	if f := w.flows[0]; f.Handle != "the-handle" || f.MSISDN != "" {
		t.Errorf("%+v", f)
	}
}

// A header counts on one path only; everywhere else it is nobody's.
func TestEnrichmentElsewhere(t *testing.T) {
	w := newWorld(t, hasty)
	for _, target := range []string{entry, "/anuncios" + strings.TrimPrefix(entry, "/ads"), "/ads/juegos/style.css", "/landing/htmx.js"} {
		if p := w.get(target, "X-MSISDN", "56987654321", "X-UP-CALLING-LINE-ID", "56987654321"); p.status != 200 || strings.Contains(p.text, "4321") {
			t.Errorf("%s: %d", target, p.status)
		}
	}
	if len(w.handles) != 0 || len(w.flows) != 0 {
		t.Error("a header began something")
	}
	w.set(func() {
		w.fails["mint"] = &problem.Error{Kind: problem.Invalid, Code: subscription.CodeMSISDNInvalid}
		w.fails["start"] = &problem.Error{Kind: problem.Rejected, Code: subscription.CodeHandle}
	})
	boot := w.get("/he/juegos?partnerId=52272&serviceId=2000001784&productId=1020&he=forged", "X-MSISDN", "56987654321")
	if boot.status != 302 || strings.Contains(boot.location, "he=") {
		t.Errorf("%d to %s", boot.status, boot.location)
	}
	w.shows(w.get(entry+"&he=stolen"), 200, `name="msisdn"`) // the page asks for the number
	if p := w.get("http://" + w.at.Plain + entry); p.status != 404 {
		t.Errorf("a page over plain HTTP: %d", p.status)
	}
}

// What a visit is sealed for: one browser, one campaign, one page.
func TestVisitsThatAreNone(t *testing.T) {
	w := newWorld(t, hasty)
	offer := w.get(entry)
	pin := w.onPIN()
	onward := w.send(pin, "pin/resend").location
	sealed := pin.visit(t)
	for name, test := range map[string]struct {
		step string
		form url.Values
	}{
		"tampered":          {"pin", url.Values{"visit": {sealed[:len(sealed)-2] + "AA"}, "pin": {"123456"}}},
		"none":              {"pin", url.Values{"visit": {""}, "pin": {"123456"}}},
		"of another page":   {"pin", url.Values{"visit": {offer.visit(t)}, "pin": {"123456"}}},
		"of a URL":          {"pin", url.Values{"visit": {strings.TrimPrefix(onward, "/ads/juegos/pin?visit=")}, "pin": {"123456"}}},
		"of the other flow": {"confirm", url.Values{"visit": {sealed}}},
		"without a flow":    {"pin/resend", url.Values{"visit": {offer.visit(t)}}},
		"a PIN as an offer": {"offer", url.Values{"visit": {sealed}}},
		"a PIN as a number": {"msisdn", url.Values{"visit": {sealed}, "msisdn": {"912345678"}}},
	} {
		t.Run(name, func(t *testing.T) {
			p := w.ask(http.MethodPost, "/ads/juegos/"+test.step, test.form)
			if p.status != 409 && p.status != 400 || p.location != "" {
				t.Errorf("%d", p.status)
			}
		})
	}
	form := url.Values{"visit": {sealed}, "pin": {"123456"}}
	if p := w.ask(http.MethodPost, "/ads/musica/pin", form); p.status != 409 {
		t.Errorf("another campaign: %d", p.status)
	}
	for _, headers := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}} {
		if p := w.ask(http.MethodPost, "/ads/juegos/pin", form, headers...); p.status != 409 {
			t.Errorf("%v: %d", headers, p.status)
		}
	}
	w.browser = newBrowser(t)
	if p := w.ask(http.MethodPost, "/ads/juegos/pin", form); p.status != 409 {
		t.Errorf("another browser: %d", p.status)
	}
	if p := w.get(onward); p.status != 409 {
		t.Errorf("another browser's page: %d", p.status)
	}
	if len(w.confirmed) != 0 {
		t.Errorf("%d were confirmed", len(w.confirmed))
	}
}

// Nothing is agreed to on a page that nobody can have read.
func TestTooSoon(t *testing.T) {
	w := newWorld(t, "xapi: {landing: {shown: 1m}}\n")
	w.shows(w.send(w.onPIN(), "pin", "pin", "123456"), 409, `name="pin"`)
	w.shows(w.send(w.follow(w.get(entry+"&he=the-handle")), "offer"), 409, "****\u00a05678")
	if len(w.confirmed) != 0 {
		t.Error("it was agreed to")
	}
}

// A wrong PIN is said on the page, and its next form is good; another PIN may be sent.
func TestPINs(t *testing.T) {
	w := newWorld(t, hasty)
	pin := w.onPIN()
	w.set(func() { w.fails["confirm"] = &problem.Error{Kind: problem.Rejected, Code: subscription.CodePINWrong} })
	wrong := w.send(pin, "pin", "pin", "000000")
	w.shows(wrong, 422, `name="pin"`, `role="alert"`, "$990")
	w.set(func() {
		w.fails["resend"] = &problem.Error{Kind: problem.Quota, Code: subscription.CodePINQuota, RetryAfter: 40 * time.Second}
	})
	if p := w.send(wrong, "pin/resend"); p.status != 429 || p.header.Get("Retry-After") != "40" {
		t.Errorf("%d, %s", p.status, p.header.Get("Retry-After"))
	}
	w.set(func() { clear(w.fails) })
	again := w.follow(w.send(wrong, "pin/resend"))
	w.shows(again, 200, `name="pin"`)
	w.shows(w.follow(w.send(again, "pin", "pin", "123456")), 200, "Juegos ilimitados")
	if w.resent != 1 || len(w.confirmed) != 1 || !slices.Equal(w.confirmed[0].Screens, []string{"offer", "pin"}) {
		t.Errorf("%d resent, %+v", w.resent, w.confirmed)
	}
	// A form that is sent again, from a page to which somebody went back, charges nothing and loses nothing.
	w.set(func() { w.fails["confirm"] = &problem.Error{Kind: problem.Conflict, Code: subscription.CodeFlowEnded} })
	w.shows(w.follow(w.send(again, "pin", "pin", "123456")), 200, "Juegos ilimitados")
	w.set(func() { w.came = subscription.Enrolment{State: subscription.EnrolmentEnded} })
	w.shows(w.send(again, "pin", "pin", "123456"), 409)
	// Where nobody heard the process's answer, the page of results asks, and where nothing was done the PIN's is back.
	w.set(func() {
		w.fails["confirm"], w.came = problem.Timeout, subscription.Enrolment{State: subscription.EnrolmentPending}
	})
	w.shows(w.follow(w.follow(w.send(again, "pin", "pin", "123456"))), 200, `name="pin"`, `role="alert"`)
	w.set(func() { w.fails["confirm"] = problem.Unavailable })
	w.shows(w.send(again, "pin", "pin", "123456"), 503, `name="pin"`)
}

// What the process says of a number, and what a page says then.
func TestNumbersThatAreRefused(t *testing.T) {
	w := newWorld(t, hasty)
	offer := w.get(entry)
	fail := func(kind problem.Kind, code string) error { return &problem.Error{Kind: kind, Code: code} }
	box, partner := `name="msisdn"`, "/ads/juegos/return?"
	said := map[string]string{}
	for name, test := range map[string]struct {
		err    error
		status int
		text   string
	}{
		"invalid":        {fail(problem.Invalid, subscription.CodeMSISDNInvalid), 422, box},
		"unknown":        {fail(problem.Invalid, subscription.CodeMSISDNUnknown), 422, box},
		"other operator": {fail(problem.Invalid, subscription.CodeOtherOperator), 422, box},
		"not eligible":   {fail(problem.Conflict, subscription.CodeNotEligible), 409, partner},
		"barred":         {fail(problem.Conflict, subscription.CodeLineBarred), 409, partner},
		"quota":          {fail(problem.Quota, subscription.CodePINQuota), 429, partner},
		"directory away": {problem.Unavailable, 503, box},
		"slow directory": {problem.Timeout, 504, box},
		"a defect":       {problem.Internal, 500, partner},
	} {
		w.set(func() { w.fails["start"] = test.err })
		p := w.send(offer, "msisdn", "msisdn", `912345678"><i id=x>`)
		t.Log(name)
		w.shows(p, test.status, test.text)
		if strings.Contains(p.text, "<i id") || p.location != "" {
			t.Error("markup was taken over, or nobody was shown anything")
		}
		said[name] = hidden.ReplaceAllString(p.text, "")
	}
	if said["unknown"] != said["other operator"] || said["unknown"] == said["invalid"] || said["not eligible"] == "" {
		t.Error("a page tells whose number it is")
	}
	if p := w.send(offer, "msisdn", "msisdn", "912345678", "operator", "other"); p.status != 422 || len(w.flows) != 0 {
		t.Errorf("%d", p.status)
	}
	w.set(func() { w.fails["start"] = fail(problem.Conflict, subscription.CodeLineBarred) })
	ineligible := w.send(offer, "msisdn", "msisdn", "912345678")
	if p := w.get(returning(t, ineligible)); p.location != "https://partner.example/bad?status=15&tid=QWERT" {
		t.Errorf("to %s", p.location)
	}
}

// Links that lead nowhere, or elsewhere, are answered here.
func TestLinksThatAreWrong(t *testing.T) {
	w := newWorld(t, hasty)
	for name, test := range map[string]struct {
		target string
		fails  error
		status int
	}{
		"no partner":         {"/ads/juegos?serviceId=1&productId=1", nil, 400},
		"a partner of words": {"/ads/juegos?partnerId=x&serviceId=1&productId=1", nil, 400},
		"markup in tid":      {strings.Replace(entry, "QWERT", "%3Cscript%3E", 1), nil, 400},
		"tid twice":          {entry + "&TID=a", nil, 400},
		"a campaign of none": {"/ads/JUEGOS%3Cb?partnerId=1&serviceId=1&productId=1", nil, 404},
		"no path":            {"/ads/juegos/other", nil, 404},
		"not offered":        {entry, &problem.Error{Kind: problem.Conflict, Code: subscription.CodeOfferUnknown}, 404},
		"elsewhere":          {entry + "&SuccessUrl=https%3A%2F%2Fevil.example", &problem.Error{Kind: problem.Rejected, Code: subscription.CodeRedirectNotAllowed}, 400},
		"process away":       {entry, problem.Unavailable, 503},
	} {
		w.set(func() { w.fails["describe"] = test.fails })
		p := w.get(test.target)
		if p.status != test.status || p.location != "" || !strings.HasPrefix(p.header.Get("Content-Type"), "text/html") || strings.Contains(p.text, "evil.example") {
			t.Errorf("%s: %d to %q, %s", name, p.status, p.location, p.header.Get("Content-Type"))
		}
	}
	w.set(func() { clear(w.fails) })
	for name, test := range map[string]struct {
		method, media, body string
		status              int
	}{
		"another method":  {http.MethodPut, "", "", 405},
		"JSON":            {http.MethodPost, "application/json", "{}", 415},
		"too large":       {http.MethodPost, "application/x-www-form-urlencoded", "visit=" + strings.Repeat("a", 9000), 413},
		"without a visit": {http.MethodPost, "application/x-www-form-urlencoded", "pin=1", 400},
	} {
		p := w.ask(test.method, "/ads/juegos/pin", nil, "Content-Type", test.media)
		if test.media != "" {
			form, _ := url.ParseQuery(test.body)
			p = w.ask(test.method, "/ads/juegos/pin", form, "Content-Type", test.media)
		}
		if test.media == "application/json" {
			continue // the form's own media type stands first; see TestMediaType
		}
		if p.status != test.status || !strings.Contains(p.header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: %d %s", name, p.status, p.header.Get("Content-Type"))
		}
	}
}

// What came of a visit, on the page and at the partner.
func TestResults(t *testing.T) {
	w := newWorld(t, hasty)
	next := time.Date(2026, 12, 1, 2, 0, 0, 0, time.UTC)
	tell := strings.Replace(entry, "tid", "tokenEncoded=1&tid", 1)
	for name, test := range map[string]struct {
		came subscription.Enrolment
		link string
		text string // of the page
		to   string // at the partner; empty: nowhere
	}{
		"active":     {subscription.Enrolment{State: subscription.EnrolmentActive, NextCharge: &next}, entry, `content="5;`, "ok?a=1&productId=1020&tid=QWERT"},
		"in clear":   {subscription.Enrolment{State: subscription.EnrolmentActive, MSISDN: "56912345678"}, entry, `content="5;`, "ok?a=1&msisdn=56912345678&productId=1020&tid=QWERT"},
		"token":      {subscription.Enrolment{State: subscription.EnrolmentActive, Redirect: "t/+="}, tell, `content="5;`, "ok?a=1&token=t%2F%2B%3D"},
		"no token":   {subscription.Enrolment{State: subscription.EnrolmentActive}, tell, `content="5;`, "ok?a=1&productId=1020&tid=QWERT"},
		"already":    {subscription.Enrolment{State: subscription.EnrolmentAlready, Redirect: "t"}, tell, `content="0;`, "ok?a=1&token=t"},
		"consented":  {subscription.Enrolment{State: subscription.EnrolmentConsented, Redirect: "t"}, tell, `content="5;`, "ok?a=1&token=t"},
		"declined":   {subscription.Enrolment{State: subscription.EnrolmentDeclined, Reason: subscription.CodeDeclined}, entry, "/ads/juegos?", "bad?status=-1&tid=QWERT"},
		"no balance": {subscription.Enrolment{State: subscription.EnrolmentDeclined, Reason: subscription.CodeInsufficientBalance}, entry, "saldo", "bad?status=-1&tid=QWERT"},
		"ended":      {subscription.Enrolment{State: subscription.EnrolmentEnded}, entry, "/ads/juegos?", "bad?status=15&tid=QWERT"},
		"processing": {subscription.Enrolment{State: subscription.EnrolmentProcessing}, entry, `content="3;`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w.set(func() { w.came = test.came })
			result := w.follow(w.send(w.follow(w.send(w.get(test.link), "msisdn", "msisdn", "912345678")), "pin", "pin", "123456"))
			w.shows(result, 200, test.text)
			if name == "active" && !strings.Contains(result.text, "30") { // of November, in Santiago
				t.Error("no next charge, or in another zone")
			}
			if test.to == "" {
				if strings.Contains(result.text, "/return?") {
					t.Error("sent on before anybody knows")
				}
				return
			}
			if p := w.get(returning(t, result)); p.status != 303 || p.location != "https://partner.example/"+test.to {
				t.Errorf("%d to %s", p.status, p.location)
			}
		})
	}
}

// Both languages, as the link says or the browser wants; and one page is to be had in the other.
func TestLanguages(t *testing.T) {
	w := newWorld(t, hasty)
	for _, test := range []struct{ target, accept, want string }{
		{entry, "", "es"}, {entry, "en-GB,en;q=0.9", "en"}, {entry, "de, en;q=0.5, es;q=0.6", "es"}, {entry + "&lang=en", "es", "en"}, {entry + "&lang=es", "en", "es"}, {entry, "fr", "es"},
	} {
		w.shows(w.get(test.target, "Accept-Language", test.accept), 200, `lang="`+test.want+`"`)
	}
	pin := w.follow(w.send(w.get(entry+"&lang=en"), "msisdn", "msisdn", "912345678"))
	w.shows(pin, 200, `lang="en"`, `hreflang="es"`)
}

func TestFiles(t *testing.T) {
	w := newWorld(t, hasty)
	for _, target := range []string{"/ads/juegos/style.css?c=00407a-ffffff-ffffff-1b1f24&v=1", "/landing/htmx.js?v=1", "/landing/landing.js"} {
		p := w.get(target, "Accept-Encoding", "identity")
		if p.status != 200 || !strings.Contains(p.header.Get("Cache-Control"), "immutable") || p.header.Get("Set-Cookie") != "" || len(p.text) == 0 {
			t.Errorf("%s: %d %v", target, p.status, p.header)
		}
	}
	small := w.get("/landing/htmx.js", "Accept-Encoding", "br;q=1, gzip;q=0.8")
	if small.header.Get("Content-Encoding") != "gzip" || len(small.text) > 20_000 {
		t.Errorf("%d bytes, %s", len(small.text), small.header.Get("Content-Encoding"))
	}
	for _, refused := range []string{"gzip;q=0", "br"} {
		if p := w.get("/landing/htmx.js", "Accept-Encoding", refused); p.header.Get("Content-Encoding") != "" {
			t.Errorf("%s: %s", refused, p.header.Get("Content-Encoding"))
		}
	}
	for target, status := range map[string]int{"/landing/other.js": 404, "/ads/juegos/style.css?c=red": 400} {
		if p := w.get(target); p.status != status {
			t.Errorf("%s: %d", target, p.status)
		}
	}
}

func TestConfig(t *testing.T) {
	for url, good := range map[string]bool{
		"": true, "https://entretenimiento.entel.cl": true, "http://127.0.0.1:8080": true, "http://entretenimiento.entel.cl": false,
		"https://entel.cl/": false, "https://u@entel.cl": false, "entel.cl": false, "https://": false,
	} {
		c := Config{URL: url, Shown: time.Second}
		if err := c.Validate(); (err == nil) != good {
			t.Errorf("%q: %v", url, err)
		}
	}
	if c := (Config{Shown: -1}); c.Validate() == nil {
		t.Error("a page is shown for less than no time")
	}
}
