package idempotency

import (
	"testing"
	"time"

	"puente/shared/database"
	"puente/shared/database/databasetest"
)

// at is a moment of 21 November 2026, or with a larger hour of the days after.
func at(hour, minute, second int) time.Time {
	return time.Date(2026, 11, 21, hour, minute, second, 0, time.UTC)
}

func TestKeyIsRememberedAcrossDays(t *testing.T) {
	for _, c := range []struct {
		name          string
		first, second time.Time
		want          State
	}{
		{"same day", at(0, 0, 0), at(23, 59, 59), Replayed},
		{"next day", at(12, 0, 0), at(24+11, 59, 59), Replayed},
		{"23 h 59 min", at(23, 59, 59), at(47, 58, 59), Replayed},
		{"after midnight", at(23, 59, 59), at(24, 0, 0), Replayed},
		{"two days later", at(12, 0, 0), at(48, 0, 0), Started},
		{"the clock was set back over midnight", at(24, 30, 0), at(23, 45, 0), Replayed},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := databasetest.New(t, Migrations)
			first, second := newStore(t, db, c.first), newStore(t, db, c.second)
			finish(t, first, begin(t, first, payment(), Started).Ticket)
			begin(t, second, payment(), c.want)
			begin(t, second, payment(), map[State]State{Replayed: Replayed, Started: Running}[c.want])
		})
	}
}

// Two copies on two sides of midnight go into two partitions; the second must wait for the first
// even though no index makes it.
func TestMidnightDoesNotDoubleAnEffect(t *testing.T) {
	for _, c := range []struct {
		name          string
		first, second time.Time
	}{
		{"at midnight", at(23, 59, 59), at(24, 0, 0)},
		{"around midnight", at(23, 55, 1), at(24, 4, 59)},
		{"clocks that disagree", at(24, 0, 1), at(23, 59, 59)},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := databasetest.New(t, Migrations)
			first, second := newStore(t, db, c.first), newStore(t, db, c.second)
			for _, s := range []*Store{first, second} {
				if err := s.Maintain(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			// The first has claimed and not committed yet.
			tx, err := db.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer tx.Rollback(t.Context())
			p := payment()
			p.Deadline = time.Now().Add(time.Hour) // longer than the two are apart
			key := first.ring.MAC("idempotency key", []byte(p.Scope), []byte(p.Key))
			met, err := first.claim(t.Context(), tx, []claim{{key: key, body: first.ring.MAC("idempotency body", key[:], []byte(p.Path), p.Body), deadline: p.Deadline}})
			if err != nil || met[0].state != Started {
				t.Fatalf("the first: %v, %v", met, err)
			}
			result := make(chan Outcome, 1)
			go func() {
				out, err := second.Begin(t.Context(), p)
				if err != nil {
					t.Error(err)
				}
				result <- out
			}()
			waitForLock(t, db)
			if err := tx.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			if out := <-result; out.State != Running {
				t.Errorf("the second is %v, want running", out.State)
			}
		})
	}
}

// waitForLock returns once a session waits for an advisory lock.
func waitForLock(t *testing.T, db *database.DB) {
	t.Helper()
	for waits := false; !waits; {
		err := db.QueryRow(t.Context(), `select exists (select from pg_locks where locktype = 'advisory' and not granted
			and database = (select oid from pg_database where datname = current_database()))`).Scan(&waits)
		if err != nil {
			t.Fatal(err)
		}
	}
}

func partitions(t *testing.T, db *database.DB) (names string) {
	t.Helper()
	err := db.QueryRow(t.Context(), `select string_agg(relname, ' ' order by relname) from pg_inherits
		join pg_class on pg_class.oid = inhrelid where inhparent = 'idempotency.claims'::regclass`).Scan(&names)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestPartitionsComeAndGo(t *testing.T) {
	db := databasetest.New(t, Migrations)
	first := newStore(t, db, at(12, 0, 0))
	for range 2 {
		if err := first.Maintain(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	const made = "claims_20261121 claims_20261122 claims_20261123 claims_20261124"
	if got := partitions(t, db); got != made {
		t.Errorf("partitions %s, want %s", got, made)
	}
	finish(t, first, begin(t, first, payment(), Started).Ticket)

	tomorrow := newStore(t, db, at(24+12, 0, 0))
	if err := tomorrow.Maintain(t.Context()); err != nil {
		t.Fatal(err)
	}
	begin(t, tomorrow, payment(), Replayed)

	later := newStore(t, db, at(48, 0, 0))
	if err := later.Maintain(t.Context()); err != nil {
		t.Fatal(err)
	}
	const left = "claims_20261122 claims_20261123 claims_20261124 claims_20261125 claims_20261126"
	if got := partitions(t, db); got != left {
		t.Errorf("partitions %s, want %s", got, left)
	}
	begin(t, later, payment(), Started)
}

func TestBeginMakesAMissingPartition(t *testing.T) {
	db := databasetest.New(t, Migrations) // nothing has maintained it
	begin(t, newStore(t, db), payment(), Started)
	if met, _ := crowd(t, payment(), newStore(t, db, at(24*365, 0, 0)), newStore(t, db, at(24*365, 0, 0))); met[Started] != 1 || met[Running] != 99 {
		t.Errorf("%v, want one started and 99 running", met)
	}
}

func TestRetentionInDays(t *testing.T) {
	for retention, days := range map[time.Duration]int{0: 1, 5 * time.Second: 1, 24 * time.Hour: 1, 24*time.Hour + 1: 2, 72 * time.Hour: 3} {
		if got := (Config{Retention: retention}).days(); got != days {
			t.Errorf("%v: %d days back, want %d", retention, got, days)
		}
	}
	if (Config{Retention: -1}).Validate() == nil {
		t.Error("a negative retention passes")
	}
}
