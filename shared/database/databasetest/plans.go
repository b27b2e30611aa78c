package databasetest

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"puente/shared/database"
)

// customPlans is how often PostgreSQL plans a statement for the values at hand before it compares
// the cost of these plans with that of one for all values.
const customPlans = 5

// WantLastingPlans wants the statements of use to be planned once and for all, and those plans, made
// while the tables of the schema are empty, to read none of them whole after the statement fill has
// filled them: what a request costs must not grow with what is stored. One use is one request, or a
// group of them, on a db of NewSession.
func WantLastingPlans(t testing.TB, db *database.DB, schema string, use func(), fill string) {
	t.Helper()
	for range 2 * customPlans {
		use()
	}
	rows, err := db.Query(context.Background(), "select statement from pg_prepared_statements where custom_plans > $1", customPlans)
	if err != nil {
		t.Fatal(err)
	}
	anew, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range anew {
		t.Errorf("planned anew each time: %s", statement)
	}

	// Now each statement keeps the first plan it gets.
	const keep = "do $$ begin execute format('alter database %I set plan_cache_mode = force_generic_plan', current_database()); end $$"
	if _, err := db.Exec(context.Background(), keep); err != nil {
		t.Fatal(err)
	}
	db.Reset()
	use()
	if _, err := db.Exec(context.Background(), fill); err != nil {
		t.Fatal(err)
	}
	before := scans(t, db, schema)
	use()
	for table, n := range scans(t, db, schema) {
		if n > before[table] {
			t.Errorf("%s was read whole %d times", table, n-before[table])
		}
	}
}

// scans is how often each table of the schema was read whole.
func scans(t testing.TB, db *database.DB, schema string) map[string]int64 {
	t.Helper()
	ctx := context.Background()
	if _, err := db.Exec(ctx, "select pg_stat_force_next_flush()"); err != nil {
		t.Fatal(err)
	}
	rows, err := db.Query(ctx, "select relname::text, seq_scan from pg_stat_all_tables where schemaname = $1", schema)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int64{}
	var table string
	var n int64
	if _, err := pgx.ForEachRow(rows, []any{&table, &n}, func() error {
		found[table] = n
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		t.Fatalf("schema %s has no tables", schema)
	}
	return found
}
