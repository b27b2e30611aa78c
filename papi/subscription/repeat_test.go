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

// An end that comes again under its key ends nothing more, whatever its user subscribed to since; another request
// under the key is refused, and another partner's key is another.
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
	if out, err := w.OptOut(as(t, "socio"), in); err != nil || !out.Replayed || w.state(t, first) != "CANCELLED" || w.state(t, second) != "ACTIVE" {
		t.Errorf("%+v, %v: %s", out, err, w.state(t, second))
	}
	other := in
	other.Channel = "SMS"
	if _, err := w.OptOut(as(t, "socio"), other); !errors.Is(err, problem.Rejected) || problem.Of(err).Code != subscription.CodeKeyReused {
		t.Errorf("another request: %v", err)
	}
	w.pass(repeat.Remembered)
	if err := repeat.Prune(t.Context(), w.db, w.now()); err != nil {
		t.Error(err)
	}
	if out, err := w.OptOut(as(t, "socio"), in); err != nil || out.Replayed || w.state(t, second) != "CANCELLED" {
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
