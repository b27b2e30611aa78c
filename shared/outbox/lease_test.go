package outbox

import (
	"errors"
	"testing"
	"time"
)

func TestAPanicAndAHookThatFailsLoseNothing(t *testing.T) {
	w := newWorld(t)
	d := w.deliverer(calm, w.owner())
	w.add("p/k/a")
	w.answer = func(Event, int) Result { panic("no") }
	w.want("sent", w.rounds(d), "a")
	w.want("tried", w.results(w.one(StatePending).ID), "1:retry")

	w.answer, w.hook = nil, errors.New("the owner's table is locked")
	w.pass(time.Minute)
	brief := w.deliverer(Config{Timeout: 10 * time.Millisecond, Lease: 150 * time.Millisecond, Breaker: breakerOff}, w.owner())
	if err := brief.round(t.Context(), t.Context()); err != nil {
		t.Fatal(err)
	}
	brief.sends.Wait() // it tries to write the delivery down for as long as its lease lasts
	w.want("pending", w.list(StatePending), "a")
	w.hook = nil
	w.exec(`update outbox.events set leased_until = clock_timestamp() where lease is not null`)
	w.want("sent", w.rounds(d), "a")
	r := w.one(StateDelivered)
	w.want("tried", w.results(r.ID), "1:retry 2:lost 3:delivered")
}

// TestALeaseThatEndedIsAnothers: who comes late with a result changes nothing.
func TestALeaseThatEndedIsAnothers(t *testing.T) {
	w := newWorld(t)
	d := w.deliverer(calm, w.owner())
	w.add("p/k/a", "p/k/b")
	late, err := d.claim(t.Context(), d.shares.take([]string{"p"}, w.now))
	if err != nil || len(late) != 1 {
		t.Fatal(late, err)
	}
	w.want("sent while leased", w.rounds(d), "")
	w.exec(`update outbox.events set leased_until = clock_timestamp() where lease is not null`)
	other := w.deliverer(calm, w.owner())
	w.want("sent", w.rounds(other), "a b")
	err = d.settle(t.Context(), late[0], d.follow(late[0], Result{Outcome: Dead}, w.now, 0))
	if !errors.Is(err, errTaken) {
		t.Fatal(err)
	}
	w.want("delivered", w.list(StateDelivered), "a b")
	w.want("tried", w.results(late[0].ID), "1:lost 2:delivered")
}
