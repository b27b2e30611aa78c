// Package renewal renews subscriptions when they are due (specification §10 F5): it claims them in chunks, looks
// their lines up, moves what time moved, and has charged what is to be charged.
//
//	wake     a periodic job counts what is due and enqueues chunk jobs, a few at a time over all processes
//	claim    a chunk: rows with a lease by the database's clock; a dead process's come back when it is over
//	look     at the catalogue, the consent and the line, before any charge
//	open     in one transaction, under the rows' locks: the moves, the intentions, and no due date while they are in work
//	call     the operator, so many at a time and as fast as it allows
//	settle   in groups, which gives each row its next due date
//
// Several processes share the work. What a dead one claimed is claimed again; what it opened is resolved by
// inquiry (package charging). Nothing depends on how much is due but the time it takes.
package renewal

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"puente/contracts/sapi/subscriber"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/charging"
	"puente/papi/subscription/lifecycle"
	"puente/papi/subscription/line"
	"puente/papi/subscription/sql"
	"puente/shared/database"
)

// Config is section papi.subscription.renewal.
type Config struct {
	Every   time.Duration `yaml:"every"`   // how often one looks for what is due
	Events  time.Duration `yaml:"events"`  // how often the line directory is asked for events
	Jobs    int           `yaml:"jobs"`    // chunk jobs at a time, over all processes; they share the queue's workers with other jobs
	Chunk   int           `yaml:"chunk"`   // subscriptions that are claimed at once
	Lookups int           `yaml:"lookups"` // calls of the directory at a time, by a chunk
	Calls   int           `yaml:"calls"`   // calls of the operator at a time, by a process
	Rate    float64       `yaml:"rate"`    // calls of the operator per second, by a process; zero: as many as it takes
	Away    time.Duration `yaml:"away"`    // until a line is looked up again that could not be
	Lease   time.Duration `yaml:"lease"`   // of what was claimed; longer than a chunk takes, or two work at the same for nothing
	Held    time.Duration `yaml:"held"`    // until a subscription is looked at again whose line is barred, or whose product is suspended
}

// Defaults are those of a configuration that says nothing.
func Defaults() Config {
	return Config{
		Every: time.Second, Events: 10 * time.Second, Jobs: 4, Chunk: 500, Lookups: 16, Calls: 32, Away: 5 * time.Minute, Lease: 2 * time.Minute, Held: time.Hour,
	}
}

// Validate joins all that is wrong.
func (c Config) Validate() error {
	var errs []error
	must := func(holds bool, rule string) {
		if !holds {
			errs = append(errs, errors.New(rule))
		}
	}
	must(c.Every >= time.Second, "every: must be at least 1s")
	must(c.Events >= time.Second, "events: must be at least 1s")
	must(c.Jobs >= 1 && c.Jobs <= 100, "jobs: must be from 1 to 100")
	must(c.Chunk >= 1 && c.Chunk <= 5000, "chunk: must be from 1 to 5000")
	must(c.Lookups >= 1 && c.Lookups <= 500, "lookups: must be from 1 to 500")
	must(c.Calls >= 1 && c.Calls <= 1000, "calls: must be from 1 to 1000")
	must(c.Rate == 0 || c.Rate >= leastRate && c.Rate <= 100_000, "rate: must be 0, or from 1 to 100000")
	must(c.Away >= time.Second, "away: must be at least 1s")
	must(c.Lease >= time.Second, "lease: must be at least 1s")
	must(c.Held >= time.Second, "held: must be at least 1s")
	return errors.Join(errs...)
}

// charger is what renewing needs of charging; a charging.Charging is one.
type charger interface {
	Open(context.Context, pgx.Tx, time.Time, ...charging.Intent) (charging.Opened, error)
	Call(context.Context, charging.Order) charging.Result
	Settle(context.Context, pgx.Tx, time.Time, ...charging.Settlement) (map[int64]sql.SubscriptionCharge, error)
}

// directory finds own, living lines; a line.Directory is one.
type directory interface {
	Look(ctx context.Context, msisdn string) (subscriber.Line, error)
}

// events tells what became of lines; a subscriber.Client is one.
type events interface {
	LineEvents(context.Context, subscriber.LineEventsQuery) (subscriber.LineEvents, error)
}

// Deps is what renewing works with.
type Deps struct {
	DB         *database.DB
	Catalogue  *catalogue.Store
	Book       *line.Book
	Directory  directory
	Events     events
	Lifecycle  *lifecycle.Lifecycle
	Writer     *lifecycle.Writer
	Charging   charger
	Now        func() time.Time // business time
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// Renewal renews.
type Renewal struct {
	cfg Config
	Deps
	pace    *pace
	calls   *slots
	metrics *metrics
}

// New makes a renewal, of which a process has one.
func New(cfg Config, d Deps) *Renewal {
	r := &Renewal{cfg: cfg, Deps: d, pace: newPace(cfg.Rate), calls: newSlots(cfg.Calls)}
	r.metrics = newMetrics(d.Registerer, r)
	return r
}
