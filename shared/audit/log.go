package audit

import (
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/database"
	"puente/shared/journal"
)

//go:embed sql/migrations/*.sql
var files embed.FS

// Migrations are those of schema audit.
var Migrations = database.Migrations{Schema: "audit", FS: database.Files(files)}

// Config is section audit.
type Config struct {
	Retention   time.Duration `yaml:"retention"`   // whole days are dropped after it; default 400 days
	FlushEvery  time.Duration `yaml:"flushEvery"`  // how long a record may wait for its batch; default 1s
	VerifyEvery time.Duration `yaml:"verifyEvery"` // until all chains are verified again; default 24h
}

// Validate refuses what is no time.
func (c Config) Validate() error {
	if c.Retention < 0 || c.FlushEvery < 0 || c.VerifyEvery < 0 {
		return errors.New("retention, flushEvery and verifyEvery must not be negative")
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
	if c.VerifyEvery == 0 {
		c.VerifyEvery = 24 * time.Hour
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

	mu        sync.Mutex
	owed      [][]byte // ends that the journal refused
	owedBytes int

	loading  chan struct{} // holds one token; who has it may use loader
	loader   *loader       // nil: where the chain ends is to be asked of the database
	loaded   atomic.Pointer[journal.Position]
	caughtUp atomic.Int64 // UnixNano: what was journalled before is in the database
}

// New makes the log of one journal; label names the replica for people. Run moves the records.
func New(j *journal.Journal, db *database.DB, cfg Config, label string, log *slog.Logger, reg prometheus.Registerer) *Log {
	l := &Log{journal: j, db: db, cfg: cfg.withDefaults(), label: label, log: log, loading: make(chan struct{}, 1)}
	l.loading <- struct{}{}
	l.loaded.Store(&journal.Position{})
	l.caughtUp.Store(time.Now().UnixNano())
	l.metrics = newMetrics(reg, l)
	return l
}

// Begin writes down that a request is about to have effects. While the journal is Full it refuses,
// so that what has begun can still end.
func (l *Log) Begin(r *Record) error {
	if l.Full() {
		return fmt.Errorf("audit: begin: %w", journal.ErrFull)
	}
	if err := l.write(begun, r); err != nil {
		return fmt.Errorf("audit: begin: %w", err)
	}
	r.begun = true
	return nil
}

// End writes down what came of a request. One that was refused before it began needs no Begin; it
// is dropped, with an error, while the journal is Full. The end of one that began is kept in memory
// where the journal refuses it, and journalled when it can be.
func (l *Log) End(r *Record) error {
	err := journal.ErrFull
	if r.begun || !l.Full() {
		err = l.write(ended, r)
	}
	if err != nil && !(r.begun && l.owe(r)) {
		l.metrics.dropped.Inc()
		return fmt.Errorf("audit: end: %w", err)
	}
	l.metrics.count(r.Kind)
	return nil
}

// Full reports that the journal is at its bound, because the database has been away for long: what
// must not go unaudited is to be refused.
func (l *Log) Full() bool { return l.journal.Full() }

// buffers are those of entries on their way into the journal.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

const keptBuffer = 64 << 10

func (l *Log) write(m mark, r *Record) error {
	b := buffers.Get().(*[]byte)
	*b = appendEntry((*b)[:0], m, r)
	err := l.journal.Append(*b)
	if cap(*b) <= keptBuffer {
		buffers.Put(b)
	}
	return err
}

// owedLimit bounds the ends kept in memory, in bytes.
const owedLimit = 8 << 20

// owe keeps the end of r for later; false: there is no room.
func (l *Log) owe(r *Record) bool {
	b := appendEntry(nil, ended, r)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.owedBytes+len(b) > owedLimit {
		return false
	}
	l.owed, l.owedBytes = append(l.owed, b), l.owedBytes+len(b)
	return true
}

// settle journals the ends that are owed, as far as the journal takes them.
func (l *Log) settle() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.owed) > 0 {
		if l.journal.Append(l.owed[0]) != nil {
			return
		}
		l.owedBytes -= len(l.owed[0])
		l.owed = l.owed[1:]
	}
	l.owed = nil
}
