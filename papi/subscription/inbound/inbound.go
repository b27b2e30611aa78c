// Package inbound does what phones ask for, and notes what the SMS center reports (specification §10 F3).
//
// The SMS center's system hands items over until they are acknowledged. Each message is done in one
// transaction, in which it is also written down under the item's id, and acknowledged after it: one that comes
// again, because we died between the two, finds itself there and does nothing. Nothing here calls any other
// system: a cancellation needs neither carrier billing nor directory nor gateway, and its confirmation follows
// by the outbox.
//
// An item that cannot be done does not hold up those behind it. It is tried a few times, then written down as
// failed, acknowledged, and tried again from there each hour: that somebody wants to pay no more is not lost.
// What is not written down is not acknowledged.
package inbound

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"puente/contracts/sapi/smsc"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/lifecycle"
	"puente/papi/subscription/line"
	"puente/papi/subscription/messaging"
	"puente/papi/subscription/sql"
	"puente/shared/database"
	"puente/shared/problem"
	"puente/shared/telemetry"
)

// Config is section papi.subscription.inbound.
type Config struct {
	HelpEvery time.Duration `yaml:"helpEvery"` // a line is told how to write at most so often
	Attempts  int           `yaml:"attempts"`  // at an item, before it is put aside
	Again     time.Duration `yaml:"again"`     // after which what was put aside is tried again
	GiveUp    time.Duration `yaml:"giveUp"`    // after which it is not any more
	Timeout   time.Duration `yaml:"timeout"`   // of a call, and of an item's transaction
}

// Defaults are those of a configuration that says nothing.
func Defaults() Config {
	return Config{HelpEvery: 10 * time.Minute, Attempts: 5, Again: time.Hour, GiveUp: 7 * 24 * time.Hour, Timeout: 5 * time.Second}
}

// Validate joins all that is wrong.
func (c *Config) Validate() error {
	var errs []error
	must := func(holds bool, rule string) {
		if !holds {
			errs = append(errs, errors.New(rule))
		}
	}
	must(c.HelpEvery >= 0, "helpEvery: must not be below 0")
	must(c.Attempts >= 1 && c.Attempts <= 100, "attempts: must be from 1 to 100")
	must(c.Again >= time.Minute, "again: must be at least 1m")
	must(c.GiveUp >= c.Again, "giveUp: must not be below again")
	must(c.Timeout >= time.Second && c.Timeout <= time.Minute, "timeout: must be from 1s to 1m")
	return errors.Join(errs...)
}

// center is what is needed of the SMS center.
type center interface {
	Take(context.Context, smsc.Take) (smsc.Inbound, error)
	Acknowledge(context.Context, smsc.Ack) (smsc.Acknowledged, error)
}

// Inbound works on what comes in. Work and Again run in one process at a time, each not beside itself.
type Inbound struct {
	cfg       Config
	db        *database.DB
	center    center
	catalogue *catalogue.Store
	book      *line.Book
	lifecycle *lifecycle.Lifecycle
	writer    *lifecycle.Writer
	messages  *messaging.Sender
	now       func() time.Time
	machine   func() time.Time // what the SMS center's system dates items by
	log       *slog.Logger
	items     *prometheus.CounterVec

	failures map[string]int // by item, of those that wait; a new process counts anew
}

// Deps is what an Inbound works with.
type Deps struct {
	DB         *database.DB
	Center     center
	Catalogue  *catalogue.Store
	Book       *line.Book
	Lifecycle  *lifecycle.Lifecycle
	Writer     *lifecycle.Writer
	Messages   *messaging.Sender
	Now        func() time.Time // business time
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// New makes an Inbound.
func New(cfg Config, d Deps) *Inbound {
	i := &Inbound{
		cfg: cfg, db: d.DB, center: d.Center, catalogue: d.Catalogue, book: d.Book, lifecycle: d.Lifecycle, writer: d.Writer, messages: d.Messages,
		now: d.Now, machine: time.Now, log: d.Log, failures: map[string]int{},
		items: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "subscription_inbound_total",
			Help: "Messages of phones and delivery reports, by what they asked for and what was done; put_aside wants somebody to look.",
		}, []string{"kind", "result"}),
	}
	d.Registerer.MustRegister(i.items, database.NewCount("subscription_inbound_undone", "Messages of phones that could not be done; each may be somebody who goes on paying.",
		func(ctx context.Context) (int64, error) { return sql.New(d.DB).CountUndone(ctx) }))
	return i
}

// What is done with an item, beside what a message asked for.
const (
	resultRepeated  = "repeated"
	resultDropped   = "dropped" // it is of no number, short code or message of ours
	resultNoted     = "noted"   // a report
	resultFailed    = "failed"  // and tried again
	resultPutAside  = "put_aside"
	resultUnchanged = "unchanged"
)

// Work does all that waits, page by page.
func (i *Inbound) Work(ctx context.Context) error {
	for {
		page, err := i.take(ctx)
		if err != nil {
			return err
		}
		done, failed := i.work(ctx, page)
		if len(done) > 0 {
			if err := i.acknowledge(ctx, done); err != nil {
				return errors.Join(failed, err)
			}
		}
		// What failed is on the next page again: it waits for the next run, or one would go round in circles.
		if failed != nil || len(page) < smsc.MaxItems || ctx.Err() != nil {
			return errors.Join(failed, ctx.Err())
		}
	}
}

func (i *Inbound) take(ctx context.Context) ([]smsc.Item, error) {
	ctx, cancel := context.WithTimeout(ctx, i.cfg.Timeout)
	defer cancel()
	page, err := i.center.Take(ctx, smsc.Take{Limit: smsc.MaxItems})
	if err != nil {
		return nil, fmt.Errorf("take inbound messages: %w", err)
	}
	return page.Items, nil
}

// acknowledge goes on when the run's time is over: what was done is not to be done again.
func (i *Inbound) acknowledge(ctx context.Context, ids []string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), i.cfg.Timeout)
	defer cancel()
	if _, err := i.center.Acknowledge(ctx, smsc.Ack{IDs: ids}); err != nil {
		return fmt.Errorf("acknowledge inbound messages: %w", err)
	}
	return nil
}

// work does a page. done may be acknowledged; failed says that something else may not.
func (i *Inbound) work(ctx context.Context, page []smsc.Item) (done []string, failed error) {
	late := 0
	for _, item := range page {
		if ctx.Err() != nil {
			return done, ctx.Err()
		}
		ctx := telemetry.WithCorrelation(ctx, item.ID)
		result, err := i.item(ctx, item)
		if errors.Is(err, context.DeadlineExceeded) {
			late++
		}
		if errors.Is(err, problem.Unavailable) || ctx.Err() != nil || late > mostLate { // all of the page would fail
			return done, errors.Join(failed, err)
		}
		if err != nil {
			if result, err = i.fault(ctx, item, err); err != nil {
				i.items.WithLabelValues(kind(item), resultFailed).Inc()
				failed = errors.Join(failed, err)
				continue
			}
		}
		delete(i.failures, item.ID)
		i.items.WithLabelValues(kind(item), result).Inc()
		done = append(done, item.ID)
	}
	return done, failed
}

// kind is the label of that name: only what the contract has.
func kind(item smsc.Item) string {
	if item.Kind == smsc.KindReport {
		return "report"
	}
	return "message"
}

// mostLate is how many items of a page may wait in vain for a lock before it is taken for the database that
// keeps them waiting.
const mostLate = 2

// item does one, and survives it.
func (i *Inbound) item(ctx context.Context, item smsc.Item) (result string, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("inbound item %s: panic: %v", item.ID, r)
		}
	}()
	limited, cancel := context.WithTimeout(ctx, i.cfg.Timeout)
	defer cancel()
	switch item.Kind {
	case smsc.KindReport:
		return i.report(limited, item)
	case smsc.KindMessage:
		return i.message(limited, item)
	}
	i.log.WarnContext(ctx, "inbound item of a kind that is not known", "item", item.ID)
	return resultDropped, nil
}

// report notes what became of a message.
func (i *Inbound) report(ctx context.Context, item smsc.Item) (string, error) {
	id, err := uuid.Parse(item.Message)
	if err != nil {
		return resultDropped, nil
	}
	changed, err := i.messages.Report(ctx, id, item.State)
	if err != nil || changed {
		return resultNoted, err
	}
	return resultUnchanged, nil
}

// fault counts a failure of an item, and puts the item aside where there were enough.
func (i *Inbound) fault(ctx context.Context, item smsc.Item, cause error) (string, error) {
	if len(i.failures) > 10*smsc.MaxItems { // of items that went another way
		clear(i.failures)
	}
	i.failures[item.ID]++
	if i.failures[item.ID] < i.cfg.Attempts {
		return "", cause
	}
	if err := i.putAside(ctx, item); err != nil {
		return "", errors.Join(cause, err)
	}
	i.log.ErrorContext(ctx, "inbound item put aside", "item", item.ID, "kind", kind(item), "error", cause)
	return resultPutAside, nil
}
