package landing

import (
	"strings"
	"testing"
	"time"

	"puente/contracts/papi/subscription"
)

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
			if name == "active" && !strings.Contains(result.text, `datetime="2026-11-30"`) { // of November, in Santiago
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
	w.shows(w.get("/ads/juegos/none", "Accept-Language", "en"), 404, `lang="en"`) // refused before anybody read a link
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
