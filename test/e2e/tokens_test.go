package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"puente/test/sandbox"
	"puente/test/sandbox/fault"
	"puente/test/sandbox/oauthprovider"
)

// Challenges of RFC 6750 §3.
const (
	challengeNone    = `Bearer realm="puente"`
	challengeInvalid = `Bearer realm="puente", error="invalid_token"`
	challengeScope   = `Bearer realm="puente", error="insufficient_scope", scope="portabilities"`
)

// wantDenied checks a refusal that the token gave rise to.
func wantDenied(t testing.TB, a answer, status int, challenge string) {
	t.Helper()
	wantProblem(t, a, status, map[int]string{401: "UNAUTHORIZED", 403: "FORBIDDEN"}[status])
	if got := a.header.Get("WWW-Authenticate"); got != challenge {
		t.Errorf("WWW-Authenticate %q, want %q", got, challenge)
	}
}

// tokens: every token that is not good is refused in the documented form, before anything is done
// and on every route alike.
func tokens(t *testing.T, p *platform) {
	c := p.caller(t)
	mint := func(m oauthprovider.Mint) string {
		m.ClientID = c.id
		token, err := p.sandbox.OAuth.Mint(m)
		if err != nil {
			t.Fatal(err)
		}
		return "Bearer " + token
	}
	good := mint(oauthprovider.Mint{})
	payload := strings.Split(good, ".")[1]
	for name, authorization := range map[string]string{
		"1 character": "Bearer x", "3 characters": "Bearer abc", "5 characters": "Bearer abcde", "no token": "Bearer ", "only Bearer": "Bearer",
		"Basic": "Basic " + payload, "no scheme": strings.TrimPrefix(good, "Bearer "), "two tokens": good + " " + payload, "not ASCII": "Bearer " + strings.Repeat("ñ", 20),
		"malformed": "Bearer " + strings.Repeat("x", 40), "cut off": good[:len(good)-5], "no signature": good[:strings.LastIndex(good, ".")+1],
		"another payload": strings.Replace(good, payload, payload[:len(payload)-4]+"AAAA", 1), "16,000 characters": "Bearer " + strings.Repeat("x", 16000),
		"expired":             mint(oauthprovider.Mint{Life: "-60s"}),
		"no expiry":           mint(oauthprovider.Mint{Claims: map[string]any{"exp": nil}}),
		"not yet valid":       mint(oauthprovider.Mint{Claims: map[string]any{"nbf": time.Now().Add(time.Hour).Unix()}}),
		"lives for ever":      mint(oauthprovider.Mint{Life: "87600h"}),
		"foreign audience":    mint(oauthprovider.Mint{Claims: map[string]any{"aud": "another"}}),
		"no audience":         mint(oauthprovider.Mint{Claims: map[string]any{"aud": nil}}),
		"foreign issuer":      mint(oauthprovider.Mint{Claims: map[string]any{"iss": "https://issuer.example"}}),
		"no issuer":           mint(oauthprovider.Mint{Claims: map[string]any{"iss": nil}}),
		"no client":           mint(oauthprovider.Mint{Claims: map[string]any{"client_id": nil}}),
		"claim twice":         mint(oauthprovider.Mint{RawClaims: fmt.Sprintf(`{"iss":%q,"aud":"puente","client_id":%q,"exp":%d,"scope":"x","scope":"portabilities"}`, p.sandbox.URL, c.id, time.Now().Add(time.Minute).Unix())}),
		"alg none":            mint(oauthprovider.Mint{Algorithm: "none"}),
		"HS256 by public key": mint(oauthprovider.Mint{Algorithm: "HS256"}),
		"foreign key":         mint(oauthprovider.Mint{Key: "attacker"}),
		"foreign key along":   mint(oauthprovider.Mint{Key: "attacker", EmbedJWK: true}),
		"foreign key by URL":  mint(oauthprovider.Mint{Key: "attacker", JKU: true}),
		"kid of a file":       mint(oauthprovider.Mint{Headers: map[string]any{"kid": "../../dev/null"}}),
		"kid of SQL":          mint(oauthprovider.Mint{Headers: map[string]any{"kid": "' or 1=1 --"}}),
		"no kid":              mint(oauthprovider.Mint{Headers: map[string]any{"kid": nil}}),
		"ID token":            mint(oauthprovider.Mint{Headers: map[string]any{"typ": "JWT"}}),
		"critical header":     mint(oauthprovider.Mint{Headers: map[string]any{"crit": []string{"x"}, "x": 1}}),
	} {
		for path, body := range map[string]string{portabilidades: order(p.phone(), nil), portability: order(p.phone(), nil), statusPath: lookup(p.phone())} {
			t := of(t, name, path)
			a := c.post(t, path, body, "Authorization", authorization, "X-Correlation-ID", c.correlation())
			wantDenied(t, a, 401, challengeInvalid)
			if got := p.received(a.correlation(), ""); len(got) > 0 {
				t.Errorf("%s: BotService received %+v", name, got)
			}
		}
	}
	if asked := p.sandbox.Requests(sandbox.Filter{System: "oauth", Operation: "attacker_jwks"}); len(asked) > 0 {
		t.Errorf("the attacker's keys were asked for: %+v", asked)
	}
	wantDenied(t, c.nip(t, p.phone(), "Authorization", ""), 401, challengeNone)
	bare := strings.TrimPrefix(good, "Bearer ")
	for _, target := range []string{portabilidades + "?access_token=" + bare, portabilidades + "?token=" + bare} {
		wantDenied(t, c.post(t, target, order(p.phone(), nil), "Authorization", ""), 401, challengeNone)
	}
	body := order(p.phone(), nil)
	two := p.exchange(t, c.request(portabilidades, fmt.Sprintf("Authorization: Bearer %s\r\nContent-Length: %d\r\n", bare, len(body)), body))
	if two.StatusCode != 401 || two.Header.Get("WWW-Authenticate") != challengeInvalid {
		t.Errorf("two Authorization headers: %d %v", two.StatusCode, two.Header)
	}
	if huge := p.exchange(t, fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", portabilidades, strings.Repeat("x", 1<<20))); huge.StatusCode != 431 {
		t.Errorf("a token of 1 MB: %d", huge.StatusCode)
	}
	for _, scheme := range []string{"Bearer ", "bearer ", "BEARER "} {
		c.wantNIP(t, c.nip(t, p.phone(), "Authorization", scheme+bare))
	}
	c.wantNIP(t, c.nip(t, p.phone(), "Authorization", mint(oauthprovider.Mint{Algorithm: "ES256"})))

	wantDenied(t, c.nip(t, p.phone(), "Authorization", mint(oauthprovider.Mint{Claims: map[string]any{"scope": "another"}})), 403, challengeScope)
	wantDenied(t, c.nip(t, p.phone(), "Authorization", mint(oauthprovider.Mint{Claims: map[string]any{"scope": "portabilities2 xportabilities"}})), 403, challengeScope)
	wantDenied(t, c.nip(t, p.phone(), "Authorization", mint(oauthprovider.Mint{Claims: map[string]any{"scope": nil}})), 403, challengeScope)
	wantDenied(t, c.nip(t, p.phone(), "Authorization", "Bearer "+p.token(t, oauthprovider.Grant{ClientID: "unentitled"})), 403, challengeScope)
}

// contracts: a client needs to be registered and active, and to hold an approved contract; it
// speaks for its own systems, through their channels.
func contracts(t *testing.T, p *platform) {
	c, other := p.caller(t), p.caller(t)
	client := func(id, spec string) { p.apply(t, document("Client", id, spec)) }
	for name, spec := range map[string]string{
		"suspended":        `{name: e2e, status: suspended, systems: [%s], contracts: [{api: portabilities, tier: default}]}`,
		"no contract":      `{name: e2e, systems: [%s]}`,
		"another API":      `{name: e2e, systems: [%s], contracts: [{api: salesorder, tier: default}]}`,
		"contract pending": `{name: e2e, systems: [%s], contracts: [{api: portabilities, tier: default, status: pending}]}`,
		"contract revoked": `{name: e2e, systems: [%s], contracts: [{api: portabilities, tier: default, status: revoked}]}`,
		"another network":  `{name: e2e, systems: [%s], addresses: [192.0.2.0/24], contracts: [{api: portabilities, tier: default}]}`,
	} {
		client(c.id, fmt.Sprintf(spec, c.system))
		t := of(t, name)
		wantDenied(t, c.nip(t, p.phone(), "X-Forwarded-For", "192.0.2.1", "Forwarded", "for=192.0.2.1", "X-Real-IP", "192.0.2.1"), 403, "")
	}
	client(c.id, fmt.Sprintf(`{name: e2e, systems: [%s], addresses: [127.0.0.0/8], contracts: [{api: portabilities, tier: default}]}`, c.system))
	c.wantNIP(t, c.nip(t, p.phone()))

	for name, headers := range map[string][]string{
		"unknown system":   {"X-System-Name", "NOBODY"},
		"foreign system":   {"X-System-Name", other.system},
		"unknown channel":  {"X-Channel", "fax"},
		"a system of SQL":  {"X-System-Name", "' or '1'='1"},
		"a homoglyph":      {"X-System-Name", strings.Replace(c.system, "S", "Ѕ", 1)},
		"an empty channel": {"X-Channel", "   x"},
	} {
		phone := p.phone()
		t := of(t, name)
		wantDenied(t, c.nip(t, phone, headers...), 403, "")
		p.untouched(t, phone)
	}
	foreign := c.post(t, portabilidades, enveloped(other.system, c.correlation(), order(p.phone(), nil)), "X-System-Name", "")
	wantDenied(t, foreign, 403, "")
	c.wantNIP(t, c.nip(t, p.phone(), "X-System-Name", strings.ToLower(c.system), "X-Channel", "WhatsApp"))
	c.wantNIP(t, c.nip(t, p.phone(), "X-System-Name", ""))

	client(c.id, fmt.Sprintf(`{name: e2e, systems: [%s, %s], contracts: [{api: portabilities, tier: default}]}`, c.system, other.system))
	wantProblem(t, c.nip(t, p.phone(), "X-System-Name", ""), 400, "BAD_REQUEST", "X-System-Name")
	a := c.nip(t, p.phone(), "X-System-Name", other.system)
	wantSuccess(t, a, other.system, a.correlation(), nipRequested, "FLUJO", "LTE")
	p.apply(t, document("System", c.system, `{status: suspended}`))
	wantDenied(t, c.nip(t, p.phone(), "X-System-Name", c.system), 403, "")
}

// rotation: when the provider changes its keys no good token is refused, and once it withdraws one
// nothing that is signed with it gets in.
func rotation(t *testing.T, p *platform) {
	c := p.caller(t)
	c.wantNIP(t, c.nip(t, p.phone()))
	if err := p.sandbox.OAuth.Rotate(false); err != nil {
		t.Fatal(err)
	}
	c.wantNIP(t, c.nip(t, p.phone()))
	for range 2 { // the second comes while what was read is still young
		fresh := p.caller(t)
		fresh.wantNIP(t, fresh.nip(t, p.phone()))
		if err := p.sandbox.OAuth.Rotate(false); err != nil {
			t.Fatal(err)
		}
	}
	fresh := p.caller(t)
	fresh.wantNIP(t, fresh.nip(t, p.phone()))
}

// introspection: the other method, chosen for this API by configuration; revocation counts, and
// when the provider is away its last word does, until its end.
func introspection(t *testing.T, p *platform) {
	p.reconfigure(t, `token: {audience: "puente"}`, `token: {audience: "puente", cache: 1s, refused: 200ms}`, "method: jwt", "method: introspection")
	c := p.caller(t)
	opaque := func(c *caller) string {
		return p.token(t, oauthprovider.Grant{ClientID: c.id, Format: oauthprovider.Opaque})
	}
	jwt := c.token
	c.token = opaque(c)
	c.wantNIP(t, c.nip(t, p.phone()))
	c.wantNIP(t, c.nip(t, p.phone(), "Authorization", "Bearer "+jwt))
	wantDenied(t, c.nip(t, p.phone(), "Authorization", "Bearer "+strings.Repeat("y", 52)), 401, challengeInvalid)
	wantDenied(t, c.nip(t, p.phone(), "Authorization", "Bearer "+p.token(t, oauthprovider.Grant{ClientID: "unentitled", Format: oauthprovider.Opaque})), 403, challengeScope)
	wantDenied(t, c.nip(t, p.phone(), "Authorization", "Bearer "+p.token(t, oauthprovider.Grant{ClientID: c.id, Format: oauthprovider.Opaque, Audience: []string{"https://another.example"}})), 401, challengeInvalid)

	p.revoke(t, c)
	eventually(t, within, "a revoked token is refused", func() bool { return c.nip(t, p.phone()).status == 401 })
	wantDenied(t, c.nip(t, p.phone()), 401, challengeInvalid)

	c.token = opaque(c)
	c.wantNIP(t, c.nip(t, p.phone()))
	for _, f := range []fault.Fault{
		{System: "oauth", Kind: fault.Status, Status: 503}, {System: "oauth", Kind: fault.Garbage}, {System: "oauth", Kind: fault.Hang},
		{System: "oauth", Kind: fault.Status, Status: 401}, {System: "oauth", Kind: fault.GzipBomb},
	} {
		t := of(t, f.Kind, f.Status)
		p.sandbox.Fault(t, f)
		unknown := c.nip(t, p.phone(), "Authorization", "Bearer "+opaque(c))
		wantProblem(t, unknown, 503, "SERVICE_UNAVAILABLE")
		if unknown.took >= answerWithin || unknown.header.Get("WWW-Authenticate") != "" {
			t.Errorf("%s: %s, %v", f.Kind, unknown.took, unknown.header)
		}
		p.sandbox.ClearFaults("oauth")
		eventually(t, within, "the provider is asked again", func() bool { return c.nip(t, p.phone()).status == 200 })
	}

	p.sandbox.Fault(t, fault.Fault{System: "oauth", Kind: fault.Status, Status: 503})
	c.wantNIP(t, c.nip(t, p.phone())) // remembered
	eventually(t, within, "what is remembered ends", func() bool {
		a := c.nip(t, p.phone())
		if a.status != 200 && a.status != 503 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		return a.status == 503
	})
	wantProblem(t, c.nip(t, p.phone()), 503, "SERVICE_UNAVAILABLE")
	p.sandbox.ClearFaults("oauth")
	eventually(t, within, "the provider is asked again", func() bool { return c.nip(t, p.phone()).status == 200 })
}

// revoke takes the caller's token back at the provider.
func (p *platform) revoke(t testing.TB, c *caller) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, p.sandbox.URL+"/oauth2/revoke", strings.NewReader("token="+c.token))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(c.id, p.callback)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("revoke: %d", resp.StatusCode)
	}
}

// keysAway: with its keys in hand the platform does not need the provider.
func keysAway(t *testing.T, p *platform) {
	p.sandbox.Fault(t, fault.Fault{System: "oauth", Kind: fault.Hang})
	t.Cleanup(func() { p.sandbox.ClearFaults("oauth") })
	for range 3 {
		c := p.caller(t)
		c.wantNIP(t, c.nip(t, p.phone()))
	}
}
