package audit_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"pgregory.net/rapid"

	"puente/shared/audit"
	"puente/shared/config"
	"puente/shared/database"
	"puente/shared/database/databasetest"
	"puente/shared/journal"
	"puente/shared/problem"
)

// outcomes are those of all records, by correlation, in the chain's order.
func (r *replica) outcomes() string {
	var all []string
	for _, row := range r.search(audit.Query{Limit: 10000}) {
		all = append(all, fmt.Sprintf("%d %s %s", row.Sequence, row.Correlation, row.Outcome))
	}
	return strings.Join(all, ", ")
}

func TestRequestOfADeadProcessIsInterruptedOnce(t *testing.T) {
	for _, test := range []struct {
		name         string
		loadedBefore bool // what the process wrote was loaded while it lived
	}{{"loaded at the next start", false}, {"loaded before", true}} {
		t.Run(test.name, func(t *testing.T) {
			r := newReplica(t, databasetest.New(t, audit.Migrations), journal.Config{})
			unfinished := r.begin(request("unfinished"))
			finished := r.begin(request("finished"))
			if test.loadedBefore {
				r.flush()
			}
			r.end(finished)
			if got := r.outcomes(); got != "" {
				t.Errorf("before the end: %s", got)
			}

			r.restart()
			r.end(request("next"))
			r.flush()
			want := "2 unfinished interrupted, 1 finished ok, 3 next ok" // by start; the chain has them by end
			if got := r.outcomes(); got != want {
				t.Errorf("%s, want %s", got, want)
			}
			row := r.search(audit.Query{Correlation: "unfinished"})[0]
			if row.ID != unfinished.ID || row.Client != "tienda" || row.Code != audit.Interrupted {
				t.Errorf("the interrupted record: %+v", row)
			}

			r.restart()
			r.flush()
			if got := r.outcomes(); got != want {
				t.Errorf("after another start: %s", got)
			}
			r.intact()
		})
	}
}

func TestLongRequestHoldsUpNeitherChainNorJournal(t *testing.T) {
	r := newReplica(t, databasetest.New(t, audit.Migrations), journal.Config{SegmentBytes: 5000, MaxSegments: 10})
	long := r.begin(request("long"))
	for range 5 {
		for range 40 {
			r.end(request("short"))
		}
		r.flush()
	}
	if n := r.journal.Segments(); n > 1 {
		t.Errorf("%d segments are left with all of them loaded", n)
	}
	if got := r.search(audit.Query{Correlation: "short", Limit: 1000}); len(got) != 200 {
		t.Errorf("%d short records", len(got))
	}
	r.end(long)
	r.flush()
	if rows := r.search(audit.Query{Correlation: "long"}); len(rows) != 1 || rows[0].Sequence != 201 || rows[0].Outcome != "ok" {
		t.Errorf("%+v", rows)
	}
	r.restart()
	r.flush()
	if got := r.intact(); got != 201 {
		t.Errorf("%d records, want 201", got)
	}
}

// The process was killed after the commit and before it removed the segments.
func TestSegmentsThatOutlivedTheirCommitAreNotLoadedAgain(t *testing.T) {
	r := newReplica(t, databasetest.New(t, audit.Migrations), journal.Config{SegmentBytes: 1000, MaxSegments: 100})
	r.begin(request("unfinished"))
	for range 20 {
		r.end(request("finished"))
	}
	kept := map[string][]byte{} // of segments only: the file beside them may become one at any moment
	for _, path := range matches(t, filepath.Join(r.dir, "*.journal")) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		kept[path] = b
	}
	r.flush()
	if n := r.journal.Segments(); n != 1 {
		t.Errorf("%d segments after the load", n)
	}

	r.die()
	for path, b := range kept {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r.start()
	r.flush()
	if got := r.intact(); got != 21 {
		t.Errorf("%d records, want 20 and the interrupted one", got)
	}
	if n := r.journal.Segments(); n != 1 {
		t.Errorf("%d segments after the next start", n)
	}
}

func matches(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %d files, %v", pattern, len(paths), err)
	}
	return paths
}

// The answer to COMMIT is lost: whether the batch was stored is for the database to say.
func TestCommitOfUnknownOutcomeIsNotRepeated(t *testing.T) {
	direct := databasetest.New(t, audit.Migrations)
	way := newDeafProxy(t, direct.Config().ConnConfig)
	db, err := database.Open(t.Context(), database.Config{URL: config.NewSecret(way.url)}, "", databasetest.Logger(t), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	r := newReplica(t, db, journal.Config{})
	r.flush() // the partitions are there
	r.begin(request("open"))
	r.end(request("first"))

	way.loseNextCommit()
	if err := r.Flush(t.Context()); err == nil {
		t.Fatal("the load succeeded without the answer to its commit")
	}
	r.db = direct
	if got := r.outcomes(); got != "1 first ok" {
		t.Fatalf("the commit was lost, not its answer: %s", got)
	}
	r.end(request("second"))
	r.flush()
	if got := r.outcomes(); got != "1 first ok, 2 second ok" {
		t.Error(got)
	}
	r.restart()
	r.flush()
	if got := r.intact(); got != 3 {
		t.Errorf("%d records, want 3 with the interrupted one", got)
	}
}

func TestRunOutlivesTheDatabase(t *testing.T) {
	s := databasetest.NewServer(t, audit.Migrations)
	r := newReplica(t, s.DB, journal.Config{})
	warnings := make(hearer, 100)
	r.Log = audit.New(r.journal, r.db, audit.Config{}, "replica", slog.New(warnings), prometheus.NewRegistry())
	s.Stop()
	r.end(request("while away"))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- r.Run(ctx) }()
	for range 2 {
		if w := <-warnings; w != "audit records wait for the database" {
			t.Errorf("said %q", w)
		}
	}
	s.Start()
	for r.outcomes() == "" { // the test's own deadline bounds it
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Run ended with %v", err)
	}
	if got := r.outcomes(); got != "1 while away ok" {
		t.Error(got)
	}
}

// hearer passes on what is logged as a warning.
type hearer chan string

func (hearer) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }
func (h hearer) WithAttrs([]slog.Attr) slog.Handler             { return h }
func (h hearer) WithGroup(string) slog.Handler                  { return h }
func (h hearer) Handle(_ context.Context, r slog.Record) error {
	select {
	case h <- r.Message:
	default:
	}
	return nil
}

// Nothing that a caller can send keeps others from being loaded.
func TestAnyTextIsLoaded(t *testing.T) {
	r := newReplica(t, databasetest.New(t, audit.Migrations), journal.Config{})
	text := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
		rapid.Map(rapid.StringN(1, 3, -1), func(s string) string { return strings.Repeat(s, 20000) }))
	var records int64
	rapid.Check(t, func(rt *rapid.T) {
		record := audit.NewRecord(text.Draw(rt, "kind"))
		for _, to := range []*string{
			&record.ID, &record.Layer, &record.API, &record.Operation, &record.Method, &record.Client, &record.System, &record.Channel,
			&record.Correlation, &record.Trace, &record.Outcome, &record.Code, &record.Address, &record.Detail,
		} {
			*to = text.Draw(rt, "text")
		}
		record.Started = time.UnixMicro(rapid.Int64().Draw(rt, "started"))
		record.Duration = time.Duration(rapid.Int64().Draw(rt, "duration"))
		record.Status = rapid.Int().Draw(rt, "status")
		record.Request, record.Response = []byte(text.Draw(rt, "request")), []byte(text.Draw(rt, "response"))
		record.Keys = []audit.KeyValue{{Key: audit.PhoneKey, Value: text.Draw(rt, "phone")}}
		record.Decisions = []audit.Decision{{Policy: text.Draw(rt, "policy")}}
		record.AddDependency(audit.Dependency{Error: text.Draw(rt, "error")})
		if rapid.Bool().Draw(rt, "begin") {
			r.begin(record)
			r.flush()
		}
		r.end(record)
		r.flush()
		records++
	})
	if got := r.intact(); got != records {
		t.Errorf("%d records, want %d", got, records)
	}
	if len(r.search(audit.Query{Limit: 1000})) == 0 { // and can be shown
		t.Error("nothing found")
	}
}

func TestUnreadableEntryIsSkipped(t *testing.T) {
	r := newReplica(t, databasetest.New(t, audit.Migrations), journal.Config{})
	for _, entry := range []string{"", "?", "B", "E\x00\x00\x00\xff\xff\xff\xff"} {
		if err := r.journal.Append([]byte(entry)); err != nil {
			t.Fatal(err)
		}
	}
	r.end(request("readable"))
	r.flush()
	if got := r.outcomes(); got != "1 readable ok" {
		t.Error(got)
	}
	if n := r.metric("audit_loader_errors_total"); n != 4 {
		t.Errorf("%v errors counted, want 4", n)
	}
}

func TestFlushSaysThatTheDatabaseIsAway(t *testing.T) {
	s := databasetest.NewServer(t, audit.Migrations)
	r := newReplica(t, s.DB, journal.Config{})
	r.end(request("any"))
	s.Stop()
	if err := r.Flush(t.Context()); !errors.Is(err, problem.Unavailable) {
		t.Errorf("flush: %v, want unavailable", err)
	}
}
