package access

import (
	"context"
	"embed"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/access/sql"
	"puente/shared/database"
)

//go:embed sql/migrations/*.sql
var files embed.FS

// Migrations are those of schema access.
var Migrations = database.Migrations{Schema: "access", FS: migrations()}

func migrations() fs.FS {
	sub, err := fs.Sub(files, "sql/migrations")
	if err != nil { // the directory is embedded above: cannot happen
		panic(err)
	}
	return sub
}

const (
	channel     = "access_changed"
	pollEvery   = 500 * time.Millisecond
	pollTimeout = 2 * time.Second
)

// Store keeps the snapshot in step with the tables.
type Store struct {
	db  *database.DB
	log *slog.Logger

	snapshot  atomic.Pointer[Snapshot]
	confirmed atomic.Pointer[time.Time] // when the snapshot was last known to be current
	failures  prometheus.Counter

	refreshing sync.Mutex
	changed    chan struct{} // closed when a new snapshot is in place; guarded by refreshing
	failing    bool          // guarded by refreshing
}

// New makes a store whose snapshot is empty, so that nobody is let in, until Load.
func New(db *database.DB, log *slog.Logger, reg prometheus.Registerer) *Store {
	s := &Store{
		db: db, log: log, changed: make(chan struct{}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "access_snapshot_failures_total", Help: "Attempts to compare or load the access snapshot that failed.",
		}),
	}
	s.snapshot.Store(&Snapshot{})
	reg.MustRegister(s.failures,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "access_snapshot_age_seconds", Help: "Time since the access snapshot was last known to be current; -1 before the first.",
		}, func() float64 {
			if at := s.confirmed.Load(); at != nil {
				return time.Since(*at).Seconds()
			}
			return -1
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "access_snapshot_version", Help: "Number of the state that the access snapshot shows.",
		}, func() float64 { return float64(s.Snapshot().Version()) }),
	)
	return s
}

// Snapshot gives the state to decide by. Take it once per request.
func (s *Store) Snapshot() *Snapshot { return s.snapshot.Load() }

// Changed gives a channel that is closed once another snapshot than the present one is in place.
func (s *Store) Changed() <-chan struct{} {
	s.refreshing.Lock()
	defer s.refreshing.Unlock()
	return s.changed
}

// Load makes the snapshot current, or reports why it cannot; the last one stays then.
func (s *Store) Load(ctx context.Context) error {
	s.refreshing.Lock()
	defer s.refreshing.Unlock()
	return s.refresh(ctx)
}

// Run keeps the snapshot current until ctx ends. A change is announced by the database; the poll
// finds it where the announcement was lost, so that every process follows within a second. It
// returns why ctx ended.
func (s *Store) Run(ctx context.Context) error {
	announced := make(chan struct{}, 1)
	var listening sync.WaitGroup
	listening.Go(func() {
		s.db.Listen(ctx, channel, func(string) {
			select {
			case announced <- struct{}{}:
			default: // one is waiting already
			}
		})
	})
	defer listening.Wait()
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-announced:
		case <-poll.C:
		}
		s.follow(ctx)
	}
}

// follow loads where the version has changed. It logs when failing begins and when it ends.
func (s *Store) follow(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	s.refreshing.Lock()
	defer s.refreshing.Unlock()
	err := s.refresh(ctx)
	switch {
	case err != nil && context.Cause(ctx) == context.Canceled: // we are stopping
	case err != nil:
		s.failures.Inc()
		if !s.failing {
			s.log.WarnContext(ctx, "access snapshot cannot be compared with the database, the last one stays", "error", err, "version", s.Snapshot().Version())
		}
		s.failing = true
	case s.failing:
		s.failing = false
		s.log.InfoContext(ctx, "access snapshot is current again", "version", s.Snapshot().Version())
	}
}

// refresh compares versions and replaces the snapshot where they differ.
func (s *Store) refresh(ctx context.Context) error {
	asked := time.Now()
	number, err := sql.New(s.db).Version(ctx)
	if err != nil {
		return database.Problem(err)
	}
	if number != s.Snapshot().Version() {
		next, err := s.read(ctx)
		if err != nil {
			return err
		}
		s.snapshot.Store(next)
		close(s.changed)
		s.changed = make(chan struct{})
		s.log.InfoContext(ctx, "access snapshot loaded", "version", next.version, "clients", len(next.clients), "systems", len(next.systems))
	}
	s.confirmed.Store(&asked)
	return nil
}

// read takes all tables at one moment.
func (s *Store) read(ctx context.Context) (next *Snapshot, err error) {
	err = reading(ctx, s.db, func(q *sql.Queries) error {
		number, err := q.Version(ctx)
		if err != nil {
			return err
		}
		var e Entities
		if e.Tiers, err = readTiers(ctx, q, nil); err != nil {
			return err
		}
		if e.Systems, err = readSystems(ctx, q, nil); err != nil {
			return err
		}
		if e.Clients, err = readClients(ctx, q, nil); err != nil {
			return err
		}
		if e.Switches, err = readSwitches(ctx, q, nil); err != nil {
			return err
		}
		next, err = newSnapshot(number, e)
		return err
	})
	return next, err
}
