package e2e

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
)

// hubCodes: what the numbers of specification §9.2 make of a charge is answered as §5 has it, to the partner
// that pairs it with a status and to the one that is always answered 200.
func hubCodes(t *testing.T, p *platform) {
	var all sync.WaitGroup
	for _, c := range []struct {
		code, status, message, reason string
		rest                          int
		charges                       int // in the ledger, made
	}{
		{"0000", "0", hubDone, "", 200, 1},
		{"1402", "-1", hubFailed, "INSUFFICIENT_BALANCE", 402, 0},
		{"1403", "15", hubFlow, "LINE_BARRED", 409, 0},
		{"1404", "14", hubNumber, "MSISDN_UNKNOWN", 400, 0},
		{"1405", "14", hubNumber, "OTHER_OPERATOR", 400, 0},
		{"1408", "0", hubDone, "", 200, 1}, // the inquiry finds it
		{"1409", "-1", hubFailed, "TIMEOUT", 504, 0},
		{"1429", "-1", hubFailed, "UNAVAILABLE", 503, 0},
		{"1500", "-1", hubFailed, "BACKEND_ERROR", 502, 0},
		{"1503", "-1", hubFailed, "UNAVAILABLE", 503, 0},
	} {
		for _, h := range []*hubPartner{p.hub.rest, p.hub.compat} {
			status := c.rest
			if h == p.hub.compat {
				status = 200
			}
			t, msisdn := of(t, fmt.Sprint(c.code, " ", h.client)), p.hub.magic(c.code)
			h.token(t, "charge")
			all.Go(func() {
				a, err := h.try(t, "charge", h.order(msisdn, nil), "Idempotency-Key", "code-"+msisdn+h.client)
				golden := fmt.Sprintf(`{"inError":%t,"status":%q,"message":%q}`, c.status != "0", c.status, c.message)
				if err != nil || a.status != status || a.body != golden || a.header.Get("X-Hub-Reason") != c.reason {
					t.Errorf("%v %d %s %s, want %d %s %s", err, a.status, a.body, a.header.Get("X-Hub-Reason"), status, golden, c.reason)
				}
				made := 0
				for _, filed := range p.charged(msisdn) {
					if filed.Net() > 0 {
						made++
					}
				}
				if made != c.charges {
					t.Errorf("%d charges in the ledger, want %d", made, c.charges)
				}
			})
		}
	}
	all.Wait()
}

// hubFields: what is missing or not as the document has it is named, in the table's order.
func hubFields(t *testing.T, p *platform) {
	h, msisdn := p.hub.rest, p.hub.line()
	for _, field := range []string{"userIdentifier", "userIdentifierType", "pricepointId", "partnerId", "serviceId", "productId", "entryChannel"} {
		a := h.call(t, "charge", h.order(msisdn, members{field: nil}))
		if want := fmt.Sprintf(`{"inError":true,"status":"14","message":"\"%s\" Obligatorio"}`, field); a.status != 400 || a.body != want {
			t.Errorf("%s: %d %s", field, a.status, a.body)
		}
	}
	for _, number := range []string{"5611111111", "560000000000", "912345678", "56812345678"} {
		wantHub(of(t, number), h.call(t, "charge", h.order(number, nil)), 400, "14", hubNumber, "MSISDN_INVALID")
	}
	if filed := p.charged(msisdn); len(filed) > 0 {
		t.Errorf("charged %+v", filed)
	}
}

// decode reads an answer.
func decode(t testing.TB, a answer, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), into); err != nil {
		t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
}
