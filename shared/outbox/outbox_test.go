package outbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"puente/shared/database"
	"puente/shared/database/databasetest"
	"puente/shared/outbox"
)

// mask is a cipher that is good enough to see whether one was used, and that the context is bound.
type mask struct{}

func (mask) Seal(context string, plain []byte) []byte {
	return append([]byte(context+"\x00"), reversed(plain)...)
}

func (mask) Open(context string, sealed []byte) ([]byte, error) {
	rest, ok := bytes.CutPrefix(sealed, []byte(context+"\x00"))
	if !ok {
		return nil, errors.New("sealed for another record")
	}
	return reversed(rest), nil
}

func reversed(b []byte) []byte {
	r := make([]byte, len(b))
	for i := range b {
		r[len(b)-1-i] = b[i]
	}
	return r
}

func add(t *testing.T, db *database.DB, o *outbox.Outbox, events ...outbox.Event) {
	t.Helper()
	err := pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) error {
		for _, e := range events {
			if err := o.Add(t.Context(), tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func types(events []outbox.Event) string {
	var s []string
	for _, e := range events {
		s = append(s, e.Type)
	}
	return strings.Join(s, " ")
}

func TestEventsShareTheFateOfTheirTransaction(t *testing.T) {
	db := databasetest.New(t, outbox.Migrations)
	o := outbox.New(nil, time.Now)
	notified := make(chan string, 16)
	ctx, cancel := context.WithCancel(t.Context())
	var listening sync.WaitGroup
	listening.Go(func() { db.Listen(ctx, outbox.Channel, func(stream string) { notified <- stream }) })
	defer listening.Wait()
	defer cancel()
	<-notified // connected

	tx, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Add(t.Context(), tx, outbox.Event{Stream: "s", Destination: "d", Key: "k", Type: "lost"}); err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	add(t, db, o, outbox.Event{Stream: "s", Destination: "d", Key: "k", Type: "a", Payload: []byte("1")}, outbox.Event{Stream: "s", Destination: "d", Key: "k", Type: "b"})
	add(t, db, o, outbox.Event{Stream: "other", Destination: "d", Key: "k", Type: "x"}, outbox.Event{Stream: "s", Destination: "d", Key: "k", Type: "c"})

	events, err := o.Pending(t.Context(), db, "s", 10)
	if err != nil || types(events) != "a b c" {
		t.Fatalf("pending %s, %v", types(events), err)
	}
	if e := events[0]; e.ID.Version() != 7 || string(e.Payload) != "1" || e.Created.IsZero() || e.Key != "k" {
		t.Fatalf("event %+v", e)
	}
	if first := <-notified; first != "s" {
		t.Fatalf("the first wake-up is for %q: the rollback woke somebody", first)
	}
}

func TestPayloadsAreSealedForTheirRow(t *testing.T) {
	db := databasetest.New(t, outbox.Migrations)
	o := outbox.New(mask{}, time.Now)
	add(t, db, o, outbox.Event{Stream: "s", Destination: "d", Key: "k", Type: "a", Payload: []byte("3001234567")}, outbox.Event{Stream: "s", Destination: "d", Key: "l", Type: "b", Payload: []byte("other")})
	var readable int
	if err := db.QueryRow(t.Context(), `select count(*) from outbox.events where position('3001234567'::bytea in payload) > 0`).Scan(&readable); err != nil || readable != 0 {
		t.Fatalf("%d payloads can be read, %v", readable, err)
	}
	if events, err := o.Pending(t.Context(), db, "s", 10); err != nil || string(events[0].Payload) != "3001234567" {
		t.Fatalf("%v, %v", events, err)
	}
	if _, err := outbox.New(nil, time.Now).Pending(t.Context(), db, "s", 10); err == nil {
		t.Fatal("a sealed payload was given out as it is")
	}
	if _, err := db.Exec(t.Context(), `update outbox.events a set payload = b.payload from outbox.events b where a.type = 'a' and b.type = 'b'`); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Pending(t.Context(), db, "s", 10); err == nil {
		t.Fatal("a payload was opened that belongs to another row")
	}
}

// TestOrderWithinAKeyIsThatOfCommits lets transactions compete for a key while a reader follows the
// sequence, as a deliverer does. Nothing may appear behind what it has read.
func TestOrderWithinAKeyIsThatOfCommits(t *testing.T) {
	db := databasetest.New(t, outbox.Migrations)
	o := outbox.New(nil, time.Now)
	const writers, each = 4, 25
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for i := range each {
				err := pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) error {
					return o.Add(t.Context(), tx, outbox.Event{Stream: "s", Destination: "d", Key: "k", Type: fmt.Sprintf("%d.%d", w, i)})
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	// A reader that follows the sequence must never see an event appear before one it has seen.
	var last int64
	seen := 0
	read := func() {
		events, err := o.Pending(t.Context(), db, "s", 1000)
		if err != nil {
			t.Fatal(err)
		}
		for i, e := range events {
			if i < seen && e.Sequence > last || i >= seen && e.Sequence <= last {
				t.Fatalf("event %d has sequence %d; %d were seen up to %d", i, e.Sequence, seen, last)
			}
		}
		if seen = len(events); seen > 0 {
			last = events[seen-1].Sequence
		}
	}
	done := make(chan struct{})
	go func() { writing.Wait(); close(done) }()
	for reading := true; reading; {
		select {
		case <-done:
			reading = false
		default:
		}
		read()
	}
	if seen != writers*each {
		t.Fatalf("%d events of %d", seen, writers*each)
	}
}

func TestWhatIsAddedNamesWhatItNeeds(t *testing.T) {
	db := databasetest.New(t, outbox.Migrations)
	o := outbox.New(nil, time.Now)
	err := pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) error { return o.Add(t.Context(), tx, outbox.Event{Key: "k"}) })
	for _, member := range []string{"stream", "destination", "type"} {
		if err == nil || !strings.Contains(err.Error(), member+": is required") {
			t.Errorf("%s: %v", member, err)
		}
	}
}

// At another level a transaction sees the key as it was at its beginning: its event would wait for one
// that has ended.
func TestOnlyReadCommittedTransactionsAdd(t *testing.T) {
	db := databasetest.New(t, outbox.Migrations)
	o := outbox.New(nil, time.Now)
	for level, want := range map[pgx.TxIsoLevel]bool{pgx.ReadCommitted: true, pgx.RepeatableRead: false, pgx.Serializable: false} {
		err := pgx.BeginTxFunc(t.Context(), db, pgx.TxOptions{IsoLevel: level}, func(tx pgx.Tx) error {
			return o.Add(t.Context(), tx, outbox.Event{Stream: "s", Destination: "d", Type: "t"})
		})
		if (err == nil) != want {
			t.Errorf("%s: %v", level, err)
		}
	}
}
