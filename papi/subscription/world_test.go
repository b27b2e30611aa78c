package subscription

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"puente/contracts/sapi/carrierbilling"
	"puente/contracts/sapi/subscriber"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/charging"
	"puente/papi/subscription/lifecycle"
	"puente/papi/subscription/line"
	"puente/papi/subscription/messaging"
	"puente/papi/subscription/notification"
	"puente/papi/subscription/schedule"
	"puente/shared/admin"
	"puente/shared/database"
	"puente/shared/database/databasetest"
	"puente/shared/hop"
	"puente/shared/keyring"
	"puente/shared/outbox"
	"puente/shared/problem"
)

// world is the process with the systems around it, and a clock that a test moves.
type world struct {
	*process
	db       *database.DB
	operator *operator
	told     *outbox.Outbox
	said     *said
	registry *prometheus.Registry

	mu    sync.Mutex
	clock time.Time
	lines map[string]subscriber.Line
	asked int // of the directory
}

const (
	number    = "56920000000"
	partnerID = 52272
	serviceID = 2000001784
	oneShotID = 1000000001 // consent of the hub's
	trustedID = 1000000002 // consent of the partner's
	weeklyID  = 1000000003
)

// documents are the catalogue of the tests.
const documents = `
kind: Partner
id: "52272"
spec: {name: Socio, country: CL, environment: STAGING, notify: {subscriptionUrl: "http://127.0.0.1/sub", chargeUrl: "http://127.0.0.1/charge"}}
---
kind: Partner
id: "60000"
spec: {name: Otro, country: CL, environment: STAGING, notify: {}}
---
kind: PartnerClient
id: socio
spec: {partner: "52272", secret: "0123456789abcdef0123", apis: [charge, sendmt, suboptout]}
---
kind: PartnerClient
id: otro
spec: {partner: "60000", secret: "0123456789abcdef4567", apis: [charge, sendmt, suboptout]}
---
kind: ShortCode
id: "8888"
spec: {country: CL}
---
kind: Service
id: "2000001784"
spec: {partner: "52272", name: Juegos, shortCodes: ["8888"]}
---
kind: Service
id: "2000001785"
spec: {partner: "60000", name: Música, shortCodes: ["8888"]}
---
kind: Product
id: "1000000001"
spec: {service: "2000001784", name: Vidas, kind: VAS, type: ONESHOT, pricePoints: [{id: 201507, amount: 990}, {id: 201508, amount: 1990}]}
---
kind: Product
id: "1000000002"
spec: {service: "2000001784", name: Monedas, kind: VAS, type: ONESHOT, oneshotConsent: partner, pricePoints: [{id: 201507, amount: 990}, {id: 201508, amount: 1990}]}
---
kind: Product
id: "1000000003"
spec: {service: "2000001784", name: Juegos, kind: VAS, type: SUBSCRIPTION, period: {unit: WEEK}, keyword: JUEGOS, pricePoints: [{id: 201509, amount: 990}]}
---
kind: Campaign
id: juegos
spec: {product: "1000000003"}
---
kind: Product
id: "1000000004"
spec: {service: "2000001785", name: Canciones, kind: VAS, type: ONESHOT, oneshotConsent: partner, pricePoints: [{id: 201510, amount: 500}]}
---
kind: Service
id: "2000001786"
spec: {partner: "52272", name: Noticias, shortCodes: ["8888"]}
---
kind: Product
id: "1000000005"
spec: {service: "2000001786", name: Diario, kind: VAS, type: ONESHOT, pricePoints: [{id: 201507, amount: 990}]}
`

func newWorld(t testing.TB) *world {
	t.Helper()
	db := databasetest.New(t, outbox.Migrations, migrations)
	ring, err := keyring.Ephemeral()
	if err != nil {
		t.Fatal(err)
	}
	log, registry := slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	w := &world{
		db: db, operator: newOperator(t), said: &said{}, registry: registry, clock: time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC),
		lines: map[string]subscriber.Line{},
	}
	w.told = outbox.New(ring, w.now)
	w.line(number)
	store := catalogue.NewStore(db, ring, log, registry)
	apply(t, store)
	book := line.NewBook(ring, log)
	p := &process{
		db: db, ring: ring, catalogue: store, book: book, directory: line.NewDirectory(w), lifecycle: lifecycle.New(schedule.Default()),
		writer: lifecycle.NewWriter(store, book, notification.New(w.told), w.said), now: w.now,
	}
	cfg := charging.Defaults()
	cfg.Timeout = 300 * time.Millisecond
	p.charging = charging.New(cfg, charging.Deps{
		DB: db, Billing: w.operator, Catalogue: store, Book: book, Lifecycle: p.lifecycle, Writer: p.writer, Now: w.now, Log: log, Registerer: registry,
	})
	w.process = p
	return w
}

func apply(t testing.TB, store *catalogue.Store) {
	t.Helper()
	registry := admin.New(func(context.Context, admin.Change) {})
	if err := registry.Add(store.Resources()...); err != nil {
		t.Fatal(err)
	}
	entities, err := admin.Documents([]byte(documents))
	if err == nil {
		_, err = registry.Apply(t.Context(), admin.Actor{Name: "test", Role: admin.Admin}, entities)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clock
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(d)
}

// setLocal makes it a minute of local time in Santiago.
func (w *world) setLocal(t testing.TB, local string) {
	t.Helper()
	zone, err := time.LoadLocation("America/Santiago")
	if err != nil {
		t.Fatal(err)
	}
	moment, err := time.ParseInLocation("2006-01-02 15:04", local, zone)
	if err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = moment
}

// line makes a number one of the operator's.
func (w *world) line(msisdn string) {
	w.lines[msisdn] = subscriber.Line{
		MSISDN: msisdn, Operator: "ENTEL", Own: true, UserType: subscriber.UserTypePrepaid, Segment: subscriber.SegmentPerson, Access: subscriber.AccessMobile, State: subscriber.StateActive, OwnerEpoch: "1",
	}
}

// Line is the operator's directory.
func (w *world) Line(_ context.Context, in subscriber.LineQuery) (subscriber.Line, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked++
	found, ok := w.lines[in.MSISDN]
	if !ok {
		return found, &problem.Error{Kind: problem.NotFound}
	}
	return found, nil
}

// as is a request of a client's.
func as(t testing.TB, client string) context.Context {
	return hop.WithPrincipal(t.Context(), hop.Principal{Client: client})
}

// notices are the notifications that wait for their delivery.
func (w *world) notices(t testing.TB) []string {
	t.Helper()
	events, err := w.told.Pending(t.Context(), w.db, notification.Stream, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range events {
		all = append(all, string(e.Payload))
	}
	return all
}

// said keeps the messages.
type said struct {
	mu  sync.Mutex
	all []messaging.Message
}

func (s *said) Send(_ context.Context, _ pgx.Tx, messages ...messaging.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, messages...)
	return nil
}

// operator is a carrier billing that charges as often as it is told to, and keeps a ledger.
type operator struct {
	mu      sync.Mutex
	ledger  []carrierbilling.Charge
	next    []deed // of the next charges; then well
	over    chan struct{}
	onCall  func()
	unheard bool // inquiries hang
}

// deed is what the operator does with a charge.
type deed int

const (
	well deed = iota
	declines
	hangs      // and charges nothing
	hangsAfter // having charged
	refuses    // 503, certainly nothing
	breaks     // having charged
)

func newOperator(t testing.TB) *operator {
	o := &operator{over: make(chan struct{})}
	t.Cleanup(func() { close(o.over) })
	return o
}

func (o *operator) Charge(ctx context.Context, in carrierbilling.Order) (carrierbilling.Charge, error) {
	o.mu.Lock()
	does, called := well, o.onCall
	if len(o.next) > 0 {
		does, o.next = o.next[0], o.next[1:]
	}
	made := carrierbilling.Charge{TxID: in.TxID, Outcome: carrierbilling.OutcomeCharged, OperatorRef: fmt.Sprint(len(o.ledger)), Amount: in.Amount, Currency: in.Currency}
	switch does {
	case well, hangsAfter, breaks:
		o.ledger = append(o.ledger, made)
	case declines:
		made.Outcome, made.Reason = carrierbilling.OutcomeDeclined, carrierbilling.ReasonInsufficientBalance
		o.ledger = append(o.ledger, made)
	}
	o.mu.Unlock()
	if called != nil {
		called()
	}
	switch does {
	case hangs, hangsAfter:
		<-ctx.Done()
		return carrierbilling.Charge{}, &problem.Error{Kind: problem.Timeout}
	case refuses:
		return carrierbilling.Charge{}, &problem.Error{Kind: problem.Unavailable, RetryAfter: time.Second}
	case breaks:
		return carrierbilling.Charge{}, &problem.Error{Kind: problem.Unknown}
	}
	return made, nil
}

func (o *operator) Query(_ context.Context, in carrierbilling.ChargeQuery) (carrierbilling.Charge, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.unheard {
		return carrierbilling.Charge{}, &problem.Error{Kind: problem.Timeout}
	}
	for _, c := range o.ledger {
		if c.TxID == in.TxID {
			return c, nil
		}
	}
	return carrierbilling.Charge{}, &problem.Error{Kind: problem.NotFound, Code: carrierbilling.CodeNoCharge}
}

func (o *operator) Refund(_ context.Context, in carrierbilling.RefundOrder) (carrierbilling.Refund, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range o.ledger {
		if o.ledger[i].TxID == in.TxID {
			r := carrierbilling.Refund{RefundID: in.RefundID, Amount: in.Amount, Currency: o.ledger[i].Currency}
			o.ledger[i].Refunds = append(o.ledger[i].Refunds, r)
			return r, nil
		}
	}
	return carrierbilling.Refund{}, &problem.Error{Kind: problem.NotFound, Code: carrierbilling.CodeNoCharge}
}

// settle has the operator do well, and answer, from now on.
func (o *operator) settle() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.next, o.unheard = nil, false
}

// charged is how many charges came true, and how many of them were given back.
func (o *operator) charged() (made, back int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range o.ledger {
		if c.Outcome == carrierbilling.OutcomeCharged {
			made++
			back += min(1, len(c.Refunds))
		}
	}
	return made, back
}

// resolve has the open charges resolved, whenever they would be.
func (w *world) resolve(t testing.TB) {
	t.Helper()
	for _, s := range []string{
		"update subscription.attempts set ends_at = now() - interval '1 day'",
		"update subscription.charges set next_at = now() where next_at is not null",
	} {
		if _, err := w.db.Exec(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.charging.Resolve(t.Context()); err != nil {
		t.Fatal(err)
	}
}
