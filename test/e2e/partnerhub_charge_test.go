package e2e

import (
	"maps"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
)

// hubCharge: the document's example charges a line once; what the operator took is what the partner is
// told, and the same request again has the same answer, whatever the partner says the time is.
func hubCharge(t *testing.T, p *platform) {
	h, msisdn, key := p.hub.rest, p.hub.line(), "charge-"+p.hub.line()
	first := h.call(t, "charge", h.order(msisdn, nil), "Idempotency-Key", key)
	wantHub(t, first, 200, "0", hubDone, "")
	if got := first.header.Get("Idempotent-Replayed"); got != "" {
		t.Errorf("the first is replayed: %q", got)
	}
	made := p.wantCharged(t, msisdn, hubPrice)
	if made.PartnerID != h.id || made.ProductID != h.oneshot || made.PricepointID != h.points || made.Context != "DEMANDA" {
		t.Errorf("the ledger has %+v", made)
	}
	told := p.awaitNotices(t, msisdn, 1)
	h.wantMoney(t, told[0], msisdn, h.oneshot, hubPrice, 2)
	if told[0].ShortCode == nil || *told[0].ShortCode != 8888 {
		t.Errorf("shortCode %v", told[0].ShortCode)
	}
	for _, changes := range []members{nil, {"date": "20220101100005"}, {"userIdentifier": "+" + msisdn}} {
		a := h.call(t, "charge", h.order(msisdn, changes), "Idempotency-Key", key)
		wantHub(t, a, 200, "0", hubDone, "")
		if a.header.Get("Idempotent-Replayed") != "true" {
			t.Errorf("%v is not said to be replayed", changes)
		}
	}
	for _, changes := range []members{{"pricepointId": h.points + 1}, {"userIdentifier": p.hub.line()}, {"entryChannel": "SMS"}} {
		wantHub(of(t, changes), h.call(t, "charge", h.order(msisdn, changes), "Idempotency-Key", key), 422, "15", hubFlow, "KEY_REUSED")
	}
	p.wantCharged(t, msisdn, hubPrice)
	if status, text := p.admin(t, p.processLayer(), http.MethodGet, "/admin/v1/charges/"+key, ""); status != http.StatusOK || !strings.Contains(text, made.TxID) {
		t.Errorf("an operator finds by its key: %d %s", status, text) // which is what its partner tells them
	}
	if status, text := p.admin(t, p.processLayer(), http.MethodGet, "/admin/v1/charges/"+key+"-3", ""); status != http.StatusNotFound {
		t.Errorf("an operator finds by nobody's key: %d %s", status, text)
	}
	other := h.call(t, "charge", h.order(msisdn, members{"pricepointId": h.points + 1}), "external-tx-id", key+"-2") // another wish
	wantHub(t, other, 200, "0", hubDone, "")
	sum := int64(0)
	for _, n := range p.awaitNotices(t, msisdn, 2) {
		sum += *n.Value
	}
	if sum != hubPrice+hubOtherPrice {
		t.Errorf("the partner was told of %d", sum)
	}
	if state := p.state(t, h, key); state != "SUCCEEDED" {
		t.Errorf("its state is %s", state)
	}
}

// state asks for a charge by its key.
func (p *platform) state(t testing.TB, h *hubPartner, key string) string {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, "http://"+p.edge().at.Public+"/charge/"+key, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+h.token(t, "charge"))
	a, err := p.do(req)
	if err != nil {
		t.Fatal(err)
	}
	var said struct{ Key, State string }
	if decode(t, a, &said); a.status != 200 || said.Key != key {
		t.Fatalf("%s: %d %s", key, a.status, a.body)
	}
	return said.State
}

// hubCopies: of a hundred copies at once one charges, by key, by tid or by what they say alone, and all have
// its answer.
func hubCopies(t *testing.T, p *platform) {
	h := p.hub.rest
	for name, one := range map[string]struct {
		changes members
		headers []string
	}{
		"key":    {nil, []string{"Idempotency-Key", "copies-" + p.hub.line()}},
		"tid":    {members{"tid": "TID-" + p.hub.line(), "date": nil}, nil},
		"date":   {nil, nil},
		"window": {members{"date": nil}, nil},
	} {
		t, msisdn := of(t, name), p.hub.line()
		var all sync.WaitGroup
		answers := make([]answer, 100)
		errs := make([]error, len(answers))
		for i := range answers {
			all.Go(func() { answers[i], errs[i] = h.try(t, "charge", h.order(msisdn, one.changes), one.headers...) })
		}
		all.Wait()
		firsts := 0
		for i, a := range answers {
			if errs[i] != nil {
				t.Fatal(errs[i])
			}
			wantHub(t, a, 200, "0", hubDone, "")
			if a.header.Get("Idempotent-Replayed") == "" {
				firsts++
			}
		}
		if firsts != 1 {
			t.Errorf("%d say that they are the first", firsts)
		}
		p.wantCharged(t, msisdn, hubPrice)
		p.awaitNotices(t, msisdn, 1)
	}
}

// hubForeign: a partner charges, messages and cancels for itself alone; what does not belong together, and a
// charge that nobody agreed to, is refused before any other system hears of it.
func hubForeign(t *testing.T, p *platform) {
	h, other, msisdn := p.hub.rest, p.hub.compat, p.hub.line()
	for _, c := range []struct {
		changes members
		status  int
		reason  string
	}{
		{members{"partnerId": other.id}, 403, "FOREIGN_PARTNER"},
		{members{"serviceId": other.service, "productId": other.oneshot, "pricepointId": other.points}, 409, "OFFER_UNKNOWN"},
		{members{"productId": other.oneshot}, 409, "OFFER_UNKNOWN"},
		{members{"pricepointId": other.points}, 409, "OFFER_UNKNOWN"},
		{members{"productId": h.subscription, "pricepointId": h.points + 2}, 409, "NOT_ON_DEMAND"},
		{members{"productId": h.consented, "pricepointId": h.points + 3}, 409, "CONSENT_MISSING"},
		{members{"entryChannel": "FAX"}, 409, "CHANNEL_NOT_ALLOWED"},
		{members{"shortCode": other.shortCode}, 409, "SHORT_CODE_NOT_ASSIGNED"},
	} {
		wantHub(of(t, c.changes), h.call(t, "charge", h.order(msisdn, c.changes)), c.status, "15", hubFlow, c.reason)
	}
	wantHub(t, h.call(t, "sendmt", h.message(msisdn, members{"partnerId": other.id})), 403, "15", hubFlow, "FOREIGN_PARTNER")
	wantOptOut(t, h.call(t, "suboptout", h.optOut(msisdn, members{"partnerId": other.id})), 403, "15", hubFlow, "FOREIGN_PARTNER")
	if filed := p.charged(msisdn); len(filed) > 0 {
		t.Errorf("charged %+v", filed)
	}
	hubForeignSubscriber(t, p)
}

// hubForeignSubscriber: the subscriber of another partner's product hears nothing of a partner that names its own number
// with the other's service or product, and stays a subscriber; the partner is answered as if there were no such thing.
func hubForeignSubscriber(t *testing.T, p *platform) {
	h, other, msisdn := p.hub.rest, p.hub.compat, p.hub.line()
	id := other.subscribed(t, msisdn)
	for _, c := range []struct{ theirs, nobodys members }{
		{members{"serviceId": other.service, "productId": other.subscription}, members{"serviceId": 999, "productId": 999}},
		{members{"serviceId": other.service}, members{"serviceId": 999}},
		{members{"productId": other.subscription}, members{"productId": 999}},
	} {
		t := of(t, c.theirs)
		send := func(changes members) answer {
			body := h.message(msisdn, members{"text": "intruso", "shortCode": other.shortCode})
			return h.call(t, "sendmt", changed(body, changes))
		}
		leave := func(changes members) answer { return h.call(t, "suboptout", h.optOut(msisdn, changes)) }
		sent, left := send(c.theirs), leave(c.theirs)
		wantHub(t, sent, 409, "15", hubFlow, "OFFER_UNKNOWN")
		wantOptOut(t, left, 409, "15", hubFlow, "OFFER_UNKNOWN")
		sameAnswer(t, sent, send(c.nobodys))
		sameAnswer(t, left, leave(c.nobodys))
	}
	wantHub(t, other.call(t, "sendmt", other.message(msisdn, nil)), 200, "0", hubDone, "")
	p.awaitText(t, msisdn, `^¡Hola mundo!$`) // what was sent before it came before it
	if n := p.texts(msisdn, `intruso`); n > 0 {
		t.Errorf("%d messages were sent", n)
	}
	if s := p.subscription(t, id); s.State != "ACTIVE" {
		t.Errorf("subscription %+v", s)
	}
	p.awaitNotices(t, msisdn, 2)
}

// sameAnswer wants two answers that differ in nothing but what differs from call to call.
func sameAnswer(t testing.TB, a, b answer) {
	t.Helper()
	for _, header := range []http.Header{a.header, b.header} {
		maps.DeleteFunc(header, func(name string, _ []string) bool {
			return name == "Date" || name == "X-Correlation-Id" || strings.Contains(name, "Ratelimit")
		})
	}
	if a.status != b.status || a.body != b.body || !reflect.DeepEqual(a.header, b.header) {
		t.Errorf("%d %v %s, and %d %v %s", a.status, a.header, a.body, b.status, b.header, b.body)
	}
}
