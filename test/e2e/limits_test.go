package e2e

import (
	"fmt"
	"regexp"
	"strconv"
	"testing"
)

// wantLimited checks a refusal by a limit, and what it tells of it.
func wantLimited(t testing.TB, a answer, limit int) {
	t.Helper()
	wantProblem(t, a, 429, "TOO_MANY_REQUESTS")
	if a.header.Get("X-RateLimit-Limit") != strconv.Itoa(limit) || a.header.Get("X-RateLimit-Remaining") != "0" ||
		!regexp.MustCompile(`^[1-9]\d*$`).MatchString(a.header.Get("X-RateLimit-Reset")) {
		t.Errorf("headers %v", a.header)
	}
}

// limits: of the client's tier, of the system and of the phone; exact, told in every answer, and
// free of charge for who is refused.
func limits(t *testing.T, p *platform) {
	c, neighbour := p.caller(t), p.caller(t)
	p.apply(t, document("Tier", "five", `{limits: [{requests: 5, window: 1h}, {requests: 4, window: 1m}]}`)+
		document("Client", c.id, fmt.Sprintf(`{name: e2e, systems: [%s], contracts: [{api: portabilities, tier: five}]}`, c.system)))
	phone := p.phone()
	for left := 3; left >= 0; left-- {
		a := c.status(t, phone)
		if a.status != 404 || a.header.Get("X-RateLimit-Limit") != "4" || a.header.Get("X-RateLimit-Remaining") != strconv.Itoa(left) {
			t.Errorf("%d of 4 left: %d %v", left, a.status, a.header)
		}
	}
	for range 3 {
		wantLimited(t, c.status(t, phone), 4)
	}
	if nips, _ := p.effects(phone); len(nips) > 0 {
		t.Errorf("BotService did %+v", nips)
	}
	if a := neighbour.status(t, phone); a.status != 404 {
		t.Errorf("a neighbour: %d %s", a.status, a.body)
	}

	c = p.caller(t)
	p.apply(t, document("System", c.system, `{limits: [{requests: 3, window: 1m}]}`))
	for range 3 {
		if a := c.status(t, p.phone()); a.status != 404 || a.header.Get("X-RateLimit-Limit") != "3" {
			t.Errorf("within the system's limit: %d %v", a.status, a.header)
		}
	}
	wantLimited(t, c.status(t, p.phone()), 3)

	phone = p.phone()
	for range subjectLimit {
		if a := neighbour.status(t, phone); a.status != 404 {
			t.Fatalf("within the phone's limit: %d %v", a.status, a.header)
		}
	}
	wantLimited(t, neighbour.status(t, phone), subjectLimit)
	other := p.caller(t)
	wantLimited(t, other.status(t, phone), subjectLimit) // it is the phone's, whoever asks
	if a := neighbour.status(t, p.phone()); a.status != 404 {
		t.Errorf("another phone: %d %s", a.status, a.body)
	}
}

// nips: each costs an SMS; the fourth for one phone in ten minutes is refused, whoever asks.
func nips(t *testing.T, p *platform) {
	c, other, phone := p.caller(t), p.caller(t), p.phone()
	c.wantNIP(t, c.nip(t, phone))
	a := c.post(t, portabilidades, order(phone, members{"resend": true}), "X-Correlation-ID", c.correlation())
	wantSuccess(t, a, c.system, a.correlation(), nipResent, "FLUJO", "LTE")
	third := other.nip(t, phone)
	other.wantNIP(t, third)
	for _, c := range []*caller{c, other} {
		fourth := c.nip(t, phone)
		wantProblem(t, fourth, 429, "TOO_MANY_REQUESTS", "NIP")
		if wait, err := strconv.Atoi(fourth.header.Get("Retry-After")); err != nil || wait < 500 || wait > 600 {
			t.Errorf("Retry-After %q", fourth.header.Get("Retry-After"))
		}
	}
	replayed(t, third, other.post(t, portabilidades, order(phone, nil), "X-Correlation-ID", third.correlation()))
	if done, _ := p.effects(phone); len(done) != 3 {
		t.Errorf("BotService did %+v", done)
	}
}
