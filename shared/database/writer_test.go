package database_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"puente/shared/database"
	"puente/shared/database/databasetest"
	"puente/shared/problem"
)

var notes = database.Migrations{Schema: "notes", FS: files{
	"00001_notes.sql": "-- +goose Up\ncreate table notes.notes (id bigint primary key, text text check (text <> 'bad'));\n",
}}

// note is an item; its outcome is what it finds stored.
type note struct {
	id   int64
	text string
}

// write inserts notes and returns their texts; of a known id the one that was there first.
func write(ctx context.Context, tx database.Statements, items []note) ([]string, error) {
	var ids []int64
	var texts []string
	for _, n := range items {
		ids, texts = append(ids, n.id), append(texts, n.text)
	}
	_, err := tx.Exec(ctx, `insert into notes.notes select * from unnest($1::bigint[], $2::text[]) as n(id, text) order by id
		on conflict do nothing`, ids, texts)
	if err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, "select text from unnest($1::bigint[]) with ordinality as n(id, i) join notes.notes using (id) order by i", ids)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

func count(t *testing.T, db *database.DB) (n int) {
	t.Helper()
	if err := db.QueryRow(t.Context(), "select count(*) from notes.notes").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestWriterSharesTransactions(t *testing.T) {
	db := databasetest.New(t, notes)
	var groups, largest atomic.Int64
	const limit, all = 16, 200
	w := database.NewWriter(db, "notes", limit, func(ctx context.Context, tx database.Statements, items []note) ([]string, error) {
		groups.Add(1)
		for n := int64(len(items)); ; {
			old := largest.Load()
			if old >= n || largest.CompareAndSwap(old, n) {
				break
			}
		}
		return write(ctx, tx, items)
	})
	var callers sync.WaitGroup
	for i := range int64(all) {
		callers.Go(func() {
			text := fmt.Sprint("note ", i)
			got, err := w.Do(t.Context(), note{i, text})
			if err != nil || got != text {
				t.Errorf("note %d: %q, %v: the outcome of another", i, got, err)
			}
		})
	}
	callers.Wait()
	if n := count(t, db); n != all {
		t.Errorf("%d notes stored, want %d", n, all)
	}
	if groups.Load() >= all {
		t.Errorf("%d groups for %d notes: nothing was shared", groups.Load(), all)
	}
	if largest.Load() > limit {
		t.Errorf("a group of %d, limit %d", largest.Load(), limit)
	}
}

// A group waits for as many as were in the one before; they may not come back.
func TestWriterServesWhoComesAloneAfterACrowd(t *testing.T) {
	db := databasetest.New(t, notes)
	w := database.NewWriter(db, "notes", 64, write)
	const crowd = 8
	for round := range int64(5) {
		var callers sync.WaitGroup
		for i := range int64(crowd) {
			callers.Go(func() {
				if _, err := w.Do(t.Context(), note{round*100 + i, "in company"}); err != nil {
					t.Error(err)
				}
			})
		}
		callers.Wait()
		if got, err := w.Do(t.Context(), note{round*100 + crowd, "alone"}); err != nil || got != "alone" {
			t.Errorf("round %d: %q, %v", round, got, err)
		}
	}
	if n := count(t, db); n != 5*(crowd+1) {
		t.Errorf("%d notes stored, want %d", n, 5*(crowd+1))
	}
}

func TestWriterBlamesOnlyTheItemAtFault(t *testing.T) {
	db := databasetest.New(t, notes)
	for name, fault := range map[string]func([]note) error{
		"refused by PostgreSQL": func([]note) error { return nil },
		"error of exec": func(items []note) error {
			for _, n := range items {
				if n.text == "bad" {
					return errors.New("bad note")
				}
			}
			return nil
		},
		"panic of exec": func(items []note) error {
			for _, n := range items {
				if n.text == "bad" {
					panic("bad note")
				}
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := db.Exec(t.Context(), "truncate notes.notes"); err != nil {
				t.Fatal(err)
			}
			w := database.NewWriter(db, "notes", 64, func(ctx context.Context, tx database.Statements, items []note) ([]string, error) {
				if err := fault(items); err != nil {
					return nil, err
				}
				return write(ctx, tx, items)
			})
			var callers sync.WaitGroup
			for i := range int64(100) {
				callers.Go(func() {
					n := note{i, "good"}
					if i%25 == 7 {
						n.text = "bad"
					}
					_, err := w.Do(t.Context(), n)
					if (err != nil) != (n.text == "bad") {
						t.Errorf("%s note %d: %v", n.text, i, err)
					}
					if errors.Is(err, problem.Unavailable) || errors.Is(err, database.ErrUnknown) {
						t.Errorf("note %d: %v, want what was wrong with it", i, err)
					}
				})
			}
			callers.Wait()
			if n := count(t, db); n != 96 {
				t.Errorf("%d notes stored, want 96", n)
			}
		})
	}
}

func TestWriterCallerLeaves(t *testing.T) {
	db := databasetest.New(t, notes)
	entered, leave := make(chan struct{}), make(chan struct{})
	w := database.NewWriter(db, "notes", 64, func(ctx context.Context, tx database.Statements, items []note) ([]string, error) {
		entered <- struct{}{}
		<-leave
		return write(ctx, tx, items)
	})
	var callers sync.WaitGroup
	under, leaveUnder := context.WithCancel(t.Context())
	for i := range int64(1) { // as many groups as are in work at once
		callers.Go(func() {
			if _, err := w.Do(under, note{i, "under way"}); !errors.Is(err, database.ErrUnknown) || !errors.Is(err, context.Canceled) {
				t.Errorf("left under way: %v, want an unknown outcome", err)
			}
		})
		<-entered
	}
	waiting, leaveWaiting := context.WithCancel(t.Context())
	leaveWaiting()
	if _, err := w.Do(waiting, note{2, "late"}); !errors.Is(err, context.Canceled) || errors.Is(err, database.ErrUnknown) {
		t.Errorf("left before: %v, want only that", err)
	}
	leaveUnder()
	callers.Wait()
	close(leave)
	go func() { <-entered }()
	if _, err := w.Do(t.Context(), note{3, "after"}); err != nil {
		t.Error(err)
	}
}

func TestWriterWhileTheDatabaseIsAway(t *testing.T) {
	s := databasetest.NewServer(t, notes)
	w := database.NewWriter(s.DB, "notes", 16, write)
	var id atomic.Int64
	do := func() (int64, error) {
		n := id.Add(1)
		_, err := w.Do(context.Background(), note{n, "note"}) // no deadline: the writer has its own
		return n, err
	}
	if _, err := do(); err != nil {
		t.Fatal(err)
	}
	for _, outage := range []struct {
		name     string
		away, on func()
	}{
		{"stopped", s.Stop, s.Start},
		{"killed", s.Kill, s.Start},
		{"frozen", s.Freeze, s.Thaw},
	} {
		t.Run(outage.name, func(t *testing.T) {
			outage.away()
			var callers sync.WaitGroup
			for range 50 {
				callers.Go(func() {
					_, err := do()
					if p := problem.Of(err); p == nil || p.Kind != problem.Unavailable || p.RetryAfter == 0 {
						t.Errorf("%v, want unavailable with a time to retry", err)
					}
				})
			}
			callers.Wait()
			outage.on()
			if _, err := do(); err != nil {
				t.Errorf("after: %v", err)
			}
		})
	}
}

// Whatever breaks while notes are written: what was acknowledged is there, and what was certainly
// refused is not.
func TestWriterTellsTheTruthThroughCrashes(t *testing.T) {
	s := databasetest.NewServer(t, notes)
	w := database.NewWriter(s.DB, "notes", 8, write)
	const callers, each, crashes = 16, 60, 3
	outcomes := make([]error, callers*each)
	var done atomic.Int64
	var working sync.WaitGroup
	enough := make(chan struct{}, callers*each)
	for c := range callers {
		working.Go(func() {
			for i := range each {
				id := int64(c*each + i)
				_, outcomes[id] = w.Do(t.Context(), note{id, "note"})
				done.Add(1)
				enough <- struct{}{}
			}
		})
	}
	for crash := range crashes {
		for range callers * each / (crashes + 1) {
			<-enough
		}
		if crash%2 == 0 {
			s.Kill()
		} else {
			s.Stop()
		}
		s.Start()
	}
	working.Wait()

	rows, err := s.DB.Query(t.Context(), "select id from notes.notes")
	if err != nil {
		t.Fatal(err)
	}
	stored := map[int64]bool{}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		stored[id] = true
	}
	acknowledged := 0
	for id, err := range outcomes {
		switch {
		case err == nil && !stored[int64(id)]:
			t.Errorf("note %d was acknowledged and is lost", id)
		case err != nil && !errors.Is(err, database.ErrUnknown) && stored[int64(id)]:
			t.Errorf("note %d was refused (%v) and is there", id, err)
		case err != nil && !errors.Is(err, problem.Unavailable):
			t.Errorf("note %d: %v, want unavailable", id, err)
		case err == nil:
			acknowledged++
		}
	}
	if acknowledged == 0 {
		t.Error("nothing was written at all")
	}
}

func BenchmarkWriter(b *testing.B) {
	db := databasetest.New(b, notes)
	w := database.NewWriter(db, "notes", 64, write)
	var id atomic.Int64
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := w.Do(context.Background(), note{id.Add(1), "note"}); err != nil {
				b.Error(err)
			}
		}
	})
}
