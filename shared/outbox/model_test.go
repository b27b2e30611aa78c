package outbox

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"puente/shared/problem"
)

// TestTheHeadIsTheFirst plays with a few keys: whatever is added, answered and replayed, what is sent
// of a key is the first of it that is pending, and nothing is lost.
func TestTheHeadIsTheFirst(t *testing.T) {
	w := newWorld(t)
	rapid.Check(t, func(t *rapid.T) {
		w.exec(`truncate outbox.events cascade`)
		w.pass(1000)
		d := w.deliverer(calm, w.owner())
		type event struct {
			key   string
			state State
		}
		var events []event // by number, which is their type
		w.answer = func(e Event, _ int) Result {
			var n int
			_, _ = fmt.Sscan(e.Type, &n)
			for i := range n {
				if events[i].key == e.Key && events[i].state == StatePending {
					t.Errorf("%d was sent before %d of key %s", n, i, e.Key)
				}
			}
			o := rapid.SampledFrom([]Outcome{Delivered, Dead, Retry, Postponed}).Draw(t, "outcome")
			switch o {
			case Delivered:
				events[n].state = StateDelivered
			case Dead:
				events[n].state = StateDead
			}
			return Result{Outcome: o}
		}
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				key := rapid.SampledFrom([]string{"k", "l"}).Draw(t, "key")
				w.add(fmt.Sprintf("p/%s/%d", key, len(events)))
				events = append(events, event{key, StatePending})
			case 1:
				names, err := d.ready(w.t.Context())
				if err != nil {
					t.Fatal(err)
				}
				claimed, err := d.claim(w.t.Context(), d.shares.take(names, w.now))
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range claimed { // one after the other, as rapid draws
					d.deliver(w.t.Context(), e)
				}
			case 2:
				w.pass(standardSchedule[2])
			case 3:
				dead := w.records(StateDead)
				if len(dead) == 0 {
					continue
				}
				r := rapid.SampledFrom(dead).Draw(t, "letter")
				if err := w.o.Replay(w.t.Context(), w.db, "s", r.ID); err != nil && !errors.Is(err, problem.Conflict) {
					t.Fatal(err)
				}
				var n int
				_, _ = fmt.Sscan(r.Type, &n)
				events[n].state = StatePending
			}
			w.sound()
		}
		for _, state := range []State{StatePending, StateDelivered, StateDead} {
			var want, got []string
			for n, e := range events {
				if e.state == state {
					want = append(want, fmt.Sprint(n))
				}
			}
			for _, r := range w.records(state) {
				got = append(got, r.Type)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%s: %v, want %v", state, got, want)
			}
		}
	})
}
