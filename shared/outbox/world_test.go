package outbox

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/database"
	"puente/shared/database/databasetest"
)

// world is a stream with its receivers, under a clock that stands still.
type world struct {
	t  *testing.T
	db *database.DB
	o  *Outbox

	mu     sync.Mutex
	now    time.Time
	sent   []string                    // types, in the order of sending
	answer func(e Event, n int) Result // nil: all is delivered
	ended  []string                    // what the hooks heard: delivered a, died b
	hook   error                       // what they answer
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, db: databasetest.New(t, Migrations), now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	w.o = New(nil, w.time)
	return w
}

func (w *world) time() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) send(_ context.Context, e Event, n int) Result {
	w.mu.Lock()
	w.sent = append(w.sent, e.Type)
	answer := w.answer
	w.mu.Unlock()
	if answer == nil {
		return Result{Outcome: Delivered, Status: 200}
	}
	return answer(e, n)
}

func (w *world) ends(how string) func(context.Context, pgx.Tx, Event, Attempt) error {
	return func(_ context.Context, _ pgx.Tx, e Event, a Attempt) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.hook == nil {
			w.ended = append(w.ended, fmt.Sprintf("%s %s %d", how, e.Type, a.Number))
		}
		return w.hook
	}
}

func (w *world) owner() Owner {
	return Owner{Send: w.send, Delivered: w.ends("delivered"), Died: w.ends("died")}
}

// calm is a configuration whose breakers stay closed.
var calm = Config{Breaker: breakerOff}

func (w *world) deliverer(cfg Config, owner Owner) *Deliverer {
	w.t.Helper()
	if err := cfg.Validate(); err != nil {
		w.t.Fatal(err)
	}
	d, err := NewDeliverer(w.o, "s", cfg, owner, Deps{DB: w.db, Logger: databasetest.Logger(w.t), Registerer: prometheus.NewRegistry()})
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// add adds events, each destination/key/type.
func (w *world) add(events ...string) {
	w.t.Helper()
	all := make([]Event, len(events))
	for i, e := range events {
		part := strings.Split(e, "/")
		all[i] = Event{Stream: "s", Destination: part[0], Key: part[1], Type: part[2]}
	}
	err := pgx.BeginFunc(w.t.Context(), w.db, func(tx pgx.Tx) error { return w.o.Add(w.t.Context(), tx, all...) })
	if err != nil {
		w.t.Fatal(err)
	}
}

// rounds works until nothing more is due or allowed, and tells what was sent.
func (w *world) rounds(d *Deliverer) string {
	w.t.Helper()
	w.mu.Lock()
	w.sent = nil
	w.mu.Unlock()
	for before := -1; ; {
		d.looked = time.Time{} // it looks each time
		if err := d.round(w.t.Context(), w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
		d.sends.Wait()
		w.mu.Lock()
		n := len(w.sent)
		w.mu.Unlock()
		if n == before {
			break
		}
		before = n
	}
	slices.Sort(w.sent)
	return strings.Join(w.sent, " ")
}

// look works until nothing more of a destination is due or allowed, whatever hangs elsewhere.
func (w *world) look(d *Deliverer, destination string) {
	w.t.Helper()
	under := func() int {
		d.shares.mu.Lock()
		defer d.shares.mu.Unlock()
		if p := d.shares.places[destination]; p != nil {
			return p.taken
		}
		return 0
	}
	for before := -1; ; {
		d.looked = time.Time{}
		if err := d.round(w.t.Context(), w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
		for under() > 0 {
			<-d.wake // an end of a send
		}
		w.mu.Lock()
		n := len(w.sent)
		w.mu.Unlock()
		if n == before {
			return
		}
		before = n
	}
}

func (w *world) want(what, got, want string) {
	w.t.Helper()
	if got != want {
		w.t.Fatalf("%s: %q, want %q", what, got, want)
	}
}

// list gives the types of a state, the first first.
func (w *world) list(state State) string {
	w.t.Helper()
	var all []string
	for _, r := range w.records(state) {
		all = append(all, r.Type)
	}
	return strings.Join(all, " ")
}

func (w *world) records(state State) []Record {
	w.t.Helper()
	page, err := w.o.List(w.t.Context(), w.db, Filter{Stream: "s", State: state}, 0, 100000)
	if err != nil {
		w.t.Fatal(err)
	}
	slices.Reverse(page)
	return page
}

func (w *world) one(state State) Record {
	w.t.Helper()
	all := w.records(state)
	if len(all) != 1 {
		w.t.Fatalf("%d events are %s", len(all), state)
	}
	return all[0]
}

// results tells what was tried: number, result and status.
func (w *world) results(id uuid.UUID) string {
	w.t.Helper()
	attempts, err := w.o.Attempts(w.t.Context(), w.db, id)
	if err != nil {
		w.t.Fatal(err)
	}
	var all []string
	for _, a := range attempts {
		all = append(all, fmt.Sprintf("%d:%s", a.Number, a.Result))
	}
	return strings.Join(all, " ")
}

// sound checks that each key with something pending has one head.
func (w *world) sound() {
	w.t.Helper()
	var keys int
	err := w.db.QueryRow(w.t.Context(), `
		select count(*) from (
			select from outbox.events group by stream, key
			having count(*) filter (where state = 'pending') > 0 and count(*) filter (where head) <> 1
			    or count(*) filter (where state = 'pending') = 0 and count(*) filter (where head) <> 0
		) broken`).Scan(&keys)
	if err != nil || keys != 0 {
		w.t.Fatalf("%d keys without the one head, %v", keys, err)
	}
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.db.Exec(w.t.Context(), sql, args...); err != nil {
		w.t.Fatal(err)
	}
}
