// Package snapshot keeps an immutable copy of tables in step with the database: every process works
// on its copy, which follows a change within a second. The change is announced by NOTIFY and found by
// a poll if the announcement was lost. When the database is away the last copy stays.
package snapshot

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/database"
)

const (
	pollEvery   = 500 * time.Millisecond
	pollTimeout = 2 * time.Second
)

// Versioned is a state of the tables; its number grows with every change, and zero is none.
type Versioned interface{ Version() int64 }

// Source is where the tables are.
type Source[S Versioned] struct {
	Name    string // of the metrics and in the log: access
	Channel string // on which the database announces a change
	Empty   S      // what there is before the first load

	Version func(context.Context) (int64, error) // the number of the present state
	Read    func(context.Context) (S, error)     // all tables at one moment
}

// Follower keeps the snapshot in step with the tables.
type Follower[S Versioned] struct {
	source Source[S]
	db     *database.DB
	log    *slog.Logger

	current   atomic.Pointer[S]
	confirmed atomic.Pointer[time.Time] // when the snapshot was last known to be current
	failures  prometheus.Counter

	refreshing sync.Mutex
	changed    chan struct{} // closed when a new snapshot is in place; guarded by refreshing
	failing    bool          // guarded by refreshing
}

// New makes a follower whose snapshot is empty until Load.
func New[S Versioned](source Source[S], db *database.DB, log *slog.Logger, reg prometheus.Registerer) *Follower[S] {
	f := &Follower[S]{
		source: source, db: db, log: log, changed: make(chan struct{}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: source.Name + "_snapshot_failures_total", Help: "Attempts to compare or load the " + source.Name + " snapshot that failed.",
		}),
	}
	f.current.Store(&source.Empty)
	reg.MustRegister(f.failures,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: source.Name + "_snapshot_age_seconds", Help: "Time since the " + source.Name + " snapshot was last known to be current; -1 before the first.",
		}, func() float64 {
			if at := f.confirmed.Load(); at != nil {
				return time.Since(*at).Seconds()
			}
			return -1
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: source.Name + "_snapshot_version", Help: "Number of the state that the " + source.Name + " snapshot shows.",
		}, func() float64 { return float64(f.Snapshot().Version()) }),
	)
	return f
}

// Snapshot gives the state to decide by. Take it once per request.
func (f *Follower[S]) Snapshot() S { return *f.current.Load() }

// Changed gives a channel that is closed once another snapshot than the present one is in place.
func (f *Follower[S]) Changed() <-chan struct{} {
	f.refreshing.Lock()
	defer f.refreshing.Unlock()
	return f.changed
}

// Load makes the snapshot current, or reports why it cannot; the last one stays then.
func (f *Follower[S]) Load(ctx context.Context) error {
	f.refreshing.Lock()
	defer f.refreshing.Unlock()
	return f.refresh(ctx)
}

// Run keeps the snapshot current until ctx ends. A change is announced by the database; the poll
// finds it where the announcement was lost, so that every process follows within a second. It
// returns why ctx ended.
func (f *Follower[S]) Run(ctx context.Context) error {
	announced := make(chan struct{}, 1)
	var listening sync.WaitGroup
	listening.Go(func() {
		f.db.Listen(ctx, f.source.Channel, func(string) {
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
		f.follow(ctx)
	}
}

// follow loads where the version has changed. It logs when failing begins and when it ends.
func (f *Follower[S]) follow(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	f.refreshing.Lock()
	defer f.refreshing.Unlock()
	err := f.refresh(ctx)
	switch {
	case err != nil && context.Cause(ctx) == context.Canceled: // we are stopping
	case err != nil:
		f.failures.Inc()
		if !f.failing {
			f.log.WarnContext(ctx, "snapshot cannot be compared with the database, the last one stays", "snapshot", f.source.Name, "error", err, "version", f.Snapshot().Version())
		}
		f.failing = true
	case f.failing:
		f.failing = false
		f.log.InfoContext(ctx, "snapshot is current again", "snapshot", f.source.Name, "version", f.Snapshot().Version())
	}
}

// refresh compares versions and replaces the snapshot where they differ.
func (f *Follower[S]) refresh(ctx context.Context) error {
	asked := time.Now()
	number, err := f.source.Version(ctx)
	if err != nil {
		return database.Problem(err)
	}
	if number != f.Snapshot().Version() {
		next, err := f.source.Read(ctx)
		if err != nil {
			return err
		}
		f.current.Store(&next)
		close(f.changed)
		f.changed = make(chan struct{})
		f.log.InfoContext(ctx, "snapshot loaded", "snapshot", f.source.Name, "version", next.Version())
	}
	f.confirmed.Store(&asked)
	return nil
}
