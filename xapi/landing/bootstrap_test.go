package landing

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"puente/contracts/papi/subscription"
	"puente/shared/problem"
)

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

func TestHeadersThatAreTooMany(t *testing.T) {
	request := func(lines int, more ...string) *http.Request {
		r := httptest.NewRequest(http.MethodGet, "/he/juegos", nil)
		r.RemoteAddr = "127.0.0.2:1"
		r.Header.Set("X-MSISDN", "56911111111")
		r.Header.Add("X-Up-Calling-Line-Id", "56922222222")
		for i := range lines {
			r.Header.Set(fmt.Sprintf("X-%d", i), "1")
		}
		for i := 0; i < len(more); i += 2 {
			r.Header.Set(more[i], more[i+1])
		}
		return r
	}
	for name, test := range map[string]struct {
		r    *http.Request
		want int
	}{
		"few":       {request(3), 5},
		"most":      {request(mostHeaders - 2), mostHeaders},
		"too many":  {request(mostHeaders - 1), 0},
		"many":      {request(1000), 0},
		"by TLS":    {request(0, "X-Forwarded-Proto", "https"), 0},
		"by TLS, 2": {request(0, "X-Forwarded-Proto", "http, HTTPS"), 0},
		"a name":    {request(0, strings.Repeat("a", longestName+1), "1"), 0},
	} {
		if got := enrichment(test.r); len(got.Headers) != test.want || got.Peer != "127.0.0.2" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	r := request(0)
	r.TLS = &tls.ConnectionState{}
	if got := enrichment(r); len(got.Headers) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestHeads(t *testing.T) {
	w := newWorld(t, hasty)
	for target, status := range map[string]int{entry + "&he=the-handle": 200, "/he/juegos?partnerId=52272&serviceId=2000001784&productId=1020&other=569": 302, "/landing/htmx.js": 200} {
		p := w.ask(http.MethodHead, target, nil, "X-MSISDN", "56912345678")
		if p.status != status || p.text != "" || strings.Contains(p.location, "he=") || strings.Contains(p.location, "other") {
			t.Errorf("%s: %d to %s", target, p.status, p.location)
		}
	}
	if len(w.handles)+len(w.flows) > 0 {
		t.Error("a head began something")
	}
}
