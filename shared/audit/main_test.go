package audit_test

import (
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/audit"
	"puente/shared/database"
	"puente/shared/database/databasetest"
	"puente/shared/journal"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		child(dir, os.Getenv(childVariable+"_DATABASE"))
		return
	}
	signal.Ignore(syscall.SIGXFSZ) // TestEndIsOwedWhereTheDiskIsFull
	os.Exit(m.Run())
}

// replica is a process with its data directory; its life is one start of it.
type replica struct {
	t   testing.TB
	dir string
	db  *database.DB
	cfg journal.Config

	*audit.Log
	journal  *journal.Journal
	registry *prometheus.Registry
}

func newReplica(t testing.TB, db *database.DB, cfg journal.Config) *replica {
	t.Helper()
	r := &replica{t: t, dir: filepath.Join(t.TempDir(), "journal"), db: db, cfg: cfg}
	r.start()
	t.Cleanup(r.die)
	return r
}

func (r *replica) start() {
	r.t.Helper()
	var err error
	if r.journal, err = journal.Open(r.dir, r.cfg); err != nil {
		r.t.Fatal(err)
	}
	r.registry = prometheus.NewRegistry()
	r.Log = audit.New(r.journal, r.db, audit.Config{}, "replica", databasetest.Logger(r.t), r.registry)
}

// die ends the life without telling the loader.
func (r *replica) die() {
	r.t.Helper()
	if err := r.journal.Close(); err != nil {
		r.t.Error(err)
	}
}

func (r *replica) restart() {
	r.t.Helper()
	r.die()
	r.start()
}

func (r *replica) begin(record *audit.Record) *audit.Record {
	r.t.Helper()
	if err := r.Begin(record); err != nil {
		r.t.Fatal(err)
	}
	return record
}

func (r *replica) end(record *audit.Record) {
	r.t.Helper()
	if err := r.End(record); err != nil {
		r.t.Fatal(err)
	}
}

func (r *replica) flush() {
	r.t.Helper()
	if err := r.Flush(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

func (r *replica) search(q audit.Query) []audit.Row {
	r.t.Helper()
	rows, err := audit.Search(r.t.Context(), r.db, q)
	if err != nil {
		r.t.Fatal(err)
	}
	return rows
}

// intact verifies the chains and returns how many records they hold.
func (r *replica) intact() int64 {
	r.t.Helper()
	report, err := audit.Verify(r.t.Context(), r.db)
	if err != nil {
		r.t.Fatal(err)
	}
	if !report.Intact {
		r.t.Errorf("the chain is not intact: %+v", report)
	}
	return report.Records
}

// metric is the sum of a metric over its labels.
func (r *replica) metric(name string) float64 {
	r.t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	var sum float64
	for _, family := range families {
		if family.GetName() == name {
			for _, m := range family.GetMetric() {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

// request is a record of a request that was answered.
func request(correlation string) *audit.Record {
	r := audit.NewRecord(audit.Request)
	r.Layer, r.API, r.Operation, r.Method = "xapi", "portabilities", "postPortability", "POST"
	r.Client, r.Correlation, r.Status, r.Outcome = "tienda", correlation, 200, "ok"
	return r
}
