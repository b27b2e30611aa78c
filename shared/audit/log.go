package audit

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/database"
	"puente/shared/journal"
)

//go:embed sql/migrations/*.sql
var files embed.FS

// Migrations are those of schema audit.
var Migrations = database.Migrations{Schema: "audit", FS: migrations()}

func migrations() fs.FS {
	sub, err := fs.Sub(files, "sql/migrations")
	if err != nil { // a constant path
		panic(err)
	}
	return sub
}

// Config is section audit.
type Config struct {
	Retention  time.Duration `yaml:"retention"`  // whole days are dropped after it; default 400 days
	FlushEvery time.Duration `yaml:"flushEvery"` // how long a record may wait for its batch; default 1s
}

// Validate refuses what is no time.
func (c Config) Validate() error {
	if c.Retention < 0 || c.FlushEvery < 0 {
		return errors.New("retention and flushEvery must not be negative")
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.Retention == 0 {
		c.Retention = 400 * 24 * time.Hour
	}
	if c.FlushEvery == 0 {
		c.FlushEvery = time.Second
	}
	return c
}

// Log takes records and brings them to the database.
type Log struct {
	journal *journal.Journal
	db      *database.DB
	cfg     Config
	label   string
	log     *slog.Logger
	metrics metrics

	kick      chan struct{}
	daysThere map[time.Time]bool // partitions known to exist; of Run's goroutine

	mu     sync.Mutex
	loaded journal.Position // everything before it is in the database
	moved  chan struct{}    // closed when loaded changes
}

// New makes the log of one journal; label names the replica for people. Run moves the records.
func New(j *journal.Journal, db *database.DB, cfg Config, label string, log *slog.Logger, reg prometheus.Registerer) *Log {
	l := &Log{
		journal: j, db: db, cfg: cfg.withDefaults(), label: label, log: log,
		kick: make(chan struct{}, 1), daysThere: make(map[time.Time]bool), moved: make(chan struct{}),
	}
	l.metrics = newMetrics(reg, l)
	return l
}

// Begin writes down that a request is about to have effects.
func (l *Log) Begin(r *Record) error { return l.append(begun, r) }

// End writes down what came of a request. One that was refused before it began needs no Begin.
func (l *Log) End(r *Record) error { return l.append(ended, r) }

// buffers are those of entries on their way into the journal.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

const keptBuffer = 64 << 10

func (l *Log) append(m mark, r *Record) error {
	e := newEntry(m, r)
	b := buffers.Get().(*[]byte)
	*b = e.append((*b)[:0])
	err := l.journal.Append(*b)
	if cap(*b) <= keptBuffer {
		buffers.Put(b)
	}
	if err != nil {
		l.metrics.dropped.Inc()
		return fmt.Errorf("audit: %w", err)
	}
	l.metrics.count(m, r.Kind)
	return nil
}

// Full reports that the journal is at its bound, because the database has been away for long: what
// must not go unaudited is to be refused.
func (l *Log) Full() bool { return l.journal.Full() }

type metrics struct {
	records  *prometheus.CounterVec
	kinds    map[string]prometheus.Counter
	dropped  prometheus.Counter
	failures prometheus.Counter
	lag      prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer, l *Log) metrics {
	m := metrics{
		records:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "audit_records_total", Help: "Records journalled, by kind."}, []string{"kind"}),
		kinds:    make(map[string]prometheus.Counter),
		dropped:  prometheus.NewCounter(prometheus.CounterOpts{Name: "audit_dropped_total", Help: "Records that the journal refused."}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{Name: "audit_loader_errors_total", Help: "Batches that did not reach the database at once."}),
		lag:      prometheus.NewGauge(prometheus.GaugeOpts{Name: "audit_loader_lag_seconds", Help: "Age of the oldest record of the last batch when it reached the database."}),
	}
	for _, kind := range []string{Request, Hop, Security} {
		m.kinds[kind] = m.records.WithLabelValues(kind)
	}
	segments := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "audit_journal_segments", Help: "Segment files of the journal."}, func() float64 { return float64(l.journal.Segments()) })
	full := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "audit_journal_full", Help: "1 while the journal is at its bound."}, func() float64 {
		if l.journal.Full() {
			return 1
		}
		return 0
	})
	reg.MustRegister(m.records, m.dropped, m.failures, m.lag, segments, full)
	return m
}

func (m metrics) count(at mark, kind string) {
	if at != ended {
		return
	}
	if c, ok := m.kinds[kind]; ok {
		c.Inc()
	}
}
