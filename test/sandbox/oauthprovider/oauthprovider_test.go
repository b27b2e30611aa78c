package oauthprovider_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/lestrrat-go/jwx/v3/jwt"

	"puente/shared/config"
	"puente/test/sandbox/oauthprovider"
)

// peer is a provider that listens.
type peer struct {
	*oauthprovider.Provider
	t   *testing.T
	url string
}

func start(t *testing.T, cfg oauthprovider.Config) peer {
	t.Helper()
	cfg.Clients = []oauthprovider.Client{
		{ClientID: "tienda", Secret: config.NewSecret("s3cr+t %/ñ"), Scopes: []string{"portabilities", "status"}, Name: "TIENDA"},
		{ClientID: "kiosk", Secret: config.NewSecret("another"), Scopes: []string{"reconexion"}, Algorithm: "ES256"},
		{ClientID: "unentitled", Secret: config.NewSecret("none")},
	}
	p, err := oauthprovider.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	p.Mount(func(_, pattern string, handler http.HandlerFunc) { mux.Handle(pattern, handler) })
	p.Controls(func(pattern string, handler http.HandlerFunc) { mux.Handle(pattern, handler) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	p.SetIssuer(server.URL)
	return peer{p, t, server.URL}
}

// answer is a response and its JSON.
type answer struct {
	status int
	header http.Header
	text   string
	json   map[string]any
}

// post sends a form; user and secret by Basic unless user is empty.
func (p peer) post(path string, form url.Values, user, secret string) answer {
	p.t.Helper()
	r, err := http.NewRequest("POST", p.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if user != "" {
		r.SetBasicAuth(url.QueryEscape(user), url.QueryEscape(secret)) // RFC 6749 §2.3.1
	}
	return p.do(r)
}

func (p peer) do(r *http.Request) answer {
	p.t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	a := answer{status: resp.StatusCode, header: resp.Header, text: string(body)}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &a.json); err != nil {
			p.t.Fatalf("%s: %v", body, err)
		}
	}
	return a
}

// token asks for one with the rest of the form.
func (p peer) token(more ...string) answer {
	p.t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}}
	for i := 0; i < len(more); i += 2 {
		form.Add(more[i], more[i+1])
	}
	return p.post("/oauth2/token", form, "tienda", "s3cr+t %/ñ")
}

// keys are what the provider publishes.
func (p peer) keys() jwk.Set {
	p.t.Helper()
	resp, err := http.Get(p.url + "/oauth2/jwks.json")
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	set, err := jwk.ParseReader(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return set
}

// verify is a resource server's check of RFC 9068 §4.
func (p peer) verify(text string) (jwt.Token, error) {
	p.t.Helper()
	return jwt.Parse([]byte(text), jwt.WithKeySet(p.keys()), jwt.WithIssuer(p.url), jwt.WithAudience(oauthprovider.DefaultAudience),
		jwt.WithRequiredClaim("exp"), jwt.WithRequiredClaim("client_id"))
}

func TestTokenIsAJWT(t *testing.T) {
	for client, want := range map[[2]string]struct{ algorithm, scope string }{
		{"tienda", "s3cr+t %/ñ"}: {"RS256", "portabilities status"},
		{"kiosk", "another"}:     {"ES256", "reconexion"},
		{"unentitled", "none"}:   {"RS256", ""},
	} {
		t.Run(client[0], func(t *testing.T) {
			p := start(t, oauthprovider.Config{})
			got := p.post("/oauth2/token", url.Values{"grant_type": {"client_credentials"}}, client[0], client[1])
			if got.status != 200 || got.json["token_type"] != "Bearer" || got.json["expires_in"] != 300.0 || got.json["scope"] != want.scope {
				t.Fatalf("%d %s", got.status, got.text)
			}
			if got.header.Get("Cache-Control") != "no-store" || got.header.Get("Pragma") != "no-cache" {
				t.Errorf("may be cached: %v", got.header)
			}
			text := got.json["access_token"].(string)
			claims, err := p.verify(text)
			if err != nil {
				t.Fatal(err)
			}
			message, err := jws.Parse([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			header := message.Signatures()[0].ProtectedHeaders()
			algorithm, _ := header.Algorithm()
			typ, _ := header.Type()
			if algorithm.String() != want.algorithm || typ != "at+jwt" {
				t.Errorf("alg %s, typ %s", algorithm, typ)
			}
			var id, scope string
			subject, _ := claims.Subject()
			jti, _ := claims.JwtID()
			issued, _ := claims.IssuedAt()
			expires, _ := claims.Expiration()
			if claims.Get("client_id", &id) != nil || claims.Get("scope", &scope) != nil || id != client[0] || subject != client[0] ||
				scope != want.scope || jti == "" || expires.Sub(issued) != 300*time.Second {
				t.Errorf("claims of %s", text)
			}
		})
	}
}

func TestScopeAndResource(t *testing.T) {
	p := start(t, oauthprovider.Config{TokenLife: time.Minute})
	for _, c := range []struct {
		name   string
		form   []string
		status int
		want   string // scope, or the error
	}{
		{"one of two", []string{"scope", "status"}, 200, "status"},
		{"twice the same", []string{"scope", "status status"}, 200, "status"},
		{"empty is none", []string{"scope", ""}, 200, "portabilities status"},
		{"not held", []string{"scope", "reconexion"}, 400, "invalid_scope"},
		{"one not held", []string{"scope", "status root"}, 400, "invalid_scope"},
		{"malformed", []string{"scope", "status  portabilities"}, 400, "invalid_scope"},
		{"quoted", []string{"scope", `"status"`}, 400, "invalid_scope"},
		{"relative resource", []string{"resource", "/portabilities"}, 400, "invalid_target"},
		{"resource with fragment", []string{"resource", "https://api.example/#a"}, 400, "invalid_target"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := p.token(c.form...)
			if got.status != c.status || got.json["scope"] != c.want && got.json["error"] != c.want {
				t.Errorf("%d %s", got.status, got.text)
			}
		})
	}
	got := p.token("resource", "https://a.example", "resource", "https://b.example")
	claims, err := jwt.Parse([]byte(got.json["access_token"].(string)), jwt.WithKeySet(p.keys()))
	if err != nil {
		t.Fatal(err)
	}
	if audience, _ := claims.Audience(); !slices.Equal(audience, []string{"https://a.example", "https://b.example"}) || got.json["expires_in"] != 60.0 {
		t.Errorf("aud %v, %s", audience, got.text)
	}
}

// RFC 6749 §5.2.
func TestTokenErrors(t *testing.T) {
	p := start(t, oauthprovider.Config{})
	const secret = "s3cr+t %/ñ"
	good := url.Values{"grant_type": {"client_credentials"}}
	with := func(more ...string) url.Values {
		form := url.Values{"grant_type": {"client_credentials"}}
		for i := 0; i < len(more); i += 2 {
			form.Add(more[i], more[i+1])
		}
		return form
	}
	for _, c := range []struct {
		name         string
		path         string
		form         url.Values
		user, secret string
		status       int
		code         string
	}{
		{"by the form", "", with("client_id", "tienda", "client_secret", secret), "", "", 200, ""},
		{"no client", "", good, "", "", 401, "invalid_client"},
		{"unknown client", "", good, "nobody", secret, 401, "invalid_client"},
		{"wrong secret", "", good, "tienda", "wrong", 401, "invalid_client"},
		{"empty secret", "", good, "tienda", "", 401, "invalid_client"},
		{"wrong secret in the form", "", with("client_id", "tienda", "client_secret", "wrong"), "", "", 401, "invalid_client"},
		{"both ways", "", with("client_id", "tienda", "client_secret", secret), "tienda", secret, 400, "invalid_request"},
		{"another client_id", "", with("client_id", "kiosk"), "tienda", secret, 400, "invalid_request"},
		{"secret in the query", "?client_id=tienda&client_secret=s", good, "", "", 400, "invalid_request"},
		{"no grant", "", url.Values{}, "tienda", secret, 400, "invalid_request"},
		{"another grant", "", url.Values{"grant_type": {"password"}}, "tienda", secret, 400, "unsupported_grant_type"},
		{"grant in the query", "?grant_type=client_credentials", url.Values{}, "tienda", secret, 400, "invalid_request"},
		{"parameter twice", "", with("scope", "status", "scope", "status"), "tienda", secret, 400, "invalid_request"},
		{"another format", "", with("token_format", "saml"), "tienda", secret, 400, "invalid_request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := p.post("/oauth2/token"+c.path, c.form, c.user, c.secret)
			code, _ := got.json["error"].(string)
			if got.status != c.status || code != c.code || got.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%d %s", got.status, got.text)
			}
			if challenge := got.header.Get("WWW-Authenticate"); (c.status == 401 && c.user != "") != strings.HasPrefix(challenge, "Basic") {
				t.Errorf("WWW-Authenticate: %q", challenge)
			}
		})
	}
	r, err := http.NewRequest("POST", p.url+"/oauth2/token", strings.NewReader(`{"grant_type":"client_credentials"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if got := p.do(r); got.status != 400 || got.json["error"] != "invalid_request" {
		t.Errorf("a body that is no form: %d %s", got.status, got.text)
	}
}

func TestIntrospectAndRevoke(t *testing.T) {
	for _, format := range []oauthprovider.Format{oauthprovider.JWT, oauthprovider.Opaque} {
		t.Run(string(format), func(t *testing.T) {
			now := time.Now()
			p := start(t, oauthprovider.Config{Now: func() time.Time { return now }})
			text := p.token("token_format", string(format), "scope", "status").json["access_token"].(string)
			if (strings.Count(text, ".") == 2) != (format == oauthprovider.JWT) {
				t.Fatalf("token %s", text)
			}
			introspect := func(token string) answer {
				return p.post("/oauth2/introspect", url.Values{"token": {token}}, "kiosk", "another")
			}
			active := func() bool { return introspect(text).json["active"] == true }

			got := introspect(text)
			if got.status != 200 || got.json["active"] != true || got.json["scope"] != "status" || got.json["client_id"] != "tienda" ||
				got.json["exp"] != float64(now.Unix()+300) || got.json["iss"] != p.url || got.json["token_type"] != "Bearer" {
				t.Errorf("%d %s", got.status, got.text)
			}
			for _, other := range []string{text + "x", "x", strings.Repeat("x", 10_000)} {
				if got := introspect(other); got.status != 200 || strings.TrimSpace(got.text) != `{"active":false}` {
					t.Errorf("%.20s: %d %s", other, got.status, got.text)
				}
			}
			if got := p.post("/oauth2/introspect", url.Values{"token": {text}}, "", ""); got.status != 401 {
				t.Errorf("without authentication: %d", got.status)
			}
			if got := p.post("/oauth2/introspect", url.Values{}, "kiosk", "another"); got.status != 400 || got.json["error"] != "invalid_request" {
				t.Errorf("without token: %d %s", got.status, got.text)
			}

			revoke := func(token, user, secret string) answer {
				return p.post("/oauth2/revoke", url.Values{"token": {token}, "token_type_hint": {"access_token"}}, user, secret)
			}
			if got := revoke(text, "kiosk", "another"); got.status != 400 || got.json["error"] != "invalid_grant" || !active() {
				t.Errorf("another client revokes: %d %s", got.status, got.text)
			}
			if got := revoke("x", "tienda", "s3cr+t %/ñ"); got.status != 200 {
				t.Errorf("an unknown token: %d", got.status)
			}
			if got := revoke(text, "tienda", "s3cr+t %/ñ"); got.status != 200 || active() {
				t.Errorf("its client revokes: %d %s, active %v", got.status, got.text, active())
			}
			if l := p.Effects(); len(l.Tokens) != 1 || !l.Tokens[0].Revoked || l.Tokens[0].ClientID != "tienda" {
				t.Errorf("ledger %+v", l)
			}

			text = p.token("token_format", string(format)).json["access_token"].(string)
			if err := p.Reset(); err != nil || len(p.Effects().Tokens) != 0 || !active() {
				t.Errorf("after a reset %+v, active %v, %v", p.Effects(), active(), err)
			}
			now = now.Add(299 * time.Second)
			if !active() {
				t.Error("expired early")
			}
			now = now.Add(time.Second)
			if active() {
				t.Error("never expires")
			}
		})
	}
}

func TestRotate(t *testing.T) {
	p := start(t, oauthprovider.Config{})
	rotate := func(query string) answer {
		return p.post("/_sandbox/oauth/rotate"+query, nil, "", "")
	}
	good := func(text string) bool { _, err := p.verify(text); return err == nil }
	first := p.token().json["access_token"].(string)
	if p.keys().Len() != 2 {
		t.Fatalf("%d keys at first", p.keys().Len())
	}
	if got := rotate(""); got.status != 200 || len(got.json["active"].([]any)) != 2 || len(got.json["previous"].([]any)) != 2 {
		t.Errorf("%d %s", got.status, got.text)
	}
	second := p.token().json["access_token"].(string)
	if !good(first) || !good(second) || p.keys().Len() != 4 {
		t.Error("one rotation spoils a token")
	}
	rotate("")
	third := p.token().json["access_token"].(string)
	if good(first) || !good(second) || !good(third) || p.keys().Len() != 4 {
		t.Error("two rotations must spoil the first token, and only it")
	}
	rotate("?drop=true")
	if good(second) || good(third) || p.keys().Len() != 2 || !good(p.token().json["access_token"].(string)) {
		t.Error("a dropped key still verifies, or the new one does not")
	}
	if got := rotate("?drop=perhaps"); got.status != 400 {
		t.Errorf("%d %s", got.status, got.text)
	}
	keys := p.keys()
	for i := range keys.Len() {
		key, _ := keys.Key(i)
		if private, err := jwk.IsPrivateKey(key); err != nil || private {
			t.Errorf("publishes a private key, or %v", err)
		}
	}
}

func TestMetadata(t *testing.T) {
	p := start(t, oauthprovider.Config{})
	r, err := http.NewRequest("GET", p.url+"/.well-known/oauth-authorization-server", nil)
	if err != nil {
		t.Fatal(err)
	}
	got := p.do(r)
	for name, want := range map[string]string{
		"issuer": p.url, "token_endpoint": p.url + "/oauth2/token", "jwks_uri": p.url + "/oauth2/jwks.json",
		"introspection_endpoint": p.url + "/oauth2/introspect", "revocation_endpoint": p.url + "/oauth2/revoke",
	} {
		if got.json[name] != want {
			t.Errorf("%s: %v", name, got.json[name])
		}
	}
	if _, listed := got.json["response_types_supported"]; !listed { // RFC 8414 §2: required
		t.Error("no response_types_supported")
	}
}

func TestConfigIsChecked(t *testing.T) {
	one := oauthprovider.Client{ClientID: "a", Secret: config.NewSecret("b")}
	for name, cfg := range map[string]oauthprovider.Config{
		"twice":     {Clients: []oauthprovider.Client{one, one}},
		"no secret": {Clients: []oauthprovider.Client{{ClientID: "a"}}},
		"no id":     {Clients: []oauthprovider.Client{{Secret: config.NewSecret("b")}}},
		"scope":     {Clients: []oauthprovider.Client{{ClientID: "a", Secret: config.NewSecret("b"), Scopes: []string{"a b"}}}},
		"algorithm": {Clients: []oauthprovider.Client{{ClientID: "a", Secret: config.NewSecret("b"), Algorithm: "none"}}},
		"format":    {TokenFormat: "saml"},
	} {
		if _, err := oauthprovider.New(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
