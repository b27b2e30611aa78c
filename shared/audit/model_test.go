package audit_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"puente/shared/audit"
	"puente/shared/database/databasetest"
	"puente/shared/journal"
)

// Whatever is begun, ended, erased, flushed and killed, in any order: each request is in the database
// at most once and once after a flush if it has ended, as interrupted only if its process died.
func TestEveryRequestIsThereOnceHoweverItsProcessEnds(t *testing.T) {
	db := databasetest.New(t, audit.Migrations)
	check := 0
	rapid.Check(t, func(rt *rapid.T) {
		check++
		client := fmt.Sprint("client ", check)
		r := newReplica(t, db, journal.Config{SegmentBytes: 2 << 10, MaxSegments: 1 << 10})
		want := map[string]string{} // outcome by correlation
		open := map[string]*audit.Record{}
		erased := map[string]bool{}
		made := func() *audit.Record {
			record := request(fmt.Sprintf("%d-%d", check, len(want)+len(open)))
			record.Client, record.Address, record.Request = client, "192.0.2.7", []byte(`{"phone":"******0019"}`)
			return record
		}
		compare := func() {
			r.flush()
			got := map[string]string{}
			for _, row := range r.search(audit.Query{Client: client, Limit: 1 << 20}) {
				if _, twice := got[row.Correlation]; twice {
					rt.Fatalf("%s is there twice", row.Correlation)
				}
				got[row.Correlation] = row.Outcome
				if gone := row.Address == "" && row.Request == nil; gone != erased[row.Correlation] {
					rt.Fatalf("%s: personal fields gone: %t", row.Correlation, gone)
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				rt.Fatalf("found %v, want %v", got, want)
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"begin": func(*rapid.T) {
				record := r.begin(made())
				open[record.Correlation] = record
			},
			"end": func(rt *rapid.T) {
				if len(open) == 0 {
					return // nothing is open
				}
				record := open[rapid.SampledFrom(sorted(open)).Draw(rt, "request")]
				r.end(record)
				delete(open, record.Correlation)
				want[record.Correlation] = "ok"
			},
			"refuse": func(*rapid.T) {
				record := made()
				record.Outcome = "client"
				r.end(record)
				want[record.Correlation] = "client"
			},
			"kill": func(*rapid.T) {
				r.restart()
				for correlation := range open {
					want[correlation] = audit.Interrupted
				}
				clear(open)
			},
			"erase": func(rt *rapid.T) {
				compare()
				if len(want) == 0 {
					return // there is no record
				}
				correlation := rapid.SampledFrom(sorted(want)).Draw(rt, "request")
				if _, err := audit.Erase(t.Context(), db, audit.Query{Correlation: correlation}); err != nil {
					rt.Fatal(err)
				}
				erased[correlation] = true
			},
			"flush": func(*rapid.T) { compare() },
		})
		compare()
	})
	newReplica(t, db, journal.Config{}).intact()
}

func sorted[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func TestConcurrentRequestsAreAllLoadedOnce(t *testing.T) {
	const workers, each = 16, 500
	r := newReplica(t, databasetest.New(t, audit.Migrations), journal.Config{SegmentBytes: 64 << 10, MaxSegments: 1 << 10})
	ctx, cancel := context.WithCancel(t.Context())
	var running, requests sync.WaitGroup
	running.Go(func() { _ = r.Run(ctx) }) // until cancelled
	for w := range workers {
		requests.Go(func() {
			for i := range each {
				record := request(fmt.Sprintf("%d-%d", w, i))
				if err := r.Begin(record); err != nil {
					t.Error(err)
				}
				record.AddDependency(audit.Dependency{Target: "botservice", Status: 200})
				if err := r.End(record); err != nil {
					t.Error(err)
				}
				if i%100 == w {
					if err := r.Flush(ctx); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	requests.Wait()
	r.flush()
	cancel()
	running.Wait()

	seen := map[string]bool{}
	for _, row := range r.search(audit.Query{Limit: 1 << 20}) {
		if seen[row.Correlation] || row.Outcome != "ok" {
			t.Errorf("%s: outcome %s, seen before: %t", row.Correlation, row.Outcome, seen[row.Correlation])
		}
		seen[row.Correlation] = true
	}
	if n := r.intact(); len(seen) != workers*each || n != workers*each {
		t.Errorf("%d requests, %d records, want %d", len(seen), n, workers*each)
	}
}
