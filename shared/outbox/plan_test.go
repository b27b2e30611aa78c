package outbox

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"puente/shared/database/databasetest"
)

// What a delivery costs does not grow with what waits, is dead or was delivered.
func TestPlansLast(t *testing.T) {
	w := newWorld(t)
	w.db = databasetest.NewSession(t, Migrations)
	d := w.deliverer(calm, w.owner())
	n := 0
	use := func() {
		n++
		w.answer = answers(Dead, "dead")
		w.add(fmt.Sprintf("used/%d/dead", n), fmt.Sprintf("used/%d/alive", n))
		if names, err := d.ready(t.Context()); err != nil || len(names) == 0 {
			t.Fatal(names, err)
		}
		claimed, err := d.claim(t.Context(), d.shares.take([]string{"used"}, w.now))
		if err != nil || len(claimed) != 1 {
			t.Fatal(len(claimed), err)
		}
		s := d.follow(claimed[0], Result{Outcome: Dead}, w.now, 0)
		if err := d.settle(t.Context(), claimed[0], s); err != nil {
			t.Fatal(err)
		}
		d.shares.done("used", claimed[0].admission, Delivered, w.now, 0)
		if err := w.o.Replay(t.Context(), w.db, "s", claimed[0].ID); err != nil {
			t.Fatal(err)
		}
		if _, err := w.o.ReplayAll(t.Context(), w.db, Filter{Stream: "s", Destination: "used"}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			claimed, err := d.claim(t.Context(), d.shares.take([]string{"used"}, w.now))
			if err != nil || len(claimed) != 1 {
				t.Fatal(len(claimed), err)
			}
			s := d.follow(claimed[0], Result{Outcome: Delivered}, w.now, 0)
			if err := d.settle(t.Context(), claimed[0], s); err != nil {
				t.Fatal(err)
			}
			d.shares.done("used", claimed[0].admission, Delivered, w.now, 0)
		}
		for _, state := range []State{StatePending, StateDelivered, StateDead} {
			if _, err := w.o.List(t.Context(), w.db, Filter{Stream: "s", State: state}, 0, 10); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := w.o.Attempts(t.Context(), w.db, uuid.New()); err != nil {
			t.Fatal(err)
		}
		if err := w.o.PauseDestination(t.Context(), w.db, "s", "paused", ""); err != nil {
			t.Fatal(err)
		}
		if err := w.o.ResumeDestination(t.Context(), w.db, "s", "paused"); err != nil {
			t.Fatal(err)
		}
		if err := d.measure(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := d.Prune(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	// Of those that wait, some have a key of their own and some one key for all; none is due.
	databasetest.WantLastingPlans(t, w.db, "outbox", use, `
		insert into outbox.events (id, stream, destination, key, type, payload, sealed, state, head, created_at, due_at, ended_at)
		select gen_random_uuid(), 's', 'p' || i % 3, 'filled ' || i, 't', ''::bytea, false,
			(array['pending', 'pending', 'delivered', 'dead'])[1 + i % 4], i % 4 < 2, '2026-01-01'::timestamptz, '2126-01-01'::timestamptz, case when i % 4 > 1 then '2026-01-01'::timestamptz end
		from generate_series(1, 20000) i
		union all
		select gen_random_uuid(), 's', 'p0', 'one', 't', ''::bytea, false, 'pending', i = 1, '2026-01-01'::timestamptz, '2126-01-01'::timestamptz, null from generate_series(1, 5000) i;
		insert into outbox.destinations select 's', 'p' || i, null, '' from generate_series(1, 2000) i`)
}

var usedIndex = regexp.MustCompile(`(?:Index|Index Only|Bitmap Index) Scan (?:Backward )?(?:using|on) (\w+)`)

// A connection keeps the plans that it made while the tables were empty. An index by stream would
// serve where one by key is meant, and read all that waits: each statement is to choose its own.
func TestEachStatementHasItsIndex(t *testing.T) {
	db := databasetest.New(t, Migrations)
	conn, err := db.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	if _, err := conn.Exec(t.Context(), "set plan_cache_mode = force_generic_plan"); err != nil {
		t.Fatal(err)
	}
	for n, test := range []struct{ statement, indexes string }{
		{insertEvents, "events_pending"}, {selectReady, "destinations_pkey events_due"}, {selectDue, "destinations_pkey events_due"}, {leaseEvent, "events_pkey"},
		{settleEvent, "events_pkey"}, {lockHead, "events_heads"}, {demoteHead, "events_heads events_pending"}, {promoteFirst, "events_heads events_pending"},
		{selectPage, "events_listed"}, {selectRecord, "events_pkey"}, {selectAttempts, "attempts_pkey"}, {selectLetter, "events_pkey"},
		{selectDead, "events_listed"}, {revive, "events_pkey"}, {resumeDestination, "destinations_pkey"}, {selectOld, "events_delivered"},
		{deleteEvent, "events_pkey"}, {selectDestinations, "destinations_pkey events_dead events_due"},
	} {
		plan := explain(t, conn.Conn(), fmt.Sprintf("statement_%d", n), test.statement)
		var used []string
		for _, found := range usedIndex.FindAllStringSubmatch(plan, -1) {
			used = append(used, found[1])
		}
		slices.Sort(used)
		if strings.Join(slices.Compact(used), " ") != test.indexes || strings.Contains(plan, "Seq Scan on") {
			t.Errorf("%s uses %s, not %s:\n%s", test.statement, used, test.indexes, plan)
		}
	}
}

// explain is the plan of a prepared statement that does not look at its arguments.
func explain(t *testing.T, conn *pgx.Conn, name, statement string) string {
	t.Helper()
	ctx := context.Background()
	if _, err := conn.Exec(ctx, "prepare "+name+" as "+statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	var arguments int
	if err := conn.QueryRow(ctx, "select cardinality(parameter_types) from pg_prepared_statements where name = $1", name).Scan(&arguments); err != nil {
		t.Fatal(err)
	}
	call := name + "(" + strings.TrimSuffix(strings.Repeat("null, ", arguments), ", ") + ")"
	rows, err := conn.Query(ctx, "explain execute "+call, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}
