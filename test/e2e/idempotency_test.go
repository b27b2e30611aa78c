package e2e

import (
	"net/http"
	"strings"
	"sync"
	"testing"
)

// replayed checks that an answer is the first one, told again.
func replayed(t testing.TB, first, again answer) {
	t.Helper()
	if again.status != first.status || again.body != first.body || again.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("%d %s (replayed: %q)\nwant the first answer, %d %s", again.status, again.body, again.header.Get("Idempotent-Replayed"), first.status, first.body)
	}
	if first.header.Get("Idempotent-Replayed") != "" {
		t.Error("the first answer says that it is a replay")
	}
}

// idempotency: a request that is sent again has the first answer, and one effect; its key belongs to
// its client and system, and to its body.
func idempotency(t *testing.T, p *platform) {
	c := p.caller(t)
	phone, id := p.phone(), c.correlation()
	first := c.post(t, portabilidades, order(phone, nil), "X-Correlation-ID", id)
	c.wantNIP(t, first)
	replayed(t, first, c.post(t, portabilidades, order(phone, nil), "X-Correlation-ID", id))
	replayed(t, first, c.post(t, portabilidades, enveloped(c.system, id, order(phone, nil))))
	if nips, _ := p.effects(phone); len(nips) != 1 {
		t.Errorf("BotService did %+v", nips)
	}
	for name, body := range map[string]string{
		"another phone": order(p.phone(), nil), "another flow": order(phone, members{"order": members{"flow": "5G"}}), "resent": order(phone, members{"resend": true}),
	} {
		wantProblem(of(t, name), c.post(t, portabilidades, body, "X-Correlation-ID", id), 422, "CORRELATION_REUSED")
	}
	if nips, _ := p.effects(phone); len(nips) != 1 {
		t.Errorf("BotService did %+v", nips)
	}
	replayed(t, first, c.post(t, portabilidades, order(phone, nil), "X-Correlation-ID", id)) // still

	other := p.caller(t)
	elsewhere := other.post(t, portabilidades, order(p.phone(), nil), "X-Correlation-ID", id)
	wantSuccess(t, elsewhere, other.system, id, nipRequested, "FLUJO", "LTE")
	if elsewhere.header.Get("Idempotent-Replayed") != "" {
		t.Error("another client had the first one's answer")
	}
	// The correlation belongs to the operation, too: a question is not an order.
	wantSuccess(t, c.post(t, statusPath, lookup(phone), "X-Correlation-ID", id), c.system, id, stateTold, "ESTADO", "NIP_REQUESTED")

	refused := c.post(t, portabilidades, order(phone, members{"nip": "00000"}), "X-Correlation-ID", c.correlation())
	wantProblem(t, refused, 409, "INVALID_FIELD")
	replayed(t, refused, c.post(t, portabilidades, order(phone, members{"nip": "00000"}), "X-Correlation-ID", refused.correlation()))
	if sent := p.received(refused.correlation(), "portability"); len(sent) != 1 {
		t.Errorf("sent %d times", len(sent))
	}
	for _, r := range atEdge(p.audited(t, refused.correlation())) {
		if r.Status != 409 || r.Outcome != "client" { // a refusal told again is one, too
			t.Errorf("the audit has %d %s", r.Status, r.Outcome)
		}
	}
	// What is refused before anything was done leaves the correlation free.
	id, phone = c.correlation(), p.phone()
	wantProblem(t, c.post(t, portabilidades, order(phone, members{"planType": nil}), "X-Correlation-ID", id), 400, "BAD_REQUEST")
	wantSuccess(t, c.post(t, portabilidades, order(phone, nil), "X-Correlation-ID", id), c.system, id, nipRequested, "FLUJO", "LTE")

	key := "key-" + id
	phone = p.phone()
	first = c.nip(t, phone, "Idempotency-Key", key)
	c.wantNIP(t, first)
	replayed(t, first, c.nip(t, phone, "Idempotency-Key", key))
	wantProblem(t, c.nip(t, p.phone(), "Idempotency-Key", key), 422, "CORRELATION_REUSED")
	if nips, _ := p.effects(phone); len(nips) != 1 {
		t.Errorf("BotService did %+v", nips)
	}
}

// copies: a hundred copies at once have one effect; each is answered like the first, or told that
// the first is still running.
func copies(t *testing.T, p *platform) {
	c := p.caller(t)
	for name, phone := range map[string]string{"quick": p.phone(), "port-in": p.phone(), "slow": "3000000505"} {
		t := of(t, name)
		body := order(phone, nil)
		if name == "port-in" {
			c.wantNIP(t, c.nip(t, phone))
			nips, _ := p.effects(phone)
			body = order(phone, members{"nip": nips[0].NIP})
		}
		id := c.correlation()
		const parallel = 100
		answers := make([]answer, parallel)
		var all sync.WaitGroup
		for i := range answers {
			all.Go(func() {
				var err error
				if answers[i], err = c.try(http.MethodPost, portabilidades, body, "X-Correlation-ID", id); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		firsts := 0
		for _, a := range answers {
			switch {
			case a.status == 200 && a.header.Get("Idempotent-Replayed") == "":
				firsts++
			case a.status == 200:
			default:
				wantProblem(t, a, 409, "REQUEST_IN_PROGRESS")
			}
		}
		if did := p.did(id); did != 1 || firsts != 1 {
			t.Errorf("%d effects, %d first answers", did, firsts)
		}
		if again := c.post(t, portabilidades, body, "X-Correlation-ID", id); again.status != 200 || again.header.Get("Idempotent-Replayed") != "true" {
			t.Errorf("afterwards: %d %s", again.status, again.body)
		}
	}
}

// filedOnce: a port-in is filed once for its phone, order and NIP, under however many correlations
// it is asked for.
func filedOnce(t *testing.T, p *platform) {
	c, phone := p.caller(t), p.phone()
	c.wantNIP(t, c.nip(t, phone))
	nips, _ := p.effects(phone)
	body := order(phone, members{"nip": nips[0].NIP})
	var all sync.WaitGroup
	for range 20 {
		one := &caller{p: p, id: c.id, system: c.system, token: c.token}
		id := c.correlation()
		all.Go(func() {
			a, err := one.try(http.MethodPost, portabilidades, body, "X-Correlation-ID", id)
			switch {
			case err != nil:
				t.Error(err)
			case a.status == 200:
				wantSuccess(t, a, c.system, id, portInFiled, "FLUJO", "LTE")
			case a.status != 409 || !strings.Contains(a.body, "REQUEST_IN_PROGRESS"):
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
	all.Wait()
	id := c.correlation()
	wantSuccess(t, c.post(t, portabilidades, body, "X-Correlation-ID", id), c.system, id, portInFiled, "FLUJO", "LTE")
	if _, portIns := p.effects(phone); len(portIns) != 1 {
		t.Errorf("BotService filed %+v", portIns)
	}
	other := members{"nip": nips[0].NIP, "numOrder": "MDM-PLTE-000001"}
	id = c.correlation()
	wantSuccess(t, c.post(t, portabilidades, order(phone, other), "X-Correlation-ID", id), c.system, id, portInFiled, "FLUJO", "LTE")
	if _, portIns := p.effects(phone); len(portIns) != 2 {
		t.Errorf("another order: BotService filed %+v", portIns)
	}
}
