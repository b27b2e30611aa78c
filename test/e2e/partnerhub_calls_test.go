package e2e

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"puente/test/sandbox/carrierbilling"
)

// issue asks for a token of one of the APIs.
func (h *hubPartner) issue(t testing.TB, api, client, secret string) answer {
	t.Helper()
	form := url.Values{"client_id": {client}, "client_secret": {secret}, "grant_type": {"client_credentials"}}
	req, err := http.NewRequest(http.MethodPost, "http://"+cmp.Or(h.front, h.p.edge()).at.Public+"/"+api+"/oauth2/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	a, err := h.p.do(req)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// token is one of the partner's for an API.
func (h *hubPartner) token(t testing.TB, api string) string {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.tokens[api] == "" {
		h.tokens[api] = tokenOf(t, h.issue(t, api, h.client, h.p.hub.secrets.client))
	}
	return h.tokens[api]
}

// tokenOf reads a token of a token endpoint's answer, which is as the document has it.
func tokenOf(t testing.TB, a answer) string {
	t.Helper()
	var said struct {
		Type    string `json:"token_type"`
		Token   string `json:"access_token"`
		Expires int    `json:"expires_in"`
	}
	if err := json.Unmarshal([]byte(a.body), &said); err != nil || a.status != 200 || said.Type != "bearer" || len(said.Token) != 32 || said.Expires != 3600 || a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("token: %v: %d %v %s", err, a.status, a.header, a.body)
	}
	return said.Token
}

// call posts a body to one of the APIs. Headers come in pairs, an empty value leaves one out.
func (h *hubPartner) call(t testing.TB, api string, body members, headers ...string) answer {
	t.Helper()
	a, err := h.try(t, api, body, headers...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// try is call for tests that expect connections to break.
func (h *hubPartner) try(t testing.TB, api string, body members, headers ...string) (answer, error) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, "http://"+cmp.Or(h.front, h.p.edge()).at.Public+"/"+api, strings.NewReader(text(body)))
	if err != nil {
		t.Fatal(err)
	}
	req.GetBody = nil // one attempt: the transport must not send it again
	req.Header.Set("Content-Type", "application/json")
	opens := api
	if api == "token/verify" { // any token of the partner's does
		opens = "charge"
	}
	req.Header.Set("Authorization", "Bearer "+h.token(t, opens))
	for i := 0; i < len(headers); i += 2 {
		if req.Header.Del(headers[i]); headers[i+1] != "" {
			req.Header.Set(headers[i], headers[i+1])
		}
	}
	return h.p.do(req)
}

// order is the document's example of /charge for a number, with changes; nil leaves a member out.
func (h *hubPartner) order(msisdn string, changes members) members {
	return changed(members{
		"userIdentifier": msisdn, "userIdentifierType": "00", "pricepointId": h.points, "partnerId": h.id, "serviceId": h.service, "productId": h.oneshot,
		"entryChannel": "WEB", "shortCode": h.shortCode, "date": "20220101100000",
	}, changes)
}

// message is that of /sendmt.
func (h *hubPartner) message(msisdn string, changes members) members {
	return changed(members{
		"userIdentifier": msisdn, "userIdentifierType": "", "partnerId": h.id, "serviceId": h.service, "productId": h.subscription,
		"entryChannel": "WEB", "text": "¡Hola mundo!", "shortCode": h.shortCode, "date": "20220101100000",
	}, changes)
}

// optOut is that of /suboptout.
func (h *hubPartner) optOut(msisdn string, changes members) members {
	return changed(members{
		"userIdentifier": msisdn, "userIdentifierType": "00", "partnerId": h.id, "serviceId": h.service, "productId": h.subscription,
		"entryChannel": "WEB", "date": "20220101100000",
	}, changes)
}

func changed(m, changes members) members {
	for name, value := range changes {
		if m[name] = value; value == nil {
			delete(m, name)
		}
	}
	return m
}

// Texts of the document's results.
const (
	hubDone   = "Operación con éxito"
	hubNumber = "MSISDN incorrecto"
	hubFlow   = "Flujo incorrecto"
	hubFailed = "Error generico"
)

// wantHub checks an answer byte for byte, and the cause that the header tells.
func wantHub(t testing.TB, a answer, httpStatus int, status, message, reason string) {
	t.Helper()
	golden := fmt.Sprintf(`{"inError":%t,"status":%q,"message":%q}`, status != "0", status, message)
	if a.status != httpStatus || a.body != golden || a.header.Get("X-Hub-Reason") != reason {
		t.Fatalf("%d %s %s, want %d %s %s", a.status, a.body, a.header.Get("X-Hub-Reason"), httpStatus, golden, reason)
	}
	leaks(t, a)
}

// wantOptOut checks an answer of /suboptout, which has no inError.
func wantOptOut(t testing.TB, a answer, httpStatus int, status, message, reason string) {
	t.Helper()
	golden := fmt.Sprintf(`{"status":%q,"message":%q}`, status, message)
	if a.status != httpStatus || a.body != golden || a.header.Get("X-Hub-Reason") != reason {
		t.Fatalf("%d %s %s, want %d %s %s", a.status, a.body, a.header.Get("X-Hub-Reason"), httpStatus, golden, reason)
	}
	leaks(t, a)
}

// charged is what the operator's ledger has of a line.
func (p *platform) charged(msisdn string) (filed []carrierbilling.Charge) {
	for _, c := range p.sandbox.CarrierBilling.Charges() {
		if c.MSISDN == msisdn {
			filed = append(filed, c)
		}
	}
	return filed
}

// wantCharged wants exactly one charge of a line in the ledger, made and kept, of that amount.
func (p *platform) wantCharged(t testing.TB, msisdn string, amount int64) carrierbilling.Charge {
	t.Helper()
	filed := p.charged(msisdn)
	if len(filed) != 1 || filed[0].Net() != amount || filed[0].Amount != amount || filed[0].Currency != "CLP" {
		t.Fatalf("the ledger has %+v, want one charge of %d", filed, amount)
	}
	return filed[0]
}
