package smsc

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"puente/contracts/sapi/smsc"
	"puente/shared/database/databasetest"
	"puente/shared/problem"
)

func reportOf(t *testing.T, s *system, message, status string) smsc.ReceivedReport {
	t.Helper()
	id, err := uuid.Parse(message)
	if err != nil {
		t.Fatal(err)
	}
	return smsc.ReceivedReport{Message: message, Key: reportKey(s.ring, id), Status: status}
}

// What is too old is dropped; what nobody acknowledged never is.
func TestWhatIsKept(t *testing.T) {
	s, _ := start(t)
	c := beside(s)
	for _, id := range []string{"old", "new"} {
		if _, err := s.Submit(t.Context(), pin(id)); err != nil {
			t.Fatal(err)
		}
		hand(t, c, smsc.ReceivedMessage{From: "56912345678", To: "2200", Text: id, ID: id})
		ack(t, s)
		execute(t, s, `UPDATE smsc.inbound SET acknowledged_at = acknowledged_at - interval '4 days'`)
		execute(t, s, `UPDATE smsc.messages SET updated_at = updated_at - interval '50 days'`)
	}
	hand(t, c, smsc.ReceivedMessage{From: "56912345678", To: "2200", Text: "waits"})
	execute(t, s, `UPDATE smsc.inbound SET received_at = received_at - interval '400 days'`)
	if err := s.prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Query(t.Context(), smsc.MessageQuery{ID: "old"}); !errors.Is(err, problem.NotFound) {
		t.Error(err)
	}
	if _, err := s.Query(t.Context(), smsc.MessageQuery{ID: "new"}); err != nil {
		t.Error(err)
	}
	var kept, items int
	if err := s.db.QueryRow(t.Context(), `SELECT count(*) FILTER (WHERE acknowledged_at IS NOT NULL), count(*) FROM smsc.inbound`).Scan(&kept, &items); err != nil || kept != 1 || items != 2 {
		t.Errorf("%d of %d are done %v", kept, items, err)
	}
}

// What lies in the tables tells nothing of a person to who reads them, and once it is acknowledged nothing
// is left of a message.
func TestNothingPersonalAtRest(t *testing.T) {
	s, _ := start(t)
	c := beside(s)
	if _, err := s.Submit(t.Context(), pin("pin:1")); err != nil {
		t.Fatal(err)
	}
	hand(t, c, smsc.ReceivedMessage{From: "56920000000", To: "2200", Text: "SALIR 4711", ID: "gateway-id", Reference: "reference"})
	for _, part := range []string{"56920000000", "4711", "SALIR", "gateway-id"} {
		var found int
		if err := s.db.QueryRow(t.Context(), `
			SELECT count(*) FROM (SELECT m::text AS row, encode(m.content, 'escape') AS bytes FROM smsc.messages m
				UNION ALL SELECT i::text, encode(i.sealed, 'escape') || encode(i.gateway, 'escape') || encode(i.print, 'escape') FROM smsc.inbound i) AS rows
			WHERE row LIKE '%' || $1 || '%' OR row LIKE '%' || encode($1::bytea, 'hex') || '%' OR bytes LIKE '%' || $1 || '%'`, part).Scan(&found); err != nil || found != 0 {
			t.Errorf("%s is shown in %d rows %v", part, found, err)
		}
	}
	ack(t, s)
	var sealed int
	if err := s.db.QueryRow(t.Context(), `SELECT max(length(sealed)) FROM smsc.inbound`).Scan(&sealed); err != nil || sealed != 0 {
		t.Errorf("%d bytes are left %v", sealed, err)
	}
}

// What a message costs does not grow with those that are stored.
func TestPlansLast(t *testing.T) {
	s, _ := start(t)
	s.db = databasetest.NewSession(t, API.Migrations...)
	c := beside(s)
	n := 0
	use := func() {
		n++
		in := pin(fmt.Sprint("p:", n))
		out, err := s.Submit(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Submit(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Report(t.Context(), reportOf(t, s, out.MessageID, "1")); err != nil {
			t.Fatal(err)
		}
		hand(t, c, smsc.ReceivedMessage{From: "56912345678", To: "2200", Text: strings.Repeat("x", n%100+1), ID: fmt.Sprint(n), Reference: fmt.Sprint(n)})
		items, err := s.Take(t.Context(), smsc.Take{Limit: 100})
		if err != nil || len(items.Items) != 2 {
			t.Fatalf("%+v %v", items, err)
		}
		if _, err := s.Ack(t.Context(), smsc.Ack{IDs: []string{items.Items[0].ID, items.Items[1].ID}}); err != nil {
			t.Fatal(err)
		}
	}
	databasetest.WantLastingPlans(t, s.db, "smsc", use, `
		WITH many AS (SELECT i, sha256(i::text::bytea) AS sum FROM generate_series(1, 20000) AS i), messages AS (
			INSERT INTO smsc.messages (id, message, content, state, ends_at) SELECT 'm' || i, gen_random_uuid(), sum, 'DELIVERED', now() FROM many
		)
		INSERT INTO smsc.inbound (id, kind, gateway, print, received_at, acknowledged_at) SELECT gen_random_uuid(), 'MESSAGE', sum, sum, now(), now() FROM many`)
}
