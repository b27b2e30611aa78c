package idempotency

import (
	"testing"
	"time"

	"puente/shared/database/databasetest"
)

// A group that was written without anybody learning it is written again: it finds itself.
func TestGroupFindsItself(t *testing.T) {
	db := databasetest.New(t, Migrations)
	s := newStore(t, db)
	if err := s.Maintain(t.Context()); err != nil {
		t.Fatal(err)
	}
	write := func(c claim, want State) Ticket {
		t.Helper()
		met, err := s.claim(t.Context(), db, []claim{c})
		if err != nil || met[0].state != want {
			t.Fatalf("%v %v, want %v", met, err, want)
		}
		return Ticket{c.key, met[0].day, met[0].token}
	}
	first := claim{key: [32]byte{1}, token: [16]byte{1}, deadline: time.Now()}
	for range 2 {
		write(first, Started)
	}
	second := claim{key: [32]byte{1}, token: [16]byte{2}, deadline: time.Now().Add(time.Hour)}
	write(second, Resumed)
	ticket := write(second, Resumed)
	write(first, Running) // was taken over

	for range 2 {
		group := []ending{{ticket, []byte("sealed")}, {Ticket{first.key, ticket.day, first.token}, []byte("late")}}
		held, err := s.end(t.Context(), db, group)
		if err != nil || !held[0] || held[1] {
			t.Fatalf("held %v %v, want the holder's alone", held, err)
		}
	}
	if held, err := s.end(t.Context(), db, []ending{{ticket, []byte("sealed anew")}}); err != nil || held[0] {
		t.Errorf("another answer of the same holder: held %v %v", held, err)
	}
}
