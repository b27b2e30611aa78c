package sandbox_test

import (
	"encoding/json"
	"html"
	"strings"
	"testing"

	"puente/test/sandbox"
	"puente/test/sandbox/partner"
	"puente/test/sandbox/sandboxtest"
)

func TestPartner(t *testing.T) {
	s := sandboxtest.Start(t, sandbox.Config{})
	const subscriptions = "/partner/52272/subscriptions"
	says(t, s, "POST", subscriptions, `{"updateType":0}`, 200, `{"message":"Operación con éxito","status":"0"}`)
	says(t, s, "POST", "/partner/52272/charges", `{"updateType":2}`, 200, `{"message":"Operación con éxito","status":"0"}`)
	if got := call(t.Context(), "POST", s.URL+subscriptions, `{`); got.status != 400 || !strings.Contains(got.body, `"-1"`) {
		t.Errorf("no JSON: %+v", got)
	}
	if got := call(t.Context(), "POST", s.URL+"/_sandbox/partner/settings", `{"status":"7"}`); got.status != 400 {
		t.Errorf("a status that there is none: %+v", got)
	}
	says(t, s, "POST", "/_sandbox/partner/settings", `{"status":"15"}`, 200, `{"status":"15"}`)
	says(t, s, "POST", subscriptions, `{"updateType":1}`, 200, `{"message":"Flujo incorrecto","status":"15"}`)
	got := s.Partner.Receipts()
	if len(got) != 3 || got[0].Partner != "52272" || got[0].Operation != "notifySubscription" || got[1].Operation != "notifyCharge" || string(got[2].Body) != `{"updateType":1}` {
		t.Errorf("%+v", got)
	}
	if err := s.Partner.Reset(); err != nil || len(s.Partner.Receipts()) != 0 {
		t.Error("receipts are left", err)
	}
}

// The tokens are the vectors of the partner hub specification, §8.
func TestReturn(t *testing.T) {
	s := operator(t)
	const (
		back = "/partner/52272/return"
		ecb  = "?token=9YBqwdypNtWYck7RNbX1iYXgsI4l13YZHF1oVsZ%2FSkrEwLx0kgb%2BmSniq%2F4pwcC7"
		gcm  = "?token=v2.k1.AAECAwQFBgcICQoLGNOCTesr5pme60mdQP_jNMU5Nr4fjUK_GOyLhIgVnLSNmy7wNahg5kr8DgoWmc6OX_g"
		ecbK = `{"scheme":"ecb-pkcs5","keys":[{"id":"k1","secret":"MDEyMzQ1Njc4OWFiY2RlZg=="}]}`
		gcmK = `{"scheme":"gcm","keys":[{"id":"k1","secret":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}]}`
	)
	shows := func(query string, parts ...string) {
		t.Helper()
		got := call(t.Context(), "GET", s.URL+back+query, "")
		for _, part := range parts {
			if !strings.Contains(html.UnescapeString(got.body), part) {
				t.Errorf("%s: %q is not in %d %s", query, part, got.status, got.body)
			}
		}
		if policy := got.header.Get("Content-Security-Policy"); got.status != 200 || !strings.Contains(policy, "default-src 'none'") || strings.Contains(got.body, "<script") {
			t.Errorf("%s: %d %s", query, got.status, policy)
		}
	}
	keys := func(text string, status int) {
		t.Helper()
		if got := call(t.Context(), "POST", s.URL+"/_sandbox/partner/52272/keys", text); got.status != status {
			t.Errorf("%s: %d %s", text, got.status, got.body)
		}
	}
	shows(ecb, "no tiene claves aquí", "9YBqwdypNtWYck7RNbX1iYXgsI4l13YZHF1oVsZ/SkrEwLx0kgb+mSniq/4pwcC7")
	keys(ecbK, 204)
	shows(ecb, "<code>56912345678</code>", "<code>1020</code>", "<code>159</code>", "2022-03-23 01:46:40.000 UTC")
	shows(gcm, "No se puede leer")
	if err := s.Reset(); err != nil { // and the keys stay
		t.Fatal(err)
	}
	shows(ecb, "<code>56912345678</code>")
	keys(gcmK, 204)
	shows(gcm, "<code>56912345678</code>", "<code>159</code>")
	shows("?tid=QWERT&status=15", "La suscripción no se hizo", "QWERT", "Flujo incorrecto")
	shows("?tid=QWERT&productId=1020", "sin token", "<code>1020</code>")
	shows("", "no trajo nada")
	for _, text := range []string{`{`, `{"scheme":"rot13"}`, `{"scheme":"gcm","keys":[{"id":"k1","secret":"AAAA"}]}`, `{"no":1}`} {
		keys(text, 400)
	}
	call(t.Context(), "GET", s.URL+back+"?tid=%3Cb%3E", "", "Referer", "http://127.0.0.1:8080/ads/juegos")
	var ledger struct {
		Returns []partner.Return `json:"returns"`
	}
	shown := call(t.Context(), "GET", s.URL+"/_sandbox/ledger/partner", "")
	if err := json.Unmarshal([]byte(shown.body), &ledger); err != nil || len(ledger.Returns) != 6 {
		t.Fatalf("%v: %s", err, shown.body)
	}
	first, last := ledger.Returns[0], ledger.Returns[5]
	if first.Partner != "52272" || first.Claim == nil || first.Claim.MSISDN != "56912345678" || first.Referer != "" || !first.At.Equal(now) {
		t.Errorf("%+v", first)
	}
	if last.TID != "<b>" || last.Query != "tid=%3Cb%3E" || last.Referer != "http://127.0.0.1:8080/ads/juegos" || last.Claim != nil {
		t.Errorf("%+v", last)
	}
	if page := call(t.Context(), "GET", s.URL+back+"?tid=%3Cb%3E", ""); strings.Contains(page.body, "<b>") {
		t.Errorf("%+v", page)
	}
}
