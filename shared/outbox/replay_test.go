package outbox

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"

	"puente/shared/problem"
)

// TestReplayKeepsTheOrderOfCommits: a dead event goes before what is still pending of its key, and
// keeps its id.
func TestReplayKeepsTheOrderOfCommits(t *testing.T) {
	w := newWorld(t)
	d := w.deliverer(calm, w.owner())
	w.answer = func(e Event, _ int) Result {
		return map[string]Result{"subscribe": {Outcome: Dead}, "charge": {Outcome: Delivered}}[e.Type]
	}
	w.add("p/k/subscribe", "p/k/charge", "p/k/cancel") // cancel is to be retried
	w.want("sent", w.rounds(d), "cancel charge subscribe")
	letter := w.one(StateDead)
	if err := w.o.Replay(t.Context(), w.db, "s", letter.ID); err != nil {
		t.Fatal(err)
	}
	w.sound()
	w.want("pending", w.list(StatePending), "subscribe cancel")
	w.answer = nil
	w.want("sent", w.rounds(d), "subscribe") // cancel waits for its time
	if r := w.records(StateDelivered)[0]; r.ID != letter.ID || w.results(r.ID) != "1:dead 2:delivered" {
		t.Fatalf("%+v: %s", r, w.results(r.ID))
	}
	w.sound()
	if err := w.o.Replay(t.Context(), w.db, "s", letter.ID); !errors.Is(err, problem.Conflict) {
		t.Fatal(err)
	}
	if err := w.o.Replay(t.Context(), w.db, "another stream", letter.ID); !errors.Is(err, problem.NotFound) {
		t.Fatal(err)
	}
	if err := w.o.Replay(t.Context(), w.db, "s", uuid.New()); !errors.Is(err, problem.NotFound) {
		t.Fatal(err)
	}
}

// TestReplayFollowsWhatIsBeingSent: two events of a key are never under way at once.
func TestReplayFollowsWhatIsBeingSent(t *testing.T) {
	for _, end := range []Outcome{Delivered, Retry} {
		t.Run(end.String(), func(t *testing.T) {
			w := newWorld(t)
			d := w.deliverer(calm, w.owner())
			w.answer = answers(Dead, "a")
			w.add("p/k/a")
			w.rounds(d)
			letter := w.one(StateDead)
			w.add("p/k/b")
			entered, leave := make(chan struct{}), make(chan struct{})
			w.answer = func(e Event, _ int) Result {
				if e.Type == "b" {
					close(entered)
					<-leave
					return Result{Outcome: end}
				}
				return Result{Outcome: Delivered}
			}
			if err := d.round(t.Context(), t.Context()); err != nil {
				t.Fatal(err)
			}
			<-entered
			if err := w.o.Replay(t.Context(), w.db, "s", letter.ID); err != nil {
				t.Fatal(err)
			}
			w.sound()
			w.sent = nil
			if err := d.round(t.Context(), t.Context()); err != nil {
				t.Fatal(err)
			}
			w.want("sent beside b", strings.Join(w.sent, " "), "")
			close(leave)
			d.sends.Wait()
			w.sound()
			w.want("sent after b", w.rounds(d), "a")
			w.sound()
		})
	}
}

func TestReplayInBulk(t *testing.T) {
	w := newWorld(t)
	d := w.deliverer(calm, w.owner())
	w.exec(`insert into outbox.events (id, stream, destination, key, type, payload, sealed, state, head, created_at, due_at, ended_at)
		select gen_random_uuid(), 's', 'p' || i % 2, (i % 100)::text, 't' || i % 3, '', false, 'dead', false, $1, $1, $1 from generate_series(1, 1200) i`, w.now)
	w.add("p0/0/new")
	for _, step := range []struct {
		f    Filter
		want int
	}{
		{Filter{Stream: "s", Destination: "p0", Type: "t0"}, 200},
		{Filter{Stream: "s", Destination: "p0"}, 400},
		{Filter{Stream: "s", Type: "t1"}, 200},
		{Filter{Stream: "other"}, 0},
		{Filter{Stream: "s"}, 400},
		{Filter{Stream: "s"}, 0},
	} {
		if n, err := w.o.ReplayAll(t.Context(), w.db, step.f); err != nil || n != step.want {
			t.Fatalf("%+v: %d replayed, %v", step.f, n, err)
		}
		w.sound()
	}
	w.rounds(d)
	w.want("pending", w.list(StatePending), "")
	if n := len(w.records(StateDelivered)); n != 1201 {
		t.Fatalf("%d were delivered", n)
	}
}
