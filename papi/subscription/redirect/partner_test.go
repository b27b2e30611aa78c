package redirect_test

import (
	"testing"
	"time"

	"puente/papi/subscription/catalogue/cataloguetest"
	"puente/papi/subscription/redirect"
)

// The sample's partner has the key of the specification's vectors (§8).
func TestTokensByAPartnersDocument(t *testing.T) {
	c := cataloguetest.Sample(t)
	made := time.UnixMilli(1648000000000)
	want := redirect.Claims{MSISDN: "56912345678", ProductID: 1020, TID: "159", At: made}
	partner := func(redirects string) *redirect.Tokens {
		t.Helper()
		c.Apply("partners", "52272", `{"name":"Juegos SpA","country":"CL","environment":"STAGING","notify":{},"sandboxMsisdns":["560000000000"],"redirect":`+redirects+`}`)
		p, _ := c.Snapshot().Partner(52272)
		tokens, err := redirect.Of(p)
		if err != nil {
			t.Fatal(err)
		}
		return tokens
	}
	gcm := partner(`{"keys":[{"id":"k1","secret":"` + cataloguetest.Key32 + `"}]}`)
	const vector = "v2.k1.AAECAwQFBgcICQoLGNOCTesr5pme60mdQP_jNMU5Nr4fjUK_GOyLhIgVnLSNmy7wNahg5kr8DgoWmc6OX_g"
	if got, err := gcm.Open(vector, made); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	ecb := partner(`{"scheme":"ecb-pkcs5","timed":false,"keys":[{"id":"k1","secret":"MDEyMzQ1Njc4OWFiY2RlZg=="}]}`)
	want.At = time.Time{}
	if got, err := ecb.Open("9YBqwdypNtWYck7RNbX1iWNxSk26+ryeFeu2PAs9D90=", made); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := gcm.Seal(redirect.Claims{MSISDN: "560000000000", ProductID: 1, At: made}); err != nil {
		t.Error("a number that the partner may use in STAGING:", err)
	}
	if _, err := gcm.Seal(redirect.Claims{MSISDN: "560000000001", ProductID: 1, At: made}); err == nil {
		t.Error("any other number")
	}
	c.Apply("partners", "52272", `{"name":"Juegos SpA","country":"CL","environment":"PROD","notify":{},"redirect":{}}`)
	p, _ := c.Snapshot().Partner(52272)
	if _, err := redirect.Of(p); err == nil {
		t.Error("tokens without a key")
	}
}
