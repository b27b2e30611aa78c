package e2e

import (
	"encoding/json"
	"testing"
)

// hubTokens: a token opens the API whose endpoint issued it, and no other; wrong credentials get none.
func hubTokens(t *testing.T, p *platform) {
	h := p.hub.rest
	msisdn := p.hub.line()
	tokens := map[string]string{}
	bodies := map[string]members{"charge": h.order(msisdn, nil), "sendmt": h.message(msisdn, nil), "suboptout": h.optOut(msisdn, nil)}
	for api := range bodies {
		tokens[api] = tokenOf(t, h.issue(t, api, h.client, p.hub.secrets.client))
	}
	for api, body := range bodies {
		for of, token := range tokens {
			a := h.call(t, api, body, "Authorization", "Bearer "+token)
			if of != api {
				wantOAuth(t, a, 401, "invalid_token")
			} else if a.status == 401 {
				t.Errorf("a token of %s: %d %s", api, a.status, a.body)
			}
		}
		wantOAuth(t, h.call(t, api, body, "Authorization", ""), 401, "invalid_request")
		wantOAuth(t, h.call(t, api, body, "Authorization", "Bearer "+p.caller(t).token), 401, "invalid_token")
		wantOAuth(t, h.issue(t, api, h.client, "not-"+p.hub.secrets.client), 401, "invalid_client")
	}
	wantOAuth(t, h.issue(t, "charge", clientID(0), p.hub.secrets.client), 401, "invalid_client")
}

// hubRevoked: a client that is suspended has no token any more, nor gets one, until it is active again.
func hubRevoked(t *testing.T, p *platform) {
	h := p.hub.compat
	token := tokenOf(t, h.issue(t, "suboptout", h.client, p.hub.secrets.client))
	ask := func() answer {
		return h.call(t, "suboptout", h.optOut(p.hub.line(), nil), "Authorization", "Bearer "+token)
	}
	if a := ask(); a.status != 200 {
		t.Fatalf("before: %d %s", a.status, a.body)
	}
	p.applyTables(t, h.clientDocument("suspended"))
	t.Cleanup(func() { p.applyTables(t, h.clientDocument("active")) })
	eventually(t, within, "the token is dead", func() bool { return ask().status == 401 })
	wantOAuth(t, ask(), 401, "invalid_token")
	wantOAuth(t, h.issue(t, "suboptout", h.client, p.hub.secrets.client), 401, "invalid_client")
	p.applyTables(t, h.clientDocument("active"))
	eventually(t, within, "the client is served again", func() bool {
		return h.issue(t, "suboptout", h.client, p.hub.secrets.client).status == 200
	})
}

// wantOAuth checks a refusal in the words of RFC 6749.
func wantOAuth(t testing.TB, a answer, status int, code string) {
	t.Helper()
	var said struct {
		Code string `json:"error"`
	}
	if err := json.Unmarshal([]byte(a.body), &said); err != nil || a.status != status || said.Code != code {
		t.Errorf("%d %s, want %d %s", a.status, a.body, status, code)
	}
	leaks(t, a)
}
