// Package enrolment is how the owner of a line agrees to a product and pays for it the first time
// (specification §7, §10 F1 and F2; invariants 4, 7, 8, 12 to 16).
//
//	DescribeOffer  what a campaign's pages show
//	MintHandle     what the operator's header told of a plain request, kept for one use
//	StartFlow      an offer to a line; a PIN goes to it, unless a handle tells whose it is
//	ResendPIN      another PIN, which alone is good from then on
//	ConfirmFlow    in one transaction the consent, the subscription and the intention to charge; then the charge
//	Expire         in the background: what nobody confirmed in time
//
// A PIN is good for its flow, line and product, once, for five minutes and three tries, and every try is
// counted before it is answered. The quotas of PINs, and of flows by header, are those of PostgreSQL's rows: they hold under
// parallel requests, over all processes and over the death of any.
package enrolment

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	contract "puente/contracts/papi/subscription"
	"puente/contracts/sapi/headerenrichment"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/charging"
	"puente/papi/subscription/lifecycle"
	"puente/papi/subscription/line"
	"puente/papi/subscription/messaging"
	"puente/papi/subscription/tally"
	"puente/shared/database"
	"puente/shared/keyring"
	"puente/shared/problem"
)

// The specification's figures (§7.2, §11).
const (
	flowLife   = 10 * time.Minute
	pinLife    = 5 * time.Minute
	pinTries   = 3
	resendWait = time.Minute

	hourly    = 3  // PINs to a line in any hour
	daily     = 10 // in any day
	byAddress = 20 // PINs for an address in any hour
	deadMost  = 5  // dead PINs of a line in a day lock it for a day

	refusedMost = 20 // lines that an address may learn in an hour that they are not to be had

	// Flows that the operator's header proves send no SMS, but each may end in a charge: without a bound, a page or a
	// program on the device of who pays could begin them all day. A line has as many in a day as it may have PINs, a
	// few more in an hour, since a user who goes back and forth costs nothing. An address is the device's: many lines
	// may share one behind the operator's translation, so that it may have more than of PINs.
	headerHourly    = 5
	headerDaily     = 10
	headerByAddress = 60 // in an hour
)

// The proofs and states as the tables have them.
const (
	pending   = "pending"
	confirmed = "confirmed"

	live = "live"
	used = "used"
	dead = "dead"
	void = "void"
)

// enrichment is what enrolment needs of the header enrichment.
type enrichment interface {
	Resolve(context.Context, headerenrichment.Request) (headerenrichment.Resolution, error)
}

// speaker writes messages; a messaging.Sender is one.
type speaker interface {
	Send(context.Context, pgx.Tx, ...messaging.Message) error
}

// Deps is what enrolment works with.
type Deps struct {
	DB         *database.DB
	Ring       *keyring.Ring
	Catalogue  *catalogue.Store
	Book       *line.Book
	Directory  *line.Directory
	Enrichment enrichment
	Charging   *charging.Charging
	Lifecycle  *lifecycle.Lifecycle
	Writer     *lifecycle.Writer
	Users      speaker
	Tally      *tally.Tally
	Now        func() time.Time // business time
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// Flows are the flows of enrolment.
type Flows struct {
	db         *database.DB
	ring       *keyring.Ring
	catalogue  *catalogue.Store
	book       *line.Book
	directory  *line.Directory
	enrichment enrichment
	charging   *charging.Charging
	lifecycle  *lifecycle.Lifecycle
	writer     *lifecycle.Writer
	users      speaker
	tally      *tally.Tally
	now        func() time.Time
	log        *slog.Logger
	metrics    *metrics
	config     Config
}

// New makes the flows.
func New(cfg Config, d Deps) *Flows {
	return &Flows{
		db: d.DB, ring: d.Ring, catalogue: d.Catalogue, book: d.Book, directory: d.Directory, enrichment: d.Enrichment, charging: d.Charging,
		lifecycle: d.Lifecycle, writer: d.Writer, users: d.Users, tally: d.Tally, now: d.Now, log: d.Log,
		metrics: newMetrics(d.Registerer), config: cfg,
	}
}

func refuse(kind problem.Kind, code string) error { return &problem.Error{Kind: kind, Code: code} }

func invalid(path, rule string) error {
	return &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: path, Rule: rule}}}
}

var (
	errEnded  = refuse(problem.Conflict, contract.CodeFlowEnded)
	errPIN    = refuse(problem.Rejected, contract.CodePINWrong)
	errHandle = refuse(problem.Rejected, contract.CodeHandle)
)

func quota(wait time.Duration) error {
	return &problem.Error{Kind: problem.Quota, Code: contract.CodePINQuota, RetryAfter: wait}
}
