package e2e

import (
	"testing"

	"puente/test/sandbox"
	"puente/test/sandbox/fault"
	"puente/test/sandbox/smsc"
)

// hubUnknown: an operator that charged and says nothing is asked in vain: the partner is told that nobody
// knows, and once the operator answers again the line has its money back, and its partner heard of no charge.
func hubUnknown(t *testing.T, p *platform) {
	h, msisdn, key := p.hub.rest, p.hub.magic("1408"), "unknown-"+p.hub.line()
	p.sandbox.Fault(t, fault.Fault{System: "carrierbilling", Operation: "query", Kind: fault.Status, Status: 500})
	defer p.sandbox.ClearFaults("carrierbilling")
	wantHub(t, h.call(t, "charge", h.order(msisdn, nil), "Idempotency-Key", key), 504, "-1", hubFailed, "OUTCOME_UNKNOWN")
	again := h.call(t, "charge", h.order(msisdn, nil), "Idempotency-Key", key)
	wantHub(t, again, 504, "-1", hubFailed, "OUTCOME_UNKNOWN")
	if state := p.state(t, h, key); state != "UNKNOWN" {
		t.Errorf("its state is %s", state)
	}
	p.wantCharged(t, msisdn, hubPrice)
	p.sandbox.ClearFaults("carrierbilling")
	eventually(t, within, "the line has its money back, and the partner can see it", func() bool {
		return p.charged(msisdn)[0].Net() == 0 && p.state(t, h, key) == "REFUNDED"
	})
	if filed := p.charged(msisdn); len(filed) != 1 || len(filed[0].Refunds) != 1 {
		t.Errorf("the ledger has %+v", filed)
	}
	wantHub(t, h.call(t, "charge", h.order(msisdn, nil), "Idempotency-Key", key), 504, "-1", hubFailed, "OUTCOME_UNKNOWN") // what it was told stays
	if got := p.notices(t, msisdn); len(got) > 0 {
		t.Errorf("the partner was told %+v", got)
	}
}

// hubDeadPartner: what a partner does not take is delivered once it does, in order and under the webhook-id of
// the first attempt.
func hubDeadPartner(t *testing.T, p *platform) {
	h, msisdn := p.hub.rest, p.hub.line()
	for _, operation := range []string{"notifySubscription", "notifyCharge"} {
		p.sandbox.Fault(t, fault.Fault{System: "partner", Operation: operation, Kind: fault.Status, Status: 503})
	}
	defer p.sandbox.ClearFaults("partner")
	since := p.lastRequest()
	id := h.subscribed(t, msisdn)
	wantOptOut(t, h.call(t, "suboptout", h.optOut(msisdn, nil)), 200, "0", hubDone, "")
	p.awaitSubscription(t, id, "CANCELLED")
	tried := map[string]int{}
	eventually(t, within, "it is tried again", func() bool {
		clear(tried)
		for _, r := range p.sandbox.Requests(sandbox.Filter{System: "partner", After: since}) {
			tried[r.Headers.Get("Webhook-Id")]++
		}
		return len(tried) == 1 && tried[one(tried)] >= 3 // the head of the line alone: what follows waits for it
	})
	if got := p.notices(t, msisdn); len(got) > 0 {
		t.Fatalf("taken: %+v", got)
	}
	p.sandbox.ClearFaults("partner")
	told := p.awaitNotices(t, msisdn, 3)
	h.wantNotice(t, told[0], noticeSubscribed, msisdn, h.subscription, "WEB")
	h.wantMoney(t, told[1], msisdn, h.subscription, hubWeeklyPrice, 0)
	h.wantEnd(t, told[2], msisdn, "", "WEB")
	if told[0].id != one(tried) {
		t.Errorf("delivered as %s, tried as %v", told[0].id, tried)
	}
}

// hubCancelAlone: a cancellation needs neither the carrier billing nor the SMS gateway; its confirmation comes
// when the gateway is back.
func hubCancelAlone(t *testing.T, p *platform) {
	h, api, mo := p.hub.rest, p.hub.line(), p.hub.line()
	ids := map[string]int64{api: h.subscribed(t, api), mo: h.subscribed(t, mo)}
	for _, msisdn := range []string{api, mo} {
		p.awaitText(t, msisdn, `^Te suscribiste`)
	}
	p.sandbox.SMSC.Configure(func(s *smsc.Settings) { s.Answer = "temporal" })
	defer p.sandbox.SMSC.Configure(func(s *smsc.Settings) { s.Answer = "" })
	for _, operation := range []string{"charge", "query"} {
		p.sandbox.Fault(t, fault.Fault{System: "carrierbilling", Operation: operation, Kind: fault.Status, Status: 503})
	}
	defer p.sandbox.ClearFaults("carrierbilling")
	wantOptOut(t, h.call(t, "suboptout", h.optOut(api, nil)), 200, "0", hubDone, "")
	h.write(t, mo, "SALIR")
	for msisdn, id := range ids {
		p.awaitSubscription(t, id, "CANCELLED")
		p.awaitNotices(t, msisdn, 3)
		if n := p.texts(msisdn, `fue cancelada`); n > 0 {
			t.Errorf("the gateway is down and sent %d", n)
		}
	}
	p.sandbox.SMSC.Configure(func(s *smsc.Settings) { s.Answer = "" })
	for msisdn := range ids {
		p.awaitText(t, msisdn, `fue cancelada`)
		if n := p.texts(msisdn, `fue cancelada`); n != 1 {
			t.Errorf("confirmed %d times", n)
		}
	}
}

// hubRestarted: what a key was answered is answered after a restart, and nothing is charged again.
func hubRestarted(t *testing.T, p *platform) {
	h, done, declined := p.hub.rest, p.hub.line(), p.hub.magic("1402")
	ask := func(msisdn string) answer {
		return h.call(t, "charge", h.order(msisdn, nil), "Idempotency-Key", "restart-"+msisdn)
	}
	wantHub(t, ask(done), 200, "0", hubDone, "")
	wantHub(t, ask(declined), 402, "-1", hubFailed, "INSUFFICIENT_BALANCE")
	for _, one := range p.processes {
		one.kill()
		one.start(t)
	}
	p.awaitAccess(t)
	for msisdn, status := range map[string]int{done: 200, declined: 402} {
		a := ask(msisdn)
		if a.status != status || a.header.Get("Idempotent-Replayed") != "true" {
			t.Errorf("%s: %d %v %s", msisdn, a.status, a.header, a.body)
		}
	}
	p.wantCharged(t, done, hubPrice)
	p.awaitNotices(t, done, 1)
	if filed := p.charged(declined); len(filed) != 1 || filed[0].Net() != 0 {
		t.Errorf("the ledger has %+v", filed)
	}
}

// lastRequest is the number of the last request that the sandbox had.
func (p *platform) lastRequest() int64 {
	if last := p.sandbox.Requests(sandbox.Filter{Limit: 1}); len(last) > 0 {
		return last[0].Number
	}
	return 0
}

// one is a key of a map that has one.
func one(m map[string]int) string {
	for key := range m {
		return key
	}
	return ""
}
