// Package reconnection reconnects a suspended service (source document: Servicio de Reconexión v2):
// it looks the service up, holds the caller's document against the holder's, finds the way that the
// suspension's reason and the technology allow, and has an order made; where no order is possible, a
// PQR is filed in its place.
//
// Neither the order management nor the register knows what was asked of it before, so this package
// writes down what it is about to do before it does it. A suspension has one row, and the row one
// state (suspension.go):
//
//	           claim          accepted, found
//	(none) ──┬──────▶ ordering ────────────────▶ ordered
//	         │           │ refused: nothing done
//	         │ debt      ▼
//	         ├───────▶ filing ─────────────────▶ filed
//	         │           │ not sent, absent (of ordering, too)
//	         └─────── abandoned
//
// ordered and filed are final: whoever asks again, under whatever correlation, is told their numbers.
// While an attempt is in work it holds the row for as long as it may call anybody (ends_at). What it
// leaves behind without an outcome, because nobody knows it or its process died, is resolved by asking
// the systems for the row's reference, and only when they certainly have nothing may the next request
// try again.
//
// A background job asks them, too, so that every row comes to a final state by itself, at the latest
// 30 s after the system answers again. It never orders nor files: ownership, debt and suspension were
// looked at for the request that failed, and whoever still wants the service back asks again.
package reconnection

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"

	"puente/contracts/papi/reconnection"
	"puente/contracts/sapi/inventory"
	"puente/contracts/sapi/orders"
	"puente/contracts/sapi/pqr"
	"puente/shared/database"
	"puente/shared/jobs"
	"puente/shared/keyring"
	"puente/shared/problem"
	"puente/shared/server"
)

//go:embed sql/migrations/*.sql
var migrations embed.FS

// API is the declaration that the layer lists. The rows of suspensions stay: one that went could not
// keep its suspension from a second order. They name neither line nor person.
var API = server.API{
	Contract:   &reconnection.Contract,
	Mount:      mount,
	Migrations: []database.Migrations{{Schema: "reconnection", FS: database.Files(migrations)}},
	Lasting:    []string{"reconnection.suspensions"},
}

// Config is section papi.reconnection.
type Config struct {
	Cache      CacheConfig      `yaml:"cache"`
	Suspension SuspensionConfig `yaml:"suspension"`
	Batch      BatchConfig      `yaml:"batch"`
}

// CacheConfig says how long a service is remembered.
type CacheConfig struct {
	Lifetime time.Duration `yaml:"lifetime"` // zero: not at all
	Services int           `yaml:"services"` // at most
}

// SuspensionConfig says how outcomes that are not known are resolved.
type SuspensionConfig struct {
	Settle  time.Duration `yaml:"settle"`  // after an attempt ended, until a system's "not there" is believed
	Inquire time.Duration `yaml:"inquire"` // how often the systems are asked for what is open
	Poll    time.Duration `yaml:"poll"`    // how often one looks who waits for another process's attempt
}

// BatchConfig says how batches are worked.
type BatchConfig struct {
	Concurrency int             `yaml:"concurrency"` // items at a time, of all batches in a process
	Pauses      []time.Duration `yaml:"pauses"`      // before an item is tried again; after the last it fails
	Keep        time.Duration   `yaml:"keep"`        // of a batch with its items
}

func defaults() Config {
	return Config{
		Cache:      CacheConfig{Lifetime: 5 * time.Second, Services: 10_000},
		Suspension: SuspensionConfig{Settle: 10 * time.Second, Inquire: 10 * time.Second, Poll: 50 * time.Millisecond},
		Batch:      BatchConfig{Concurrency: 8, Pauses: []time.Duration{5 * time.Second, 15 * time.Second, 30 * time.Second}, Keep: 30 * 24 * time.Hour},
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
	must(c.Cache.Services >= 1, "cache.services: must be at least 1")
	must(c.Suspension.Settle >= 0, "suspension.settle: must not be negative")
	must(c.Suspension.Inquire >= time.Second, "suspension.inquire: must be at least 1s")
	must(c.Suspension.Poll >= time.Millisecond, "suspension.poll: must be at least 1ms")
	must(c.Batch.Concurrency >= 1 && c.Batch.Concurrency <= 100, "batch.concurrency: must be from 1 to 100")
	must(len(c.Batch.Pauses) <= 10, "batch.pauses: must be at most 10")
	for _, pause := range c.Batch.Pauses {
		must(pause >= 0, "batch.pauses: must not be negative")
	}
	must(c.Batch.Keep >= time.Minute, "batch.keep: must be at least 1m")
	return errors.Join(errs...)
}

// services is what the process needs of the inventory.
type services interface {
	Service(context.Context, inventory.ServiceQuery) (inventory.Service, error)
	Holder(context.Context, inventory.HolderQuery) (inventory.Holder, error)
}

// orderManagement is what it needs of the orders and of the billing view.
type orderManagement interface {
	Reconnect(context.Context, orders.Reconnection) (orders.Order, error)
	Reconnection(context.Context, orders.ReconnectionQuery) (orders.Order, error)
	Order(context.Context, orders.OrderQuery) (orders.Order, error)
	Billing(context.Context, orders.BillingQuery) (orders.Billing, error)
}

// register is what it needs of the register of PQRs.
type register interface {
	Create(context.Context, pqr.Filing) (pqr.PQR, error)
	Find(context.Context, pqr.ReferenceQuery) (pqr.PQR, error)
	PQR(context.Context, pqr.NumberQuery) (pqr.PQR, error)
}

// reconnecter reconnects the items of a batch: this very API, as a hop of its own, so that each item
// is counted, audited and switched like a request.
type reconnecter interface {
	Reconnect(context.Context, reconnection.Request) (reconnection.Outcome, error)
}

// process is the business process with what it needs.
type process struct {
	cfg      Config
	services services
	orders   orderManagement
	pqrs     register
	items    reconnecter

	ring     *keyring.Ring
	db       *database.DB
	jobs     *jobs.Jobs
	claims   *database.Writer[claim, int32]
	cache    *otter.Cache[[32]byte, inventory.Service] // nil: none
	slots    chan struct{}                             // of items in work
	outcomes *outcomes

	mu      sync.Mutex
	flights map[[32]byte]*flight // of suspensions in work here
}

func newProcess(cfg Config, ring *keyring.Ring, db *database.DB) *process {
	p := &process{
		cfg: cfg, ring: ring, db: db, slots: make(chan struct{}, cfg.Batch.Concurrency),
		outcomes: newOutcomes(), flights: make(map[[32]byte]*flight),
	}
	if cfg.Cache.Lifetime > 0 {
		p.cache = otter.Must(&otter.Options[[32]byte, inventory.Service]{
			MaximumSize: cfg.Cache.Services, ExpiryCalculator: otter.ExpiryWriting[[32]byte, inventory.Service](cfg.Cache.Lifetime),
		})
	}
	p.claims = database.NewWriter(db, "reconnection_claims", 64, p.writeClaims)
	return p
}

func mount(env *server.Env) error {
	cfg := defaults()
	if err := env.Config(&cfg); err != nil {
		return err
	}
	p := newProcess(cfg, env.Keyring(), env.Database())
	p.services, p.orders, p.pqrs = inventory.NewClient(env), orders.NewClient(env), pqr.NewClient(env)
	p.items, p.jobs = reconnection.NewClient(env), env.Jobs()
	if err := p.register(env.Registerer()); err != nil {
		return err
	}
	if err := jobs.Register(env.Jobs(), batchQueue, p.worker()); err != nil {
		return err
	}
	env.Every("resolve", cfg.Suspension.Inquire, p.resolve)
	env.Every("prune", time.Hour, p.prune)
	server.Handle(env, reconnection.Reconnect, p.Reconnect)
	server.Handle(env, reconnection.StartBatch, p.StartBatch)
	server.Handle(env, reconnection.QueryBatch, p.QueryBatch)
	server.Handle(env, reconnection.QueryOrder, p.QueryOrder)
	server.Handle(env, reconnection.QueryPQR, p.QueryPQR)
	return nil
}

// Reconnect is the document's flow. Ownership comes before state: who is not the holder learns
// nothing of the service, whatever it is in.
func (p *process) Reconnect(ctx context.Context, in reconnection.Request) (out reconnection.Outcome, err error) {
	var strategy orders.Strategy
	defer func() { p.outcomes.count(strategy, out, err) }()
	if err := complete(in); err != nil {
		return out, err
	}
	limit := newBudget(ctx)
	calls, cancel := context.WithDeadline(ctx, limit.calls)
	defer cancel()

	service, err := p.service(calls, in.Connection)
	if errors.Is(err, problem.NotFound) || err == nil && service.State == inventory.StateWithdrawn {
		return out, refused(reconnection.CodeNoService, "There is no such service", err)
	}
	if err != nil {
		return out, technical("look up the service", err)
	}
	debt := p.askDebt(calls, service)
	holder, err := p.services.Holder(calls, inventory.HolderQuery{Connection: service.Connection})
	if err != nil {
		return out, technical("look up the holder", err)
	}
	if !holds(holder, in) {
		return out, refused(reconnection.CodeNotHolder, "The document is not the holder's", nil)
	}
	if service.State != inventory.StateSuspended {
		return out, refused(reconnection.CodeNotSuspended, "The service is not suspended", nil)
	}
	if service.Suspension == nil || service.Suspension.ID == "" {
		return out, problem.Errorf(problem.BadUpstream, "reconnect: the inventory has a suspended service without its suspension")
	}
	var possible bool
	if strategy, possible = strategyFor(service.Suspension.Reason, service.Technology); !possible {
		return out, refused(reconnection.CodeNoStrategy, "The reason of the suspension allows no reconnection", nil)
	}
	d := p.demand(in, service, holder, strategy)
	if d.debt, err = debt(); err != nil {
		if before, known := p.known(calls, d); known { // what became of the suspension does not depend on the debt
			return before, nil
		}
		return out, technical("look up the debt", err)
	}
	return p.once(ctx, limit, d)
}

// askDebt asks for the debt of a line that is suspended for it while the holder is looked up. What it
// returns waits for the answer; who has no use for it leaves it.
func (p *process) askDebt(ctx context.Context, s inventory.Service) func() (bool, error) {
	if s.State != inventory.StateSuspended || s.Suspension == nil || s.Suspension.Reason != inventory.ReasonNonPayment {
		return func() (bool, error) { return false, nil }
	}
	type answer struct {
		billing orders.Billing
		err     error
	}
	answered := make(chan answer, 1)
	go func() {
		var a answer
		defer func() {
			if r := recover(); r != nil { // no request's recover stands above
				a.err = fmt.Errorf("panic: %v", r)
			}
			answered <- a
		}()
		a.billing, a.err = p.orders.Billing(ctx, orders.BillingQuery{Connection: s.Connection})
	}()
	return func() (bool, error) {
		select {
		case a := <-answered:
			return !a.billing.Settled, a.err
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}
