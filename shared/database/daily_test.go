package database_test

import (
	"sync"
	"testing"
	"time"

	"puente/shared/database"
	"puente/shared/database/databasetest"
)

var journal = database.Migrations{Schema: "journal", FS: files{
	"00001_lines.sql": "-- +goose Up\ncreate table journal.lines (id int, day date, primary key (id, day)) partition by range (day);\n",
}}

func TestDailyPartitionsComeAndGo(t *testing.T) {
	db := databasetest.New(t, journal)
	ctx := t.Context()
	lines := database.Daily{Schema: "journal", Table: "lines"}
	day := func(d int) time.Time { return time.Date(2028, 2, d, 0, 0, 0, 0, time.UTC) }

	var replicas sync.WaitGroup
	for range 5 {
		replicas.Go(func() {
			if err := lines.Create(ctx, db, day(27), day(28), day(29), day(30)); err != nil { // to 1 March
				t.Error(err)
			}
		})
	}
	replicas.Wait()
	for d := 27; d <= 30; d++ {
		if _, err := db.Exec(ctx, "insert into journal.lines values (1, $1)", day(d)); err != nil {
			t.Errorf("%v: %v", day(d), err)
		}
	}
	for range 5 {
		replicas.Go(func() {
			if _, err := lines.Drop(ctx, db, day(28)); err != nil {
				t.Error(err)
			}
		})
	}
	replicas.Wait()
	dropped, err := lines.Drop(ctx, db, day(29))
	if err != nil || len(dropped) != 1 {
		t.Errorf("dropped %v, %v, want the 28th", dropped, err)
	}
	var left int
	if err := db.QueryRow(ctx, "select count(*) from journal.lines").Scan(&left); err != nil || left != 2 {
		t.Errorf("%d lines left, %v, want 2", left, err)
	}
	if dropped, err := lines.Drop(ctx, db, day(29)); err != nil || len(dropped) != 0 {
		t.Errorf("dropped again %v, %v", dropped, err)
	}
}

func TestDailyDropDoesNotWaitForReaders(t *testing.T) {
	db := databasetest.New(t, journal)
	ctx := t.Context()
	lines := database.Daily{Schema: "journal", Table: "lines"}
	today, err := db.Today(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := lines.Create(ctx, db, today); err != nil {
		t.Fatal(err)
	}
	reader, err := db.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reader.Exec(ctx, "select from journal.lines"); err != nil {
		t.Fatal(err)
	}
	if _, err := lines.Drop(ctx, db, today.AddDate(0, 0, 1)); err == nil {
		t.Error("dropped under a reader")
	}
	// Others create meanwhile.
	if err := lines.Create(ctx, db, today.AddDate(0, 0, 1)); err != nil {
		t.Error(err)
	}
	if err := reader.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
	if dropped, err := lines.Drop(ctx, db, today.AddDate(0, 0, 1)); err != nil || len(dropped) != 1 {
		t.Errorf("dropped %v, %v, want today", dropped, err)
	}
}
