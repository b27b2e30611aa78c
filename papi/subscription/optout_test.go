package subscription

import (
	"testing"

	"puente/contracts/papi/subscription"
)

// An end comes through a channel of the product's or one that everybody has; what never was subscribed to, its first
// charge declined, cannot be ended, and what ended before can.
func TestOptOut(t *testing.T) {
	in := func(channel string) subscription.OptOutRequest {
		return subscription.OptOutRequest{Offer: subscription.Offer{MSISDN: number, PartnerID: partnerID, ServiceID: serviceID, ProductID: weeklyID, Channel: channel}}
	}
	never := func(t *testing.T, w *world) {
		id := w.subscribe(t, "PENDING_CHARGE")
		if _, err := w.db.Exec(t.Context(), `update subscription.subscriptions set state = 'CANCELLED', cancelled_at = $2, cancel_cause = 'DECLINED INSUFFICIENT_BALANCE',
			anchor = null, paid_until = null, due_at = null where id = $1`, id, w.now()); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		before  func(*testing.T, *world)
		channel string
		code    string
		want    bool
	}{
		"the product's channel":   {before: func(t *testing.T, w *world) { w.subscribe(t, "ACTIVE") }, channel: "web", want: true},
		"one that everybody has":  {before: func(t *testing.T, w *world) { w.subscribe(t, "ACTIVE") }, channel: "WAP", want: true},
		"nobody's channel":        {before: func(t *testing.T, w *world) { w.subscribe(t, "ACTIVE") }, channel: "FAX", code: subscription.CodeChannelNotAllowed},
		"in its first charge":     {before: func(t *testing.T, w *world) { w.subscribe(t, "PENDING_CHARGE") }, channel: "WEB", want: true},
		"nothing":                 {before: func(*testing.T, *world) {}, channel: "WEB", code: subscription.CodeNeverSubscribed},
		"declined":                {before: never, channel: "WEB", code: subscription.CodeNeverSubscribed},
		"declined after another":  {before: func(t *testing.T, w *world) { w.end(t, w.subscribe(t, "ACTIVE")); never(t, w) }, channel: "WEB"},
		"ended before it is paid": {before: func(t *testing.T, w *world) { w.end(t, w.subscribe(t, "PENDING_CHARGE")) }, channel: "WEB"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.before(t, w)
			out, err := w.OptOut(as(t, "socio"), in(c.channel))
			if codeOf(err) != c.code || out.Cancelled != c.want {
				t.Errorf("%+v, %v", out, err)
			}
		})
	}
}

// end ends a subscription as its partner does.
func (w *world) end(t *testing.T, id int64) {
	t.Helper()
	in := subscription.OptOutRequest{Offer: subscription.Offer{MSISDN: number, PartnerID: partnerID, ServiceID: serviceID, ProductID: weeklyID, Channel: "WEB"}}
	if out, err := w.OptOut(as(t, "socio"), in); err != nil || !out.Cancelled || w.state(t, id) != "CANCELLED" {
		t.Fatalf("%+v, %v", out, err)
	}
}
