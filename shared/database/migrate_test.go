package database_test

import (
	"context"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"puente/shared/database"
	"puente/shared/database/databasetest"
)

// files is a file system of texts by name.
type files map[string]string

func (f files) Open(name string) (fs.File, error) {
	m := fstest.MapFS{}
	for name, text := range f {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m.Open(name)
}

func TestMigrateReplicasAtOnce(t *testing.T) {
	db := databasetest.New(t)
	all := []database.Migrations{
		{Schema: "one", FS: files{
			"00001_a.sql": "-- +goose Up\ncreate table one.a (id int primary key);\n",
			"00002_b.sql": "-- +goose NO TRANSACTION\n-- +goose Up\ncreate index concurrently a_id on one.a (id);\n",
		}},
		{Schema: "two", FS: files{"00001_a.sql": "-- +goose Up\ncreate table two.a (id int);\ninsert into two.a values (1);\n"}},
	}
	var replicas sync.WaitGroup
	for range 5 {
		replicas.Go(func() {
			if err := db.Migrate(t.Context(), all); err != nil {
				t.Error(err)
			}
		})
	}
	replicas.Wait()
	var rows, versions int
	err := db.QueryRow(t.Context(), "select (select count(*) from two.a), (select max(version_id) from one.goose_db_version)").Scan(&rows, &versions)
	if err != nil {
		t.Fatal(err)
	}
	if rows != 1 || versions != 2 {
		t.Errorf("%d rows and version %d, want 1 and 2: each migration once", rows, versions)
	}
}

func TestMigrateNewerVersionLater(t *testing.T) {
	db := databasetest.New(t, notes)
	newer := database.Migrations{Schema: "notes", FS: files{
		"00001_notes.sql":  notes.FS.(files)["00001_notes.sql"],
		"00002_author.sql": "-- +goose Up\nalter table notes.notes add author text;\n",
	}}
	if err := db.Migrate(t.Context(), []database.Migrations{newer}); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(t.Context(), "insert into notes.notes (id, author) values (1, 'x')"); err != nil {
		t.Error(err)
	}
}

func TestMigrateErrorNamesTheSchema(t *testing.T) {
	db := databasetest.New(t)
	for _, m := range []database.Migrations{
		{Schema: "broken", FS: files{"00001_a.sql": "-- +goose Up\ncreate tabel broken.a ();\n"}},
		{Schema: "unqualified", FS: files{"00001_a.sql": "-- +goose Up\ncreate table a (id int);\n"}},
		{Schema: "Quoted\"", FS: files{"00001_a.sql": "-- +goose Up\nselect 1;\n"}},
	} {
		if err := db.Migrate(t.Context(), []database.Migrations{m}); err == nil || !strings.Contains(err.Error(), m.Schema) {
			t.Errorf("%v, want an error that names %s", err, m.Schema)
		}
	}
}

// Whoever holds a table does not make others wait behind a migration: it lets them pass, and is done when the table
// is free.
func TestMigrateLetsOthersPass(t *testing.T) {
	db := databasetest.New(t, notes)
	newer := database.Migrations{Schema: "notes", FS: files{
		"00001_notes.sql":  notes.FS.(files)["00001_notes.sql"],
		"00002_author.sql": "-- +goose Up\nalter table notes.notes add author text;\n",
	}}
	holder, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Rollback(context.WithoutCancel(t.Context()))
	if _, err := holder.Exec(t.Context(), "lock table notes.notes in access share mode"); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- db.Migrate(t.Context(), []database.Migrations{newer}) }()
	waiting := func(want bool) {
		for {
			var found bool
			if err := db.QueryRow(t.Context(), "select exists (select from pg_locks where not granted and relation = 'notes.notes'::regclass)").Scan(&found); err != nil {
				t.Fatal(err)
			}
			if found == want {
				return
			}
		}
	}
	waiting(true)
	if _, err := db.Exec(t.Context(), "select count(*) from notes.notes"); err != nil { // behind it, until it gives way
		t.Fatal(err)
	}
	waiting(false)
	select {
	case err := <-done:
		t.Fatalf("it is done while the table is held: %v", err)
	default:
	}
	if err := holder.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
