package oauth2

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"puente/contracts/sapi/oauth2"
	"puente/shared/config"
	"puente/shared/httpclient"
	"puente/test/sandbox"
	"puente/test/sandbox/fault"
	"puente/test/sandbox/oauthprovider"
	"puente/test/sandbox/sandboxtest"
)

// start makes a system in front of the sandbox's provider, with clients tienda (RS256) and miEtb
// (ES256).
func start(t *testing.T) (*system, *sandboxtest.Sandbox) {
	t.Helper()
	provider := sandboxtest.Start(t, sandbox.Config{Clients: []oauthprovider.Client{
		{ClientID: "tienda", Secret: config.NewSecret("secret-of-tienda"), Scopes: []string{"portabilities"}},
		{ClientID: "miEtb", Secret: config.NewSecret("secret-of-miEtb"), Scopes: []string{"portabilities"}, Algorithm: "ES256"},
	}})
	cfg := defaults()
	cfg.HTTP.URL, cfg.Issuer, cfg.Audience = provider.URL, provider.OAuth.Issuer(), oauthprovider.DefaultAudience
	cfg.HTTP.Breaker.Off = true
	cfg.Introspection.Client, cfg.Introspection.Secret = "tienda", config.NewSecret("secret-of-tienda")
	out := httpclient.New("oauth2-provider", cfg.HTTP, httpclient.Deps{})
	t.Cleanup(out.Close)
	return newSystem(cfg, out), provider
}

func mint(t *testing.T, s *sandboxtest.Sandbox, m oauthprovider.Mint) string {
	t.Helper()
	token, err := s.OAuth.Mint(m)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func verify(t *testing.T, s *system, token string) oauth2.Verdict {
	t.Helper()
	v, err := s.Verify(t.Context(), oauth2.Verification{Token: token, Method: oauth2.MethodJWT})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// kids are the IDs of the provider's published keys, by algorithm.
func kids(t *testing.T, s *sandboxtest.Sandbox) map[string]string {
	t.Helper()
	resp, err := http.Get(s.URL + "/oauth2/jwks.json")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var set struct {
		Keys []struct{ Kid, Alg string }
	}
	if err := json.NewDecoder(resp.Body).Decode(&set); err != nil {
		t.Fatal(err)
	}
	byAlgorithm := map[string]string{}
	for _, k := range set.Keys {
		byAlgorithm[k.Alg] = k.Kid
	}
	return byAlgorithm
}

func TestGoodTokens(t *testing.T) {
	s, provider := start(t)
	for _, client := range []string{"tienda", "miEtb"} {
		v := verify(t, s, mint(t, provider, oauthprovider.Mint{ClientID: client}))
		if !v.Active || v.ClientID != client || len(v.Scopes) != 1 || v.Scopes[0] != "portabilities" || v.Expires <= time.Now().Unix() || v.Reason != "" {
			t.Errorf("%s: %+v", client, v)
		}
	}
	for name, m := range map[string]oauthprovider.Mint{
		"typ in full":               {Headers: map[string]any{"typ": "application/at+jwt"}},
		"typ in capitals":           {Headers: map[string]any{"typ": "AT+JWT"}},
		"audience alone":            {Claims: map[string]any{"aud": oauthprovider.DefaultAudience}},
		"without scope":             {Claims: map[string]any{"scope": nil}},
		"issued a moment from now":  {Claims: map[string]any{"iat": time.Now().Add(10 * time.Second).Unix()}},
		"expired within the leeway": {Life: "-10s"},
	} {
		if v := verify(t, s, mint(t, provider, m)); !v.Active {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

// RFC 8725, RFC 9068 §4. Each of these tokens has one thing wrong with it; what is good about it must
// not matter, and nothing that it names may be fetched.
func TestAttacks(t *testing.T) {
	s, provider := start(t)
	kid := kids(t, provider)
	claims := func(name string, value any) oauthprovider.Mint {
		return oauthprovider.Mint{Claims: map[string]any{name: value}}
	}
	header := func(name string, value any) oauthprovider.Mint {
		return oauthprovider.Mint{Headers: map[string]any{name: value}}
	}
	in := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	jku := provider.URL + "/oauth2/attacker/jwks.json"
	for name, m := range map[string]oauthprovider.Mint{
		"alg none":                        {Algorithm: "none"},
		"alg None":                        {Algorithm: "none", Headers: map[string]any{"alg": "None"}},
		"HS256 under the public key":      {Algorithm: "HS256"},
		"alg of another hash":             header("alg", "RS512"),
		"alg of another padding":          header("alg", "PS256"),
		"alg of another family":           header("alg", "ES256"),
		"alg missing":                     header("alg", nil),
		"EC signature under an RSA key":   {Algorithm: "ES256", Headers: map[string]any{"kid": kid["RS256"]}},
		"RSA signature under an EC key":   {Algorithm: "RS256", Headers: map[string]any{"kid": kid["ES256"]}},
		"another issuer":                  claims("iss", "https://attacker.example"),
		"issuer with a slash behind":      claims("iss", provider.OAuth.Issuer()+"/"),
		"no issuer":                       claims("iss", nil),
		"another audience":                claims("aud", "another"),
		"audiences without ours":          claims("aud", []string{"another", oauthprovider.DefaultAudience + "x"}),
		"no audience":                     claims("aud", nil),
		"audience empty":                  claims("aud", []string{}),
		"no exp":                          claims("exp", nil),
		"exp a text":                      claims("exp", "tomorrow"),
		"exp null in the token":           {RawClaims: `{"iss":"` + provider.OAuth.Issuer() + `","aud":"puente","client_id":"tienda","exp":null}`},
		"expired":                         {Life: "-60s"},
		"lives too long":                  {Life: "48h"},
		"lives for ever":                  claims("exp", 1<<53),
		"not yet valid":                   claims("nbf", in(5*time.Minute)),
		"issued in the future":            claims("iat", in(5*time.Minute)),
		"no client_id":                    claims("client_id", nil),
		"client_id empty":                 claims("client_id", ""),
		"client_id a number":              claims("client_id", 7),
		"an ID token":                     header("typ", "JWT"),
		"no typ":                          header("typ", nil),
		"typ a number":                    header("typ", 1),
		"an embedded key":                 {Key: "attacker", EmbedJWK: true},
		"an embedded key of its own kid":  {Key: "attacker", EmbedJWK: true, Headers: map[string]any{"kid": "attacker"}},
		"a key set's address":             {Key: "attacker", JKU: true},
		"a key set's address, our kid":    {Key: "attacker", JKU: true, Headers: map[string]any{"kid": kid["RS256"]}},
		"a certificate's address":         {Key: "attacker", Headers: map[string]any{"x5u": jku}},
		"an attacker's key under our kid": {Key: "attacker"},
		"kid a path":                      header("kid", "../../dev/null"),
		"kid a query":                     header("kid", "' UNION SELECT 'x"),
		"kid empty":                       header("kid", ""),
		"kid missing":                     header("kid", nil),
		"kid a number":                    header("kid", 1),
		"kid huge":                        header("kid", strings.Repeat("k", 4096)),
		"a critical header":               header("crit", []string{"b64"}),
		"a payload that is not encoded":   {Headers: map[string]any{"b64": false, "crit": []string{"b64"}}},
		"a claim twice":                   {RawClaims: `{"iss":"` + provider.OAuth.Issuer() + `","aud":"puente","client_id":"tienda","client_id":"admin","iat":` + number(in(0)) + `,"exp":` + number(in(time.Minute)) + `}`},
		"claims that are no object":       {RawClaims: `"tienda"`},
		"no claims at all":                {RawClaims: `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			v := verify(t, s, mint(t, provider, m))
			if v.Active || v.Reason == "" || v.ClientID != "" || v.Scopes != nil || v.Subject != "" {
				t.Errorf("%+v", v)
			}
			if strings.ContainsAny(v.Reason, "/'{\"") || len(v.Reason) > 64 {
				t.Errorf("the reason tells what the token says: %q", v.Reason)
			}
		})
	}
	if fetched := provider.Requests(sandbox.Filter{System: "oauth", Operation: "attacker_jwks"}); len(fetched) != 0 {
		t.Errorf("the attacker's keys were fetched %d times", len(fetched))
	}
	if v := verify(t, s, mint(t, provider, oauthprovider.Mint{})); !v.Active {
		t.Errorf("a good token after the attacks: %+v", v)
	}
}

func number(n int64) string { text, _ := json.Marshal(n); return string(text) }

// Tokens that are changed after they were signed, or are not of the compact form.
func TestMangledTokens(t *testing.T) {
	s, provider := start(t)
	good := mint(t, provider, oauthprovider.Mint{})
	parts := strings.Split(good, ".")
	other := strings.Split(mint(t, provider, oauthprovider.Mint{Claims: map[string]any{"client_id": "admin"}}), ".")
	encode := base64.RawURLEncoding.EncodeToString
	for name, token := range map[string]string{
		"other claims":               parts[0] + "." + other[1] + "." + parts[2],
		"another's signature":        parts[0] + "." + parts[1] + "." + other[2],
		"no signature":               parts[0] + "." + parts[1] + ".",
		"two parts":                  parts[0] + "." + parts[1],
		"four parts":                 good + "." + parts[2],
		"five parts":                 parts[0] + ".." + parts[1] + "." + parts[2] + ".x",
		"a dot":                      ".",
		"two dots":                   "..",
		"JSON, flattened":            `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"JSON, two signatures":       `{"payload":"` + parts[1] + `","signatures":[{"protected":"` + parts[0] + `","signature":"` + parts[2] + `"},{"protected":"` + parts[0] + `","signature":"` + other[2] + `"}]}`,
		"white space before":         " " + good,
		"white space behind":         good + "\n",
		"padding":                    good + "=",
		"header that is no JSON":     encode([]byte("alg: RS256")) + "." + parts[1] + "." + parts[2],
		"header with data behind it": encode([]byte(`{"alg":"RS256","typ":"at+jwt","kid":"x"} {}`)) + "." + parts[1] + "." + parts[2],
		"header with alg twice":      encode([]byte(`{"alg":"none","alg":"RS256","typ":"at+jwt","kid":"x"}`)) + "." + parts[1] + "." + parts[2],
		"not base64url":              strings.ReplaceAll(good, "e", "+"),
		"long":                       strings.Repeat("x", 8192),
	} {
		if v := verify(t, s, token); v.Active || v.Reason == "" {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

// While the provider is away good tokens are good, and nobody is called a liar whose key it might know.
func TestProviderAway(t *testing.T) {
	s, provider := start(t)
	good, forged := mint(t, provider, oauthprovider.Mint{}), mint(t, provider, oauthprovider.Mint{Key: "attacker"})
	provider.Fault(t, fault.Fault{System: "oauth", Kind: fault.Status, Status: 503})
	if v, err := s.Verify(t.Context(), oauth2.Verification{Token: good, Method: oauth2.MethodJWT}); err == nil {
		t.Errorf("before any key was read: %+v", v)
	}
	provider.ClearFaults("")
	s.keys.due = time.Time{} // long after
	if v := verify(t, s, good); !v.Active {
		t.Fatalf("%+v", v)
	}
	for _, f := range []fault.Fault{{Kind: fault.Status, Status: 500}, {Kind: fault.Garbage}, {Kind: fault.Reset}, {Kind: fault.GzipBomb}} {
		f.System = "oauth"
		provider.Fault(t, f)
		s.keys.due, s.keys.read = time.Time{}, time.Now().Add(-s.cfg.JWKS.Refresh-time.Second) // long after
		if v := verify(t, s, good); !v.Active {
			t.Errorf("%s: %+v", f.Kind, v)
		}
		if v := verify(t, s, forged); v.Active || v.Reason == "" {
			t.Errorf("%s: %+v", f.Kind, v)
		}
		if v, err := s.Verify(t.Context(), oauth2.Verification{Token: mint(t, provider, oauthprovider.Mint{Headers: map[string]any{"kid": "unknown"}}), Method: oauth2.MethodJWT}); err == nil {
			t.Errorf("%s: a key that the provider might know: %+v", f.Kind, v)
		}
		if v, err := s.Verify(t.Context(), oauth2.Verification{Token: good, Method: oauth2.MethodIntrospection}); err == nil {
			t.Errorf("%s: introspection: %+v", f.Kind, v)
		}
		provider.ClearFaults("")
	}
}

// A token that was taken back is known to introspection at once.
func TestIntrospectionOfTheProvider(t *testing.T) {
	s, provider := start(t)
	token := mint(t, provider, oauthprovider.Mint{})
	ask := func(token string) oauth2.Verdict {
		v, err := s.Verify(t.Context(), oauth2.Verification{Token: token, Method: oauth2.MethodIntrospection})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if v := ask(token); !v.Active || v.ClientID != "tienda" {
		t.Errorf("%+v", v)
	}
	for name, m := range map[string]oauthprovider.Mint{"expired": {Life: "-60s"}, "forged": {Key: "attacker"}} {
		if v := ask(mint(t, provider, m)); v.Active {
			t.Errorf("%s: %+v", name, v)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if v, err := s.Verify(ctx, oauth2.Verification{Token: token, Method: oauth2.MethodIntrospection}); err == nil {
		t.Errorf("a caller that went away: %+v", v)
	}
}
