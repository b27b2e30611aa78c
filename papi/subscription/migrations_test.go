package subscription

import (
	"fmt"
	"io/fs"
	"testing"
	"testing/fstest"

	"puente/shared/database"
	"puente/shared/database/databasetest"
	"puente/shared/outbox"
)

// The tables of what was charged and agreed to are full by now: whoever migrates them does not rewrite them, and does
// not read them under a lock that keeps charges waiting. An index whose building broke off is built anew.
func TestTermsMigrateWithoutReadingFullTables(t *testing.T) {
	before := fstest.MapFS{}
	for number := 1; number <= 5; number++ {
		names, err := fs.Glob(migrations.FS, fmt.Sprintf("%05d_*.sql", number))
		if err != nil || len(names) != 1 {
			t.Fatal(names, err)
		}
		text, err := fs.ReadFile(migrations.FS, names[0])
		if err != nil {
			t.Fatal(err)
		}
		before[names[0]] = &fstest.MapFile{Data: text}
	}
	db := databasetest.New(t, outbox.Migrations, database.Migrations{Schema: migrations.Schema, FS: before})
	query := func(text string) (value string) {
		t.Helper()
		if err := db.QueryRow(t.Context(), text).Scan(&value); err != nil {
			t.Fatal(err)
		}
		return value
	}
	const files = "SELECT string_agg(relname || ' ' || relfilenode, ', ' ORDER BY relname) FROM pg_class WHERE oid IN ('subscription.charges'::regclass, 'subscription.consents'::regclass)"
	were := query(files)
	for _, statement := range []string{
		"CREATE INDEX consents_given ON subscription.consents (given_at, id)",
		"UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'subscription.consents_given'::regclass",
	} {
		if _, err := db.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Migrate(t.Context(), []database.Migrations{migrations}); err != nil {
		t.Fatal(err)
	}
	if are := query(files); are != were {
		t.Errorf("rewritten: %s, and were %s", are, were)
	}
	if query("SELECT indisvalid::text FROM pg_index WHERE indexrelid = 'subscription.consents_given'::regclass") != "true" {
		t.Error("the index is not used")
	}
}
