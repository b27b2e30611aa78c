package salesorder

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"puente/sapi/salesorder/sql"
	"puente/shared/database/databasetest"
)

// What a NIP or a port-in costs does not grow with those that are stored.
func TestPlansLast(t *testing.T) {
	s, _ := start(t)
	s.db = databasetest.NewSession(t, API.Migrations...)
	n := 0
	use := func() {
		n++
		phone := s.ring.MAC("test", fmt.Append(nil, n))
		var group []intention // as large as they are under load
		for i := range 10 {
			key := s.ring.MAC("test", phone[:], []byte{byte(i)})
			group = append(group, intention{phone: key, key: key, lasts: keyLasts, correlation: "T", attempt: [16]byte{1}})
		}
		for _, want := range []string{"intended", repeated} {
			got, err := s.intend(t.Context(), s.db, group)
			if err != nil {
				t.Fatal(err)
			}
			for i := range group {
				if got[i].state != want {
					t.Fatalf("%+v, want %s", got[i], want)
				}
				group[i].attempt[0]++
			}
		}
		s.uncount(t.Context(), phone)

		in := portIn("3000000019", "12345")
		attempt, err := s.claim(t.Context(), phone[:], in)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.claim(t.Context(), phone[:], in); !errors.Is(err, pgx.ErrNoRows) {
			t.Fatal(err)
		}
		s.settle(t.Context(), phone[:], attempt, filed, "R-1")
		if row, err := sql.New(s.db).PortIn(context.Background(), sql.PortInParams{ID: phone[:]}); err != nil || row.State != filed {
			t.Fatalf("%+v %v", row, err)
		}
	}
	databasetest.WantLastingPlans(t, s.db, "salesorder", use, `
		WITH many AS (SELECT sha256(i::text::bytea) AS id FROM generate_series(1, 20000) AS i), nips AS (
			INSERT INTO salesorder.nip_requests (key, phone) SELECT id, id FROM many
		)
		INSERT INTO salesorder.port_ins (id, inquiry, correlation, state, ends_at) SELECT id, 'sealed', 'T', 'filed', now() FROM many`)
}

// A group that was written without anybody learning it is written again: it finds itself, and counts
// once.
func TestIntentionFindsItself(t *testing.T) {
	s, _ := start(t)
	n := func(key, attempt byte) intention {
		return intention{phone: [32]byte{1}, key: [32]byte{key}, lasts: keyLasts, attempt: [16]byte{attempt}}
	}
	for _, c := range []struct {
		what string
		intention
		want string
	}{
		{"first", n(1, 1), "intended"}, {"written again", n(1, 1), "intended"}, {"a copy", n(1, 2), repeated},
		{"second", n(2, 3), "intended"}, {"third", n(3, 4), "intended"}, {"fourth", n(4, 5), "refused"}, {"third again", n(3, 4), "intended"},
	} {
		if got, err := s.intend(t.Context(), s.db, []intention{c.intention}); err != nil || got[0].state != c.want {
			t.Errorf("%s: %+v %v, want %s", c.what, got, err, c.want)
		}
	}
}
