package subscription

import (
	"errors"
	"sync"
	"testing"
	"time"

	"puente/contracts/papi/subscription"
	"puente/papi/subscription/repeat"
	"puente/shared/problem"
)

// An end that comes again under its key ends what its user has open then, and is answered as before where that is
// nothing; another request under the key is refused.
func TestOptOutUnderAKey(t *testing.T) {
	w := newWorld(t)
	first := w.subscribe(t, "ACTIVE")
	in := subscription.OptOutRequest{Key: "o-1", Offer: subscription.Offer{MSISDN: number, PartnerID: partnerID, ServiceID: serviceID, ProductID: weeklyID, Channel: "WEB"}}
	var all sync.WaitGroup
	var mu sync.Mutex
	var cancelled, replayed int
	for range 8 {
		all.Go(func() {
			out, err := w.OptOut(as(t, "socio"), in)
			mu.Lock()
			defer mu.Unlock()
			if err != nil || !out.Cancelled {
				t.Errorf("%+v, %v", out, err)
			}
			if cancelled++; out.Replayed {
				replayed++
			}
		})
	}
	all.Wait()
	if replayed != 7 {
		t.Errorf("%d of %d are repetitions", replayed, cancelled)
	}
	second := w.subscribe(t, "ACTIVE")
	in.Date = "20260302120000"
	for _, replayed := range []bool{false, true} { // whoever acknowledges an end never charges for it again
		if out, err := w.OptOut(as(t, "socio"), in); err != nil || !out.Cancelled || out.Replayed != replayed || w.state(t, first) != "CANCELLED" || w.state(t, second) != "CANCELLED" {
			t.Errorf("%+v, %v: %s", out, err, w.state(t, second))
		}
	}
	third := w.subscribe(t, "GRACE")
	other := in
	other.Channel = "SMS"
	if _, err := w.OptOut(as(t, "socio"), other); !errors.Is(err, problem.Rejected) || problem.Of(err).Code != subscription.CodeKeyReused || w.state(t, third) != "GRACE" {
		t.Errorf("another request: %v", err)
	}
	w.pass(repeat.Remembered)
	if err := repeat.Prune(t.Context(), w.db, w.now()); err != nil {
		t.Error(err)
	}
	if out, err := w.OptOut(as(t, "socio"), in); err != nil || out.Replayed || w.state(t, third) != "CANCELLED" {
		t.Errorf("a day later: %+v, %v", out, err)
	}
	w.pass(time.Minute)
	in.Key = "o-2" // what had ended before is answered likewise, and that again
	for _, want := range []bool{false, true} {
		if out, err := w.OptOut(as(t, "socio"), in); err != nil || out.Cancelled || out.Replayed != want {
			t.Errorf("%+v, %v", out, err)
		}
	}
}

// subscribe makes a subscription of the number's that is in a state.
func (w *world) subscribe(t *testing.T, state string) (id int64) {
	t.Helper()
	lineID, err := w.book.Enter(t.Context(), w.db, number)
	if err != nil {
		t.Fatal(err)
	}
	err = w.db.QueryRow(t.Context(), `WITH c AS (INSERT INTO subscription.consents (id, line_id, partner_id, service_id, product_id, pricepoint_id, amount, currency, proof, owner_epoch, given_at, record)
			VALUES (gen_random_uuid(), $1, $2, $3, $4, 201509, 990, 'CLP', 'PIN', '1', $5, '') RETURNING id)
		INSERT INTO subscription.subscriptions (line_id, partner_id, service_id, product_id, pricepoint_id, consent_id, campaign, channel, short_code, tid, user_type, owner_epoch, state, created_at, changed_at, anchor, periods, paid_until, due_at, cancelled_at)
		SELECT $1, $2, $3, $4, 201509, id, 'juegos', 'WEB', '8888', '', '02', '1', $6, $5, $5, $5, 1, $5::timestamptz + interval '7 days',
			CASE WHEN $6 <> 'CANCELLED' THEN $5::timestamptz + interval '7 days' END, CASE WHEN $6 = 'CANCELLED' THEN $5::timestamptz END FROM c RETURNING id`,
		lineID, partnerID, serviceID, weeklyID, w.now(), state).Scan(&id)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (w *world) state(t *testing.T, id int64) (state string) {
	t.Helper()
	if err := w.db.QueryRow(t.Context(), "SELECT state FROM subscription.subscriptions WHERE id = $1", id).Scan(&state); err != nil {
		t.Fatal(err)
	}
	return state
}
