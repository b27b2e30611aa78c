// Package tvvalidation holds the television platforms against the inventory (source document:
// Validación de Estado de Televisión), and has them changed where they differ.
//
//	view         what the inventory has: the service, then subscriber, channels, services and devices
//	             at once, together with the question whether the platforms can be reached (view.go)
//	tables       decode the inventory's codes and leave some out; operators edit them (table.go)
//	comparison   the four platforms, asked at once: GREEN, RED, or YELLOW where one could not be asked
//	             (comparison.go)
//
// A validation is a comparison that is recorded. A normalization is a comparison, what follows from
// its REDs, and another comparison; it has one row, written down before the first change (run.go):
//
//	(none) ──┬──────────▶ RUNNING ──────────▶ DONE
//	         │ nothing to do                    ▲
//	         ├──────────────────────────────────┘
//	         └──────────▶ PLANNED: a dry run
//
// RUNNING belongs to one process for as long as that may change anything (ends_at); after a crash
// another one takes the row over and finishes it: a background job, or whoever asks for the same
// account meanwhile. What a platform is told it may be told again, so nothing has to be found out first
// but what it has now, and what it is to have by now.
package tvvalidation

import (
	"context"
	"embed"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"

	"puente/contracts/papi/tvvalidation"
	"puente/contracts/sapi/inventory"
	"puente/contracts/sapi/tvplatforms"
	"puente/shared/database"
	"puente/shared/keyring"
	"puente/shared/problem"
	"puente/shared/server"
)

//go:embed sql/migrations/*.sql
var migrations embed.FS

// API is the declaration that the layer lists.
var API = server.API{
	Contract:   &tvvalidation.Contract,
	Mount:      mount,
	Migrations: []database.Migrations{{Schema: "tvvalidation", FS: database.Files(migrations)}},
	Lasting:    []string{"tvvalidation.tables"},
}

// Config is section papi.tvvalidation.
type Config struct {
	Cache          CacheConfig          `yaml:"cache"`
	Verifications  VerificationsConfig  `yaml:"verifications"`
	Normalizations NormalizationsConfig `yaml:"normalizations"`
}

// CacheConfig says how long a view of the inventory is remembered.
type CacheConfig struct {
	Lifetime time.Duration `yaml:"lifetime"` // zero: not at all
	Views    int           `yaml:"views"`    // at most
}

// VerificationsConfig says how long verifications are kept.
type VerificationsConfig struct {
	Keep time.Duration `yaml:"keep"` // whole days
}

// NormalizationsConfig says how normalizations are kept, and how those are finished whose process died.
type NormalizationsConfig struct {
	Resume time.Duration `yaml:"resume"` // how often one looks for them
	Poll   time.Duration `yaml:"poll"`   // how often one looks who waits for another normalization
	Keep   time.Duration `yaml:"keep"`
}

func defaults() Config {
	return Config{
		Cache:          CacheConfig{Lifetime: 5 * time.Second, Views: 10_000},
		Verifications:  VerificationsConfig{Keep: 90 * 24 * time.Hour},
		Normalizations: NormalizationsConfig{Resume: 10 * time.Second, Poll: 50 * time.Millisecond, Keep: 90 * 24 * time.Hour},
	}
}

// Validate joins all that is wrong.
func (c *Config) Validate() error {
	var errs []error
	must := func(holds bool, rule string) {
		if !holds {
			errs = append(errs, errors.New(rule))
		}
	}
	must(c.Cache.Lifetime >= 0 && c.Cache.Lifetime <= time.Minute, "cache.lifetime: must be from 0 to 1m")
	must(c.Cache.Views >= 1, "cache.views: must be at least 1")
	must(c.Verifications.Keep >= 24*time.Hour, "verifications.keep: must be at least 24h")
	must(c.Normalizations.Resume >= time.Second, "normalizations.resume: must be at least 1s")
	must(c.Normalizations.Poll >= time.Millisecond, "normalizations.poll: must be at least 1ms")
	must(c.Normalizations.Keep >= time.Hour, "normalizations.keep: must be at least 1h")
	return errors.Join(errs...)
}

// mss is what the process needs of the inventory.
type mss interface {
	Service(context.Context, inventory.ServiceQuery) (inventory.Service, error)
	TelevisionSubscriber(context.Context, inventory.AccountQuery) (inventory.TelevisionSubscriber, error)
	TelevisionChannels(context.Context, inventory.AccountQuery) (inventory.TelevisionCodes, error)
	TelevisionServices(context.Context, inventory.AccountQuery) (inventory.TelevisionCodes, error)
	TelevisionDevices(context.Context, inventory.AccountQuery) (inventory.TelevisionDevices, error)
}

// television is what it needs of the platforms.
type television interface {
	Access(context.Context, tvplatforms.AccessQuery) (tvplatforms.Access, error)
	Holding(context.Context, tvplatforms.HoldingQuery) (tvplatforms.Holding, error)
	Change(context.Context, tvplatforms.Change) error
}

// decodes are the tables as they are now.
type decodes interface{ Snapshot() *tables }

// process is the business process with what it needs.
type process struct {
	cfg       Config
	inventory mss
	platforms television
	tables    decodes

	ring    *keyring.Ring
	db      *database.DB
	log     *slog.Logger
	now     func() time.Time
	events  *database.Writer[event, struct{}]
	cache   *otter.Cache[[32]byte, view] // nil: none
	metrics *metrics

	worktime time.Duration  // of a run
	patience time.Duration  // of a run with the platforms, each time it turns to them
	flights  sync.WaitGroup // of normalizations in work here
}

func newProcess(cfg Config, ring *keyring.Ring, db *database.DB, log *slog.Logger) *process {
	p := &process{
		cfg: cfg, ring: ring, db: db, log: log, metrics: newMetrics(),
		now: func() time.Time { return instant(time.Now()) }, worktime: sla, patience: 9 * time.Second,
	}
	if cfg.Cache.Lifetime > 0 {
		p.cache = otter.Must(&otter.Options[[32]byte, view]{
			MaximumSize: cfg.Cache.Views, ExpiryCalculator: otter.ExpiryWriting[[32]byte, view](cfg.Cache.Lifetime),
		})
	}
	p.events = database.NewWriter(db, "tvvalidation_verifications", 64, p.writeEvents)
	return p
}

// instant is t as it is kept and told: what was written down and read again is the same.
func instant(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

func mount(env *server.Env) error {
	_, err := wire(env)
	return err
}

func wire(env *server.Env) (*process, error) {
	cfg := defaults()
	if err := env.Config(&cfg); err != nil {
		return nil, err
	}
	p := newProcess(cfg, env.Keyring(), env.Database(), env.Logger())
	p.inventory, p.platforms = inventory.NewClient(env), tvplatforms.NewClient(env)
	p.now = func() time.Time { return instant(env.Now()) }
	tables := newStore(env.Database(), env.Logger(), env.Registerer())
	p.tables = tables
	env.Follow("tvtables", tables)
	env.Administer(tables.resource())
	if err := p.register(env.Registerer()); err != nil {
		return nil, err
	}
	env.Every("resume", cfg.Normalizations.Resume, p.resume)
	env.Every("prune", time.Hour, p.prune)
	server.Handle(env, tvvalidation.Validate, p.Validate)
	server.Handle(env, tvvalidation.QueryVerification, p.QueryVerification)
	server.Handle(env, tvvalidation.Normalize, p.Normalize)
	server.Handle(env, tvvalidation.QueryNormalization, p.QueryNormalization)
	server.Handle(env, tvvalidation.QueryService, p.QueryService)
	return p, nil
}

// QueryService tells what television a connection has by the inventory, in the inventory's codes. It is
// for the same connections as the other operations, whose platforms can be reached.
func (p *process) QueryService(ctx context.Context, in tvvalidation.Request) (tvvalidation.Service, error) {
	if err := complete(in.Connection); err != nil {
		return tvvalidation.Service{}, err
	}
	v, err := p.view(ctx, in.Connection)
	if missing := (*gaps)(nil); errors.As(err, &missing) {
		err = missing.refusal(nil, nil) // the tables do not matter here
	}
	if err != nil {
		return tvvalidation.Service{}, left(ctx, err)
	}
	return tvvalidation.Service{
		Connection: in.Connection, Account: v.account, Technology: v.technology, State: v.state, SubscriberState: v.subscriber,
		Channels: set(v.channels), Services: set(v.services), Devices: canonicalSet(v.devices),
	}, nil
}

// prune removes what is too old, and makes room for what comes.
func (p *process) prune(ctx context.Context) error {
	return errors.Join(p.keepDays(ctx), p.pruneNormalizations(ctx))
}

// complete is the part of the contract's check without which the process would go wrong: a typed
// caller passes none.
func complete(connection string) error {
	if connection == "" {
		return &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: "connection", Rule: "is required"}}}
	}
	return nil
}

// left is err, unless the request's caller went away: then nothing is known of any system.
func left(ctx context.Context, err error) error {
	if ctx.Err() == context.Canceled {
		return ctx.Err()
	}
	return err
}
