package landing

import (
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
	if len(w.handles) != 1 || e.Enrichment.Peer != "127.0.0.1" || e.Enrichment.Forwarded != "10.1.2.3" || e.UserAgent != "browser" || e.Campaign != "juegos" ||
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

// Of contradicting headers all are passed on, or none; and none of a request that came by TLS.

// Who asks for a page's head begins nothing.

// An offer that changes while it is shown is shown again before anybody agrees to it.

func TestChangedOffer(t *testing.T) {
	w := newWorld(t, hasty)
	pin := w.onPIN()
	w.set(func() { w.terms.Period = &subscription.Period{Unit: subscription.UnitDay, Count: 1} })
	changed := w.send(pin, "pin", "pin", "123456")
	w.shows(changed, 409, `name="pin"`, `role="alert"`)
	if len(w.confirmed) != 0 {
		t.Error("it was agreed to unseen")
	}
	w.follow(w.send(changed, "pin", "pin", "123456"))
	if len(w.confirmed) != 1 {
		t.Error("it cannot be agreed to")
	}
}

// What a visit is sealed for: one browser, one campaign, one page.

// Nothing is agreed to on a page that nobody can have read.

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

// Links that lead nowhere, or elsewhere, are answered here.

// What came of a visit, on the page and at the partner.

// Both languages, as the link says or the browser wants; and one page is to be had in the other.

// Where others reach the pages, nothing is left to how their requests come.

func TestExposed(t *testing.T) {
	whole := Config{URL: "https://entel.example", Shown: time.Second}
	for name, c := range map[string]Config{"no url": {Shown: time.Second}, "unread": {URL: whole.URL}} {
		if c.fit(false) != nil || c.fit(true) == nil {
			t.Error(name)
		}
	}
	if err := whole.fit(true); err != nil {
		t.Error(err)
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
