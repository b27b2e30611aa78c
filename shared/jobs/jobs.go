// Package jobs is durable background work on River. A job is enqueued in the transaction of the
// business that wants it; it is worked at least once, by any process that hosts its queue, so what
// it does must bear repetition.
//
// A queue belongs to one API and is named layer.api: papi.reconnection. A process works only the
// queues for which workers were registered in it, and of these only the kinds it knows: an older
// release leaves a newer one's jobs alone.
//
// Two services of River's are replaced, because in them the elected leader must know every kind of
// every process, which it does not where layers run apart: periodic jobs (see Every), and the rescue
// of what a dead process left, which would discard the kinds it does not know (see lease.go).
package jobs

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"puente/shared/database"
	"puente/shared/telemetry"
)

// Config is section jobs. Zero members take the defaults.
type Config struct {
	Workers  int            `yaml:"workers"`  // at a time, per queue and process; default 10
	Queues   map[string]int `yaml:"queues"`   // the same for single queues, by layer.api
	Timeout  time.Duration  `yaml:"timeout"`  // of a job whose worker sets none; default 1m
	Attempts int            `yaml:"attempts"` // of a job that is enqueued without; default 25
	Lease    time.Duration  `yaml:"lease"`    // how long a process may be silent before its jobs are another's; default 15s
	Keep     time.Duration  `yaml:"keep"`     // how long completed jobs are kept; default 24h
}

// Validate joins all that is wrong.
func (c Config) Validate() error {
	var errs []error
	must := func(holds bool, rule string) {
		if !holds {
			errs = append(errs, errors.New(rule))
		}
	}
	must(c.Workers >= 0 && c.Workers <= 1000, "workers: must be from 1 to 1000")
	for _, queue := range slices.Sorted(maps.Keys(c.Queues)) {
		must(c.Queues[queue] > 0 && c.Queues[queue] <= 1000, "queues."+queue+": must be from 1 to 1000")
	}
	must(c.Timeout >= 0, "timeout: must be positive")
	must(c.Attempts >= 0 && c.Attempts <= 32767, "attempts: must be from 1 to 32767")
	must(c.Lease == 0 || c.Lease >= minLease, "lease: must be at least "+minLease.String())
	must(c.Keep >= 0, "keep: must be positive")
	return errors.Join(errs...)
}

const minLease = 300 * time.Millisecond

func (c *Config) setDefaults() {
	if c.Workers == 0 {
		c.Workers = 10
	}
	if c.Timeout == 0 {
		c.Timeout = time.Minute
	}
	if c.Attempts == 0 {
		c.Attempts = river.MaxAttemptsDefault
	}
	if c.Lease == 0 {
		c.Lease = 15 * time.Second
	}
	if c.Keep == 0 {
		c.Keep = 24 * time.Hour
	}
}

// never is River's rescue, which ours replaces.
const never = 100 * 365 * 24 * time.Hour

// stopGrace is how long jobs have to return once they were told to.
const stopGrace = 5 * time.Second

// Jobs enqueues, and after Start works what was registered.
type Jobs struct {
	db      *database.DB
	log     *slog.Logger
	cfg     Config
	id      string
	metrics *metrics
	tracer  *telemetry.Tracer

	inserter *river.Client[pgx.Tx] // knows no kinds: any process may enqueue for any other
	workers  *river.Workers
	hosted   map[string]*queue // by layer.api
	kinds    map[string]bool
	periodic []*periodic

	client  *river.Client[pgx.Tx] // nil where nothing was registered
	stop    context.CancelFunc
	running sync.WaitGroup
}

// queue is one that this process works.
type queue struct {
	poll time.Duration
	lag  prometheus.Gauge
}

// New makes Jobs that can enqueue at once. Register, Every and then Start make it work. tracer makes the
// spans of what is worked; nil: there are none.
func New(db *database.DB, cfg Config, log *slog.Logger, reg prometheus.Registerer, tracer *telemetry.Tracer) (*Jobs, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("jobs: %w", err)
	}
	cfg.setDefaults()
	inserter, err := river.NewClient(riverpgxv5.New(db.Pool), &river.Config{Schema: schema, Logger: quiet(log), MaxAttempts: cfg.Attempts})
	if err != nil {
		return nil, fmt.Errorf("jobs: %w", err)
	}
	return &Jobs{
		db: db, log: log, cfg: cfg, id: rand.Text(), metrics: newMetrics(reg), tracer: tracer, inserter: inserter,
		workers: river.NewWorkers(), hosted: map[string]*queue{}, kinds: map[string]bool{},
	}, nil
}

// host gives the queue of that name, which this process then works.
func (j *Jobs) host(name string) *queue {
	q, ok := j.hosted[name]
	if !ok {
		q = &queue{poll: time.Second, lag: j.metrics.lag.WithLabelValues(name)}
		j.hosted[name] = q
	}
	return q
}

// riverName is a queue's name as River allows it: without a dot.
func riverName(queue string) string { return strings.ReplaceAll(queue, ".", "_") }

// Start works what was registered until Stop. Without anything registered it does nothing.
func (j *Jobs) Start(ctx context.Context) error {
	if len(j.hosted) == 0 {
		return nil
	}
	queues := map[string]river.QueueConfig{}
	for name, q := range j.hosted {
		workers := j.cfg.Workers
		if n := j.cfg.Queues[name]; n > 0 {
			workers = n
		}
		queues[riverName(name)] = river.QueueConfig{MaxWorkers: workers, FetchPollInterval: q.poll}
	}
	client, err := river.NewClient(riverpgxv5.New(j.db.Pool), &river.Config{
		ID: j.id, Schema: schema, Logger: quiet(j.log), Queues: queues, Workers: j.workers,
		FetchOnlyKnownKinds: true, MaxAttempts: j.cfg.Attempts, JobTimeout: j.cfg.Timeout,
		RescueStuckJobsAfter: never, CompletedJobRetentionPeriod: j.cfg.Keep,
		ErrorHandler: failures{j.log},
	})
	if err != nil {
		return fmt.Errorf("jobs: %w", err)
	}
	// The lease before the first job: a job in the name of a process without one is an orphan.
	lease := &lease{jobs: j, seen: map[string]sighting{}}
	if err := lease.beat(ctx); err != nil {
		return err
	}
	if err := j.schedule(ctx); err != nil {
		return err
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	if err := client.Start(background); err != nil {
		stop()
		return fmt.Errorf("jobs: start: %w", err)
	}
	j.client, j.stop = client, stop
	j.running.Go(func() { lease.keep(background) })
	return nil
}

// Stop takes no more jobs and waits for those in work. When ctx ends they are told to stop; one that
// does not is left behind, and another process takes it over when this one is gone.
func (j *Jobs) Stop(ctx context.Context) error {
	if j.client == nil {
		return nil
	}
	err := j.client.Stop(ctx)
	// The drain may have used up ctx; what is left to do is bounded on its own.
	rest, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
	defer cancel()
	if err != nil {
		err = j.client.StopAndCancel(rest)
	}
	j.stop() // the beat goes on until here, and no longer when the lease is resigned
	j.running.Wait()
	if err == nil {
		err = j.resign(rest)
	}
	if err != nil {
		return fmt.Errorf("jobs: stop: %w", err)
	}
	return nil
}
