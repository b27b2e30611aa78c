package oauthprovider_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/lestrrat-go/jwx/v3/jwt"

	"puente/test/sandbox/oauthprovider"
)

// mint asks for a token made to order.
func (p peer) mint(order string) answer {
	p.t.Helper()
	r, err := http.NewRequest("POST", p.url+"/_sandbox/oauth/mint", strings.NewReader(order))
	if err != nil {
		p.t.Fatal(err)
	}
	return p.do(r)
}

// parts are a token's header and claims.
func parts(t *testing.T, text string) (header, claims map[string]any) {
	t.Helper()
	fields := strings.Split(text, ".")
	if len(fields) != 3 {
		t.Fatalf("%s is no JWS", text)
	}
	for i, into := range []*map[string]any{&header, &claims} {
		raw, err := base64.RawURLEncoding.DecodeString(fields[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, into); err != nil {
			t.Fatal(err)
		}
	}
	return header, claims
}

// Every order but the good ones makes a token that a strict verifier refuses.
func TestMint(t *testing.T) {
	p := start(t, oauthprovider.Config{})
	if err := p.Rotate(false); err != nil {
		t.Fatal(err)
	}
	for order, good := range map[string]bool{
		``:                                     true,
		`{"alg":"ES256"}`:                      true,
		`{"key":"previous"}`:                   true,
		`{"clientId":"kiosk"}`:                 true,
		`{"life":"1h"}`:                        true,
		`{"life":"-60s"}`:                      false,
		`{"claims":{"exp":1}}`:                 false,
		`{"claims":{"exp":null}}`:              false,
		`{"claims":{"aud":"another"}}`:         false,
		`{"claims":{"iss":"https://other"}}`:   false,
		`{"alg":"none"}`:                       false,
		`{"alg":"HS256"}`:                      false,
		`{"key":"attacker"}`:                   false,
		`{"key":"attacker","alg":"ES256"}`:     false,
		`{"key":"attacker","embedJwk":true}`:   false,
		`{"key":"attacker","jku":true}`:        false,
		`{"headers":{"kid":null}}`:             false,
		`{"headers":{"kid":"../../dev/null"}}`: false,
		`{"rawClaims":"{\"exp\":9999999999}"}`: false,
		`{"claims":{"nbf":9999999999}}`:        false,
		`{"key":"attacker","headers":{"x5u":"http://127.0.0.1/"}}`: false,
	} {
		t.Run(order, func(t *testing.T) {
			got := p.mint(order)
			if got.status != 200 {
				t.Fatalf("%d %s", got.status, got.text)
			}
			if _, err := p.verify(got.json["access_token"].(string)); (err == nil) != good {
				t.Errorf("verifies: %v", err)
			}
		})
	}
	if n := len(p.Effects().Tokens); n != 0 {
		t.Errorf("the ledger shows %d tokens", n)
	}
}

func TestMintSaysWhatItCannot(t *testing.T) {
	p := start(t, oauthprovider.Config{})
	for order, part := range map[string]string{
		`{"alg":"PS256"}`:     "alg",
		`{"key":"mine"}`:      "key",
		`{"key":"previous"}`:  "key",
		`{"life":"long"}`:     "life",
		`{"clientId":"none"}`: "clientId",
		`{"claim":{}}`:        "claim",
		`[]`:                  "",
	} {
		if got := p.mint(order); got.status != 400 || !strings.Contains(got.text, part) {
			t.Errorf("%s: %d %s", order, got.status, got.text)
		}
	}
}

// The attacks are real: a verifier that makes the mistake accepts the token.
func TestMintedAttacksHitAWeakVerifier(t *testing.T) {
	p := start(t, oauthprovider.Config{})
	text := func(order string) string { return p.mint(order).json["access_token"].(string) }

	t.Run("public key as HMAC secret", func(t *testing.T) {
		keys := p.keys()
		for i := range keys.Len() {
			key, _ := keys.Key(i)
			if key.KeyType() != jwa.RSA() {
				continue
			}
			secret, err := jwk.Pem(key)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := jwt.Parse([]byte(text(`{"alg":"HS256"}`)), jwt.WithKey(jwa.HS256(), secret)); err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("embedded key", func(t *testing.T) {
		token := text(`{"key":"attacker","embedJwk":true}`)
		header, _ := parts(t, token)
		raw, err := json.Marshal(header["jwk"])
		if err != nil {
			t.Fatal(err)
		}
		key, err := jwk.ParseKey(raw)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := jws.Verify([]byte(token), jws.WithKey(jwa.RS256(), key)); err != nil {
			t.Error(err)
		}
	})
	t.Run("key of the attacker's address", func(t *testing.T) {
		token := text(`{"key":"attacker","jku":true,"alg":"ES256"}`)
		header, _ := parts(t, token)
		resp, err := http.Get(header["jku"].(string))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		set, err := jwk.Parse(body)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := jws.Verify([]byte(token), jws.WithKeySet(set)); err != nil {
			t.Error(err)
		}
	})
	t.Run("unsigned", func(t *testing.T) {
		header, claims := parts(t, text(`{"alg":"none"}`))
		if header["alg"] != "none" || claims["client_id"] != "tienda" {
			t.Errorf("%v %v", header, claims)
		}
	})
	t.Run("claim twice", func(t *testing.T) {
		token := text(`{"rawClaims":"{\"scope\":\"a\",\"scope\":\"b\"}"}`)
		raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
		if err != nil || string(raw) != `{"scope":"a","scope":"b"}` {
			t.Errorf("%s, %v", raw, err)
		}
	})
	t.Run("ID token", func(t *testing.T) {
		if header, claims := parts(t, text(`{"headers":{"typ":"JWT"},"claims":{"aud":"tienda","nonce":"n"}}`)); header["typ"] != "JWT" || claims["aud"] != "tienda" {
			t.Errorf("%v %v", header, claims)
		}
	})
}
