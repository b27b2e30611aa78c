package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// hostile are spellings of a URL that is not the partner's; %s is the host of one that is.
var hostile = []string{
	"https://evil.example/", "http://evil.example/partner/2272/return", "//evil.example", "///evil.example", "////evil.example", "https:evil.example", "https:/evil.example", "https:///evil.example",
	"/\\evil.example", "\\\\evil.example", "https:\\\\evil.example", "/evil", "evil.example", "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", "data:text/html,<script>alert(1)</script>",
	"vbscript:x", "file:///etc/passwd", "ftp://%s/partner/2272/return", "http://%s@evil.example/partner/2272/return", "http://evil.example#@%s/partner/2272/return", "http://evil.example?%s/partner/2272/return",
	"http://evil.example\\@%s/partner/2272/return", "http://%s.evil.example/partner/2272/return", "http://user:pass@%s/partner/2272/return", "http://%s%%2f@evil.example/partner/2272/return",
	"http://%s/partner/2272/returned", "http://%s/partner/2272/return/../../60001/return", "http://%s/partner/2272/return/%%2e%%2e/x", "http://%s/partner/2272/return%%2f..%%2fx", "http://%s//partner/2272/return",
	"http://%s/partner/60001/return", "http://%s/PARTNER/2272/return", "http://%s/partner/2272/return#fragment", "http://%s/partner/2272/return\r\nLocation: https://evil.example", "http://%s/partner/2272/return\x00",
	"http://%s/partner/2272/return;x", " http://%s/partner/2272/return", "http://%s /partner/2272/return", "http://2130706433/partner/2272/return", "http://0x7f.1/partner/2272/return", "http://[::ffff:127.0.0.1]/partner/2272/return",
	"http://%s./partner/2272/return", "http://ｅvil.example/", "http://evil。example/", "%%68ttp://%s/partner/2272/return", "http://localhost/partner/2272/return",
}

// No URL that a visitor brings leads off the partner's list (invariant 15): neither by a redirect nor by a link.
func landingRedirects(t *testing.T, p *platform) {
	h, v := p.hub.rest, p.visitor(t)
	host := strings.TrimPrefix(p.sandbox.URL, "http://")
	if len(hostile) < 40 {
		t.Fatal("too few")
	}
	for i, spelling := range hostile {
		brought := strings.ReplaceAll(strings.ReplaceAll(spelling, "%s", host), "%%", "%")
		names := []string{"SuccessUrl", "ErrorUrl", "successurl"}
		if !soaking {
			names = names[i%3:][:1]
		}
		for _, name := range names {
			got := v.get(h.link(name, brought))
			if got.status != http.StatusBadRequest || got.location != "" || strings.Contains(got.text, "evil") || strings.Contains(got.text, "<form") {
				t.Errorf("%s=%q: %d to %q", name, brought, got.status, got.location)
			}
		}
	}
	own := fmt.Sprintf("http://%s/partner/%d/return/deep?token=forged&tid=forged&x=1", host, h.id)
	msisdn := p.hub.line()
	asked, pin := v.atPIN(h, msisdn, "SuccessUrl", own)
	to, err := url.Parse(v.get(v.landed(v.follow(v.send(h, asked, "pin", "pin", pin)))).location)
	if q := to.Query(); err != nil || q.Get("tid") != "QWERT" || q.Get("x") != "1" || q.Has("token") || q.Get("productId") == "" || strings.Contains(to.String(), msisdn[2:]) || !strings.HasSuffix(to.Path, "/return/deep") {
		t.Errorf("to %s, %v", to, err)
	}
}

// Who may not have the product, or gave no number, is told so, and nobody is sent a PIN.
func landingRefusals(t *testing.T, p *platform) {
	h := p.hub.rest
	for name, test := range map[string]struct {
		msisdn string
		status int
	}{
		"no number":      {"", 422},
		"too short":      {"5691234", 422},
		"another plan":   {"51912345678", 422},
		"unknown line":   {p.hub.magic("1404"), 422},
		"other operator": {p.hub.magic("1405"), 422},
		"barred":         {p.hub.magic("1403"), 409},
	} {
		v := p.visitor(t)
		sent := func() int {
			if test.msisdn == "" { // all phones' messages, of others' scenarios, too
				return 0
			}
			return len(p.sandbox.SMSC.Messages(test.msisdn))
		}
		had := sent()
		got := v.send(h, v.get(h.link()), "msisdn", "msisdn", test.msisdn)
		if got.status != test.status || got.location != "" || sent() != had {
			t.Errorf("%s: %d to %q", name, got.status, got.location)
		}
	}
	v, declined := p.visitor(t), p.hub.magic("1402")
	asked, pin := v.atPIN(h, declined)
	result := v.follow(v.send(h, asked, "pin", "pin", pin))
	if !strings.Contains(result.text, "saldo") || strings.Contains(result.text, "/return?") || len(p.notices(t, declined)) > 0 { // no error URL is registered
		t.Errorf("%s", result.text)
	}
	asked, pin = v.atPIN(h, p.hub.magic("1402"), "ErrorUrl", fmt.Sprintf("%s/partner/%d/return/error", p.sandbox.URL, h.id))
	if to := v.get(v.landed(v.follow(v.send(h, asked, "pin", "pin", pin)))).location; !strings.HasSuffix(to, "/return/error?status=-1&tid=QWERT") {
		t.Errorf("to %s", to)
	}
}

// guess is one try of a PIN.
func (v *visitor) guess(h *hubPartner, form url.Values, pin string) (int, error) {
	f := url.Values{"visit": form["visit"], "pin": {pin}}
	got, err := v.try(http.MethodPost, "/ads/"+strings.ToLower(h.keyword)+"/pin", f)
	return got.status, err
}

// wrong is a PIN that differs from the right one.
func wrongPIN(right string, n int) string {
	pin := fmt.Sprintf("%06d", n%1_000_000)
	if pin == right {
		return "999999"
	}
	return pin
}

// Of all guesses three are evaluated, however many come at once or one after the other; then the right PIN is
// refused, too (invariant 12). Every hundred come from an address of their own: it is not the limit of an address
// that refuses them.
func landingGuesses(t *testing.T, p *platform) {
	h, v, msisdn := p.hub.rest, p.visitor(t), p.hub.line()
	asked, right := v.atPIN(h, msisdn)
	form := v.form(asked)
	var group sync.WaitGroup
	for i := range 200 {
		group.Go(func() {
			status, err := v.guess(h, form, wrongPIN(right, i))
			if err != nil || status != 422 && status != 409 && status != 503 { // 503: shed, unseen
				t.Errorf("guess %d: %d, %v", i, status, err)
			}
		})
	}
	group.Wait()
	seen := map[int]int{}
	for i := range campaign(40, 10_000) {
		if i%100 == 0 {
			v = v.moved(t)
		}
		status, err := v.guess(h, form, wrongPIN(right, 1000+i))
		if err != nil || status != 422 && status != 409 {
			t.Fatalf("guess %d: %d, %v", i, status, err)
		}
		seen[status]++
	}
	if status, err := v.guess(h, form, right); err != nil || status != 422 {
		t.Errorf("the right PIN after them: %d, %v", status, err)
	}
	t.Logf("one after the other: %v", seen)
	p.wantEvaluated(t, msisdn)
}

// wantEvaluated wants three tries of any PIN counted at most, and nothing come of a line's.
func (p *platform) wantEvaluated(t *testing.T, msisdn string) {
	t.Helper()
	var tries int
	err := p.connect(t).QueryRow(t.Context(), `SELECT max(tries) FROM subscription.pins`).Scan(&tries)
	if err != nil || tries != 3 {
		t.Errorf("%d tries, %v", tries, err)
	}
	if filed := p.charged(msisdn); len(filed) > 0 {
		t.Errorf("charged: %+v", filed)
	}
}

// A process that is killed forgets no try: two before it and one after it are three (promise 33).
func landingRestarted(t *testing.T, p *platform) {
	h, v, msisdn := p.hub.rest, p.visitor(t), p.hub.line()
	asked, right := v.atPIN(h, msisdn)
	form := v.form(asked)
	try := func(pin string, want int) {
		t.Helper()
		if status, err := v.guess(h, form, pin); err != nil || status != want {
			t.Errorf("%d, %v, want %d", status, err, want)
		}
	}
	try(wrongPIN(right, 1), 422)
	try(wrongPIN(right, 2), 422)
	for _, one := range p.processes {
		one.kill()
		one.start(t)
	}
	p.awaitAccess(t)
	try(wrongPIN(right, 3), 422)
	try(right, 422)
	if filed := p.charged(msisdn); len(filed) > 0 {
		t.Errorf("charged: %+v", filed)
	}
}
