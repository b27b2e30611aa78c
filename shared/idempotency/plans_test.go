package idempotency

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"puente/shared/database/databasetest"
)

// What a request costs does not grow with those that are remembered.
func TestPlansLast(t *testing.T) {
	db := databasetest.NewSession(t, Migrations)
	s := newStore(t, db)
	if err := s.Maintain(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := 0
	use := func() {
		n++
		c := payment()
		c.Key = fmt.Sprint("kept ", n)
		ticket := begin(t, s, c, Started).Ticket
		begin(t, s, c, Running)
		finish(t, s, ticket)
		if err := s.Finish(t.Context(), ticket, paid); !errors.Is(err, ErrTaken) { // sealed anew it is another answer
			t.Fatal(err)
		}
		begin(t, s, c, Replayed)

		c.Key = fmt.Sprint("released ", n)
		ticket = begin(t, s, c, Started).Ticket
		if err := s.Release(t.Context(), ticket); err != nil {
			t.Fatal(err)
		}
		c.Deadline = time.Now()
		begin(t, s, c, Started)
		begin(t, s, c, Resumed)
	}
	databasetest.WantLastingPlans(t, db, "idempotency", use, `
		with claimed as (
			insert into idempotency.claims select sha256(i::text::bytea), (now() at time zone 'utc')::date, 'body', 'token', now() from generate_series(1, 20000) as i
			returning key, day
		)
		insert into idempotency.answers select key, day, 'sealed' from claimed`)
}
