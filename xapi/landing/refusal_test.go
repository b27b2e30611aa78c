package landing

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"puente/contracts/papi/subscription"
	"puente/shared/problem"
)

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
			p := w.post("/ads/juegos/"+test.step, test.form)
			if p.status != 409 && p.status != 400 || p.location != "" {
				t.Errorf("%d", p.status)
			}
		})
	}
	form := url.Values{"visit": {sealed}, "pin": {"123456"}}
	if p := w.post("/ads/musica/pin", form); p.status != 409 {
		t.Errorf("another campaign: %d", p.status)
	}
	for _, headers := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}} {
		if p := w.post("/ads/juegos/pin", form, headers...); p.status != 409 {
			t.Errorf("%v: %d", headers, p.status)
		}
	}
	w.browser = newBrowser(t)
	if p := w.post("/ads/juegos/pin", form); p.status != 409 {
		t.Errorf("another browser: %d", p.status)
	}
	if p := w.get(onward); p.status != 409 {
		t.Errorf("another browser's page: %d", p.status)
	}
	if len(w.confirmed) != 0 {
		t.Errorf("%d were confirmed", len(w.confirmed))
	}
}

func TestTooSoon(t *testing.T) {
	w := newWorld(t, "xapi: {landing: {shown: 1m}}\n")
	w.shows(w.send(w.onPIN(), "pin", "pin", "123456"), 409, `name="pin"`)
	w.shows(w.send(w.follow(w.get(entry+"&he=the-handle")), "offer"), 409, "****\u00a05678")
	if len(w.confirmed) != 0 {
		t.Error("it was agreed to")
	}
}

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
		p := w.ask(test.method, "/ads/juegos/pin", strings.NewReader(test.body), "Content-Type", test.media)
		if p.status != test.status || !strings.Contains(p.header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: %d %s", name, p.status, p.header.Get("Content-Type"))
		}
	}
}
