// Package charging charges lines through the operator's carrier billing, and is never wrong about it
// (specification §10 F6, §11; invariants 1 to 7, 22, 26 of §12).
//
// The carrier billing charges as often as it is told to. So an intention is written down under its key
// before the operator hears of it, with the TxID of the attempt; of a key there is one attempt at a time,
// and one that may have been made is resolved by inquiry before there is another:
//
//	CREATED ──▶ SENT ──▶ SUCCEEDED ──▶ REFUNDING ──▶ REFUNDED
//	   ▲          │├───▶ DECLINED
//	   │ again    │└───▶ UNKNOWN ──inquiry──▶ SUCCEEDED | DECLINED
//	   └──────────┴ nothing was done
//
//	Open    in the transaction that wants the charge: the intention and its attempt
//	Call    outside of any: the operator, once
//	Settle  in a transaction: what came of it, for the charge, its subscription, its partner and its user
//	Resolve in the background: what nobody settled, because nobody knows it or its process died
//
// A charge that came true after its subscription was over, or after its caller was told that it failed,
// is given back.
package charging

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"puente/contracts/sapi/carrierbilling"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/lifecycle"
	"puente/papi/subscription/line"
	"puente/papi/subscription/sql"
	"puente/shared/database"
)

// The kinds of charges.
const (
	First   = "SUBSCRIPTION"
	Renewal = "RENEWAL"
	OneShot = "ONE_SHOT"
)

// The states of charges.
const (
	Created   = "CREATED"
	Sent      = "SENT"
	Succeeded = "SUCCEEDED"
	Declined  = "DECLINED"
	Unknown   = "UNKNOWN"
	Refunding = "REFUNDING"
	Refunded  = "REFUNDED"
)

// Config is section papi.subscription.charging.
type Config struct {
	Timeout time.Duration `yaml:"timeout"` // of a call; the system API below has 10 s for the operator
	Settle  time.Duration `yaml:"settle"`  // after a call ended, until the operator's "not there" is believed
	Inquire time.Duration `yaml:"inquire"` // how often one looks for what is open
	First   time.Duration `yaml:"first"`   // after an outcome was not known, until the first inquiry; then half its age, to Most
	Most    time.Duration `yaml:"most"`
	Caps    Caps          `yaml:"caps"`
}

// Caps bound what a line is charged over all products, by local day and month, in minor units; zero: no bound.
type Caps struct {
	Day   map[string]int64 `yaml:"day"` // by currency
	Month map[string]int64 `yaml:"month"`
}

// Defaults are those of a configuration that says nothing.
func Defaults() Config {
	return Config{
		Timeout: 11 * time.Second, Settle: 10 * time.Second, Inquire: time.Second, First: 2 * time.Second, Most: 5 * time.Minute,
		Caps: Caps{Day: map[string]int64{"CLP": 30_000, "PEN": 15_000}, Month: map[string]int64{"CLP": 90_000, "PEN": 45_000}},
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
	must(c.Timeout >= time.Second && c.Timeout <= time.Minute, "timeout: must be from 1s to 1m")
	must(c.Settle >= 0, "settle: must not be negative")
	must(c.Inquire >= time.Second, "inquire: must be at least 1s")
	must(c.First > 0 && c.Most >= c.First, "first: must be positive, and most not below it")
	for span, caps := range map[string]map[string]int64{"day": c.Caps.Day, "month": c.Caps.Month} {
		for currency, most := range caps {
			must(most >= 0, "caps."+span+"."+currency+": must not be negative")
		}
	}
	return errors.Join(errs...)
}

// billing is what charging needs of the carrier billing.
type billing interface {
	Charge(context.Context, carrierbilling.Order) (carrierbilling.Charge, error)
	Query(context.Context, carrierbilling.ChargeQuery) (carrierbilling.Charge, error)
	Refund(context.Context, carrierbilling.RefundOrder) (carrierbilling.Refund, error)
}

// Charging charges.
type Charging struct {
	cfg       Config
	db        *database.DB
	billing   billing
	catalogue *catalogue.Store
	book      *line.Book
	lifecycle *lifecycle.Lifecycle
	writer    *lifecycle.Writer
	now       func() time.Time
	log       *slog.Logger
	metrics   *metrics
}

// Deps is what charging works with.
type Deps struct {
	DB         *database.DB
	Billing    billing
	Catalogue  *catalogue.Store
	Book       *line.Book
	Lifecycle  *lifecycle.Lifecycle
	Writer     *lifecycle.Writer
	Now        func() time.Time // business time
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// New makes charging.
func New(cfg Config, d Deps) *Charging {
	return &Charging{
		cfg: cfg, db: d.DB, billing: d.Billing, catalogue: d.Catalogue, book: d.Book, lifecycle: d.Lifecycle, writer: d.Writer,
		now: d.Now, log: d.Log, metrics: newMetrics(d.Registerer, d.DB),
	}
}

// Intent is a charge that is wanted.
type Intent struct {
	Key            string
	Kind           string
	SubscriptionID int64 // but of OneShot
	LineID         int64
	MSISDN         string
	Product        *catalogue.Product
	PricepointID   int64
	Amount         int64 // minor units
	Days           int   // of Renewal, that a lower price pays for; zero: a whole period
	Channel        string
	ShortCode      string
	TID            string
	UserType       string
	ConsentID      uuid.UUID
	Fingerprint    []byte
}

// Order is a charge that the operator is to hear of.
type Order struct {
	Charge  sql.SubscriptionCharge
	TxID    string
	MSISDN  string
	Product *catalogue.Product

	opened time.Time // by this process's clock: before the database noted when its attempt ends
}

// NotCalled is the result of an order that was opened and of which the operator hears nothing, tried again then.
func NotCalled(again time.Duration, cause error) Result {
	return Result{Outcome: OutcomeUndone, Again: max(again, soon), Cause: cause}
}

// lasts is how long a call of an attempt may be on its way: it begins within startWithin, or not at all.
func (c *Charging) lasts() time.Duration { return startWithin + c.cfg.Timeout + time.Second }
