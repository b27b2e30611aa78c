package e2e

import (
	"fmt"
	"testing"

	"puente/contracts/papi/subscription"
	"puente/shared/problem"
	"puente/test/sandbox/carrierbilling"
)

// hubSubscribe: a PIN of the phone's subscribes it: it is charged once, its partner hears first that it
// subscribed and then what it paid, and it is welcomed. Again it is not charged.
func hubSubscribe(t *testing.T, p *platform) {
	h, msisdn := p.hub.rest, p.hub.line()
	flows := p.flows(t)
	flow, err := h.start(flows, msisdn)
	if err != nil {
		t.Fatal(err)
	}
	p.awaitText(t, msisdn, `^[0-9]{6} es tu c`)
	if _, err := h.confirm(flows, flow, "x"); problem.Of(err).Code != subscription.CodePINWrong {
		t.Errorf("a wrong PIN: %v", err)
	}
	if filed := p.charged(msisdn); len(filed) > 0 {
		t.Errorf("charged before the PIN: %+v", filed)
	}
	id := h.subscribed(t, msisdn) // the first flow gives way
	if made := p.wantCharged(t, msisdn, hubWeeklyPrice); made.Context != "SUSCRIPCION" {
		t.Errorf("the ledger has %+v", made)
	}
	told := p.awaitNotices(t, msisdn, 2)
	h.wantNotice(t, told[0], noticeSubscribed, msisdn, h.subscription, "WEB")
	h.wantMoney(t, told[1], msisdn, h.subscription, hubWeeklyPrice, 0)
	if told[0].TID != "QWERT" || told[0].CancelReason != nil {
		t.Errorf("notification %+v", told[0])
	}
	p.awaitText(t, msisdn, `^Te suscribiste a Juegos ilimitados: \$1\.490 por semana\..* SALIR `+h.keyword+` al `+h.shortCode)
	if again := h.subscribe(t, msisdn); again.State != subscription.EnrolmentAlready {
		t.Errorf("again: %+v", again)
	}
	if s := p.subscription(t, id); s.State != "ACTIVE" || len(s.Charges) != 1 {
		t.Errorf("subscription %+v", s)
	}
	p.wantCharged(t, msisdn, hubWeeklyPrice)

	declined := p.hub.magic("1402")
	if done := h.subscribe(t, declined); done.State != subscription.EnrolmentDeclined || done.Reason != subscription.CodeInsufficientBalance {
		t.Errorf("without balance: %+v", done)
	}
	if got := p.notices(t, declined); len(got) > 0 {
		t.Errorf("told of a phantom: %+v", got)
	}
}

// hubSalir: SALIR ends it, once however often it is written, with a notification of reason MO and a
// confirmation; who has none is told so.
func hubSalir(t *testing.T, p *platform) {
	h, msisdn := p.hub.rest, p.hub.line()
	id := h.subscribed(t, msisdn)
	h.write(t, msisdn, "¡salír, "+h.keyword+"!")
	s := p.awaitSubscription(t, id, "CANCELLED")
	if s.CancelReason != "MO" {
		t.Errorf("subscription %+v", s)
	}
	h.wantEnd(t, p.awaitNotices(t, msisdn, 3)[2], msisdn, "MO", "SMS")
	p.awaitText(t, msisdn, `fue cancelada`)
	h.write(t, msisdn, "SALIR")
	p.awaitText(t, msisdn, `No tienes suscripciones activas`)
	wantOptOut(t, h.call(t, "suboptout", h.optOut(msisdn, nil)), 200, "0", hubDone, "")
	p.awaitNotices(t, msisdn, 3)
	p.wantCharged(t, msisdn, hubWeeklyPrice)

	twice := p.hub.magic("3002") // the SMS center delivers its messages twice
	id = h.subscribed(t, twice)
	h.write(t, twice, "BAJA")
	p.awaitSubscription(t, id, "CANCELLED")
	h.wantEnd(t, p.awaitNotices(t, twice, 3)[2], twice, "MO", "SMS")
	if n := p.texts(twice, `fue cancelada`); n > 1 {
		t.Errorf("confirmed %d times", n)
	}
}

// hubOptOut: a partner ends one, as often as it likes, and names no reason; what never was it cannot end.
func hubOptOut(t *testing.T, p *platform) {
	h, msisdn := p.hub.rest, p.hub.line()
	wantOptOut(t, h.call(t, "suboptout", h.optOut(msisdn, nil)), 409, "15", hubFlow, "NEVER_SUBSCRIBED")
	wantOptOut(t, p.hub.compat.call(t, "suboptout", p.hub.compat.optOut(msisdn, nil)), 200, "15", hubFlow, "NEVER_SUBSCRIBED")
	id := h.subscribed(t, msisdn)
	for range 3 {
		wantOptOut(t, h.call(t, "suboptout", h.optOut(msisdn, nil)), 200, "0", hubDone, "")
	}
	if s := p.subscription(t, id); s.State != "CANCELLED" || s.CancelReason != "" {
		t.Errorf("subscription %+v", s)
	}
	h.wantEnd(t, p.awaitNotices(t, msisdn, 3)[2], msisdn, "", "WEB")
	p.awaitText(t, msisdn, `fue cancelada`)
	a := h.call(t, "suboptout", h.optOut(msisdn, members{"partnerId": nil}))
	if want := `{"status":"14","message":"\"partnerId\" Obligatorio"}`; a.status != 400 || a.body != want {
		t.Errorf("without partnerId: %d %s", a.status, a.body)
	}
}

// hubMessages: a partner writes to who subscribed, bought or wrote, and to nobody else.
func hubMessages(t *testing.T, p *platform) {
	h := p.hub.rest
	stranger, subscriber, buyer, writer := p.hub.line(), p.hub.line(), p.hub.line(), p.hub.line()
	wantHub(t, h.call(t, "sendmt", h.message(stranger, nil)), 409, "15", hubFlow, "NO_RIGHT_TO_MESSAGE")
	h.subscribed(t, subscriber)
	wantHub(t, h.call(t, "sendmt", h.message(subscriber, nil)), 200, "0", hubDone, "")
	p.awaitText(t, subscriber, `^¡Hola mundo!$`)
	wantHub(t, h.call(t, "charge", h.order(buyer, nil)), 200, "0", hubDone, "")
	wantHub(t, h.call(t, "sendmt", h.message(buyer, members{"productId": h.oneshot, "text": "gracias"})), 200, "0", hubDone, "")
	p.awaitText(t, buyer, `^gracias$`)
	p.awaitText(t, buyer, `^Compraste Vidas extra por \$990`)
	h.write(t, writer, "HOLA")
	p.awaitText(t, writer, `^No entendimos`)
	wantHub(t, h.call(t, "sendmt", h.message(writer, nil)), 200, "0", hubDone, "")
	h.write(t, writer, "SALIR TODO")
	eventually(t, within, "who left is left alone", func() bool { return h.call(t, "sendmt", h.message(writer, nil)).status == 409 })
	long := h.message(subscriber, members{"text": fmt.Sprintf("%0500d", 0)})
	if a := h.call(t, "sendmt", long); a.status != 400 {
		t.Errorf("too long: %d %s", a.status, a.body)
	}
	if n := len(p.sandbox.SMSC.Messages(stranger)); n > 0 {
		t.Errorf("the stranger has %d messages", n)
	}
}

// age makes it the end of the period that a subscription has paid for: what the calendar does in a week.
func (p *platform) age(t *testing.T, id int64) {
	t.Helper()
	tag, err := p.connect(t).Exec(t.Context(), ageing+` and id = $1`, id)
	if err != nil || tag.RowsAffected() != 1 {
		t.Fatalf("age subscription %d: %v %v", id, tag, err)
	}
}

// ageing moves the begin of paid subscriptions back, by what is left of their period and up to two days more, for
// a period is called after the second of its begin. What was tried on days long ago counts no more.
const ageing = `update subscription.subscriptions s set anchor = anchor - (paid_until - moment), paid_until = moment, due_at = moment, tries = '[]'
	from (select id as aged, now() - random() * interval '2 days' as moment from subscription.subscriptions) as moments
	where id = aged and state = 'ACTIVE' and due_at is not null and paid_until > now()`

// hubRenewal: what is due is renewed once, and its partner hears what was paid; without balance it is in
// GRACE, and can be cancelled.
func hubRenewal(t *testing.T, p *platform) {
	h, msisdn := p.hub.rest, p.hub.line()
	id := h.subscribed(t, msisdn)
	p.awaitNotices(t, msisdn, 2)
	for n := 2; n <= 3; n++ {
		p.age(t, id)
		told := p.awaitNotices(t, msisdn, n+1)
		h.wantMoney(t, told[n], msisdn, h.subscription, hubWeeklyPrice, 1)
		if filed := p.charged(msisdn); len(filed) != n || filed[n-1].Context != "RENOVACION" || filed[n-1].Net() != hubWeeklyPrice {
			t.Fatalf("the ledger has %+v", filed)
		}
		if s := p.awaitSubscription(t, id, "ACTIVE"); len(s.Charges) != n {
			t.Errorf("subscription %+v", s)
		}
	}
	eventually(t, within, "both renewals are told to the phone", func() bool { return p.texts(msisdn, `^Se renovo Juegos ilimitados por \$1\.490`) == 2 })
	if _, err := p.sandbox.CarrierBilling.Set(msisdn, carrierbilling.LineChange{Balance: carrierbilling.Of(0)}); err != nil {
		t.Fatal(err)
	}
	p.age(t, id)
	p.awaitSubscription(t, id, "GRACE")
	wantHub(t, h.call(t, "sendmt", h.message(msisdn, nil)), 200, "0", hubDone, "") // it still has access
	h.write(t, msisdn, "SALIR")
	p.awaitSubscription(t, id, "CANCELLED")
	h.wantEnd(t, p.awaitNotices(t, msisdn, 5)[4], msisdn, "MO", "SMS")
}
