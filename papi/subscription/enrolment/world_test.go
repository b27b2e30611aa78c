package enrolment

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	contract "puente/contracts/papi/subscription"
	"puente/contracts/sapi/carrierbilling"
	"puente/contracts/sapi/headerenrichment"
	"puente/contracts/sapi/subscriber"
	"puente/papi/subscription/catalogue/cataloguetest"
	"puente/papi/subscription/charging"
	"puente/papi/subscription/lifecycle"
	"puente/papi/subscription/line"
	"puente/papi/subscription/messaging"
	"puente/papi/subscription/notification"
	"puente/papi/subscription/schedule"
	"puente/papi/subscription/tally"
	"puente/shared/database/databasetest"
	"puente/shared/problem"
)

const (
	msisdn  = "56912345678"
	address = "192.0.2.1"
	weekly  = 1000000001
	free    = 1000000002
	oneShot = 1000000003
)

// world is everything around enrolment: a catalogue and its database, and the systems.
type world struct {
	*cataloguetest.Catalogue
	t *testing.T

	mu     sync.Mutex
	at     time.Time
	lines  map[string]subscriber.Line // what differs from a line that may have all
	said   []messaging.Message
	told   []notification.Notice
	orders []carrierbilling.Order
	made   map[string]carrierbilling.Charge // the operator's ledger
	charge func(context.Context, carrierbilling.Order) (carrierbilling.Charge, error)

	caps charging.Caps
	cfg  Config
	reg  *prometheus.Registry // of the last process
	*Flows
	charges *charging.Charging
}

func newWorld(t *testing.T) *world {
	w := &world{
		Catalogue: cataloguetest.Sample(t), t: t, at: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC), lines: map[string]subscriber.Line{},
		made: map[string]carrierbilling.Charge{}, caps: charging.Defaults().Caps, cfg: Defaults(),
	}
	w.restart()
	return w
}

// restart is another process on the same database.
func (w *world) restart() {
	w.reg = prometheus.NewRegistry()
	book, life := line.NewBook(w.Ring, slog.New(slog.DiscardHandler)), lifecycle.New(schedule.Default())
	writer := lifecycle.NewWriter(w.Store, book, (*partners)(w), (*users)(w))
	cfg := charging.Defaults()
	cfg.Caps = w.caps
	w.charges = charging.New(cfg, charging.Deps{
		DB: w.DB, Billing: (*operator)(w), Catalogue: w.Store, Book: book, Lifecycle: life, Writer: writer, Now: w.clock,
		Log: databasetest.Logger(w.t), Registerer: prometheus.NewRegistry(),
	})
	w.Flows = New(w.cfg, Deps{
		DB: w.DB, Ring: w.Ring, Catalogue: w.Store, Book: book, Directory: line.NewDirectory((*operator)(w)), Enrichment: (*operator)(w),
		Charging: w.charges, Lifecycle: life, Writer: writer, Users: (*users)(w), Tally: tally.New(w.Ring), Now: w.clock, Log: databasetest.Logger(w.t),
		Registerer: w.reg,
	})
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(d)
}

// users are who messages are for.
type users world

func (u *users) Send(_ context.Context, _ pgx.Tx, all ...messaging.Message) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.said = append(u.said, all...)
	return nil
}

type partners world

func (p *partners) Tell(_ context.Context, _ pgx.Tx, all ...notification.Notice) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range all {
		if n.Kind != notification.Failed { // this partner does not want to know
			p.told = append(p.told, n)
		}
	}
	return nil
}

// operator is all its systems.
type operator world

func (o *operator) Line(_ context.Context, in subscriber.LineQuery) (subscriber.Line, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	found := subscriber.Line{
		MSISDN: in.MSISDN, Own: true, UserType: subscriber.UserTypePrepaid, Segment: subscriber.SegmentPerson, Access: subscriber.AccessMobile,
		State: subscriber.StateActive, OwnerEpoch: "e1",
	}
	if other, ok := o.lines[in.MSISDN]; ok {
		if other.MSISDN == "" {
			return other, problem.NotFound
		}
		found = other
	}
	return found, nil
}

func (o *operator) Resolve(_ context.Context, in headerenrichment.Request) (headerenrichment.Resolution, error) {
	switch {
	case in.Peer == "away":
		return headerenrichment.Resolution{}, problem.Unavailable
	case in.Peer != "10.0.0.1":
		return headerenrichment.Resolution{Reason: headerenrichment.ReasonUntrustedPeer}, nil
	case len(in.Headers) != 1:
		return headerenrichment.Resolution{Reason: headerenrichment.ReasonNoHeader}, nil
	}
	return headerenrichment.Resolution{MSISDN: in.Headers[0].Value, Operator: "ENTEL"}, nil
}

func (o *operator) Charge(ctx context.Context, in carrierbilling.Order) (carrierbilling.Charge, error) {
	o.mu.Lock()
	o.orders = append(o.orders, in)
	charge := o.charge
	o.mu.Unlock()
	if charge != nil {
		return charge(ctx, in)
	}
	return o.book(in), nil
}

// book charges.
func (o *operator) book(in carrierbilling.Order) carrierbilling.Charge {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.made[in.TxID] = carrierbilling.Charge{TxID: in.TxID, Outcome: carrierbilling.OutcomeCharged, Amount: in.Amount, Currency: in.Currency}
	return o.made[in.TxID]
}

func (o *operator) Query(_ context.Context, in carrierbilling.ChargeQuery) (carrierbilling.Charge, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if made, ok := o.made[in.TxID]; ok {
		return made, nil
	}
	return carrierbilling.Charge{}, &problem.Error{Kind: problem.NotFound, Code: carrierbilling.CodeNoCharge}
}

func (o *operator) Refund(_ context.Context, in carrierbilling.RefundOrder) (carrierbilling.Refund, error) {
	return carrierbilling.Refund{RefundID: in.RefundID, Amount: in.Amount}, nil
}

// campaigns are those of the sample, and of tests that add one, by product.
var campaigns = map[int64]string{weekly: "juegos", free: "gratis", oneShot: "canje", 1000000005: "otro"}

func wanting(product int64, number string) contract.FlowRequest {
	return contract.FlowRequest{
		Campaign: campaigns[product], PartnerID: 52272, ServiceID: 2000001784, ProductID: product, Channel: "web", TID: "QWERT", MSISDN: number,
		Address: address, UserAgent: "Mozilla/5.0",
	}
}

func (w *world) start(product int64, number string) contract.Flow {
	w.t.Helper()
	flow, err := w.StartFlow(w.t.Context(), wanting(product, number))
	if err != nil {
		w.t.Fatal(err)
	}
	return flow
}

// plain is a plain request over the operator's network, whose proxy says that it calls for address.
func plain(campaign, number string) contract.HandleRequest {
	return contract.HandleRequest{
		Campaign: campaign, Address: "10.0.0.1", UserAgent: "Mozilla/5.0",
		Enrichment: contract.Enrichment{Headers: []contract.Header{{Name: "X-MSISDN", Value: number}}, Peer: "10.0.0.1", Forwarded: address},
	}
}

// minted is a request for a flow with a handle.
func (w *world) minted(product int64, number string) contract.FlowRequest {
	w.t.Helper()
	in := wanting(product, "")
	minted, err := w.MintHandle(w.t.Context(), plain(in.Campaign, number))
	if err != nil {
		w.t.Fatal(err)
	}
	in.Handle = minted.Handle
	return in
}

// enriched starts a flow over the operator's network.
func (w *world) enriched(product int64, number string) contract.Flow {
	w.t.Helper()
	flow, err := w.StartFlow(w.t.Context(), w.minted(product, number))
	if err != nil {
		w.t.Fatal(err)
	}
	return flow
}

// pin is the last that was sent.
func (w *world) pin() string {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range slices.Backward(w.said) {
		if m.Purpose == messaging.PIN {
			return m.PIN
		}
	}
	w.t.Fatal("no PIN was sent")
	return ""
}

// pins is how many were sent.
func (w *world) pins() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.said {
		if m.Purpose == messaging.PIN {
			n++
		}
	}
	return n
}

// wrong is a PIN that is not pin.
func wrong(pin string) string {
	if pin[0] == '9' {
		return "0" + pin[1:]
	}
	return string(pin[0]+1) + pin[1:]
}

func confirmation(flow contract.Flow, pin string) contract.Confirmation {
	return contract.Confirmation{
		ID: flow.ID, PIN: pin, Texts: "2026-11", Shown: "Semanal\n$990 semanal", Screens: []string{"offer", "confirm"}, Amount: flow.Amount, Currency: flow.Currency,
		Address: address, UserAgent: "Mozilla/5.0",
	}
}

func (w *world) agrees(flow contract.Flow, pin string) contract.Enrolment {
	w.t.Helper()
	result, err := w.ConfirmFlow(w.t.Context(), confirmation(flow, pin))
	if err != nil {
		w.t.Fatal(err)
	}
	return result
}

func (w *world) query(flow contract.Flow) contract.Enrolment {
	w.t.Helper()
	result, err := w.QueryEnrolment(w.t.Context(), contract.FlowQuery{ID: flow.ID})
	if err != nil {
		w.t.Fatal(err)
	}
	return result
}

func (w *world) count(query string, args ...any) (n int) {
	w.t.Helper()
	if err := w.DB.QueryRow(w.t.Context(), query, args...).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

func (w *world) exec(statement string, args ...any) {
	w.t.Helper()
	if _, err := w.DB.Exec(w.t.Context(), statement, args...); err != nil {
		w.t.Fatal(err)
	}
}

// resolve lets the time of all calls pass and resolves what is open.
func (w *world) resolve() {
	w.t.Helper()
	w.exec("UPDATE subscription.attempts SET ends_at = now() - interval '1 hour'")
	w.exec("UPDATE subscription.charges SET next_at = now() WHERE next_at IS NOT NULL")
	if err := w.charges.Resolve(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// notices are what partners were told, in its order.
func (w *world) notices() (all []notification.Kind) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range w.told {
		all = append(all, n.Kind)
	}
	return all
}

func (w *world) charged() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.made)
}

func (w *world) consentOf(flow contract.Flow) Consent {
	w.t.Helper()
	var id uuid.UUID
	if err := w.DB.QueryRow(w.t.Context(), "SELECT consent_id FROM subscription.flows WHERE id = $1", flow.ID).Scan(&id); err != nil {
		w.t.Fatal(err)
	}
	c, err := w.Consent(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func numbered(i int) string { return fmt.Sprintf("569%08d", i) }

func wantError(t *testing.T, err error, kind problem.Kind, code string) {
	t.Helper()
	if p := problem.Of(err); p == nil || p.Kind != kind || p.Code != code {
		t.Errorf("%v, not %v %s", err, kind, code)
	}
}
