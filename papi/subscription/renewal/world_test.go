package renewal

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
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
	"puente/papi/subscription/sql"
	"puente/shared/config"
	"puente/shared/database"
	"puente/shared/database/databasetest"
	"puente/shared/keyring"
	"puente/shared/problem"
)

// migrations are those of the schema, whose package mounts them.
var migrations = database.Migrations{Schema: "subscription", FS: os.DirFS("../sql/migrations")}

// world is a catalogue, an operator, a directory and those who are told, with a clock of its own.
type world struct {
	t        testing.TB
	db       *database.DB
	ring     *keyring.Ring
	store    *catalogue.Store
	book     *line.Book
	operator *operator
	lines    *lines
	caps     charging.Caps

	mu   sync.Mutex
	time time.Time
}

// newWorld makes a world that begins at a moment of local time in Santiago.
func newWorld(t testing.TB, db *database.DB, begin string) *world {
	t.Helper()
	ring, err := keyring.New([]keyring.Key{{ID: "k", Secret: config.NewSecret(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1}, 32)))}}, "k")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, db: db, ring: ring, book: line.NewBook(ring), lines: newLines(), time: at(t, begin)}
	w.store = catalogue.NewStore(db, ring, databasetest.Logger(t), prometheus.NewRegistry())
	w.operator = &operator{world: w, ledger: map[string][]entry{}, refunds: map[string][]carrierbilling.Refund{}}
	w.exec(`create schema test;
		create table test.notices (line_id bigint, product_id bigint, kind int, amount bigint, context int, reason text, at timestamptz);
		create table test.messages (line_id bigint, purpose text, amount bigint);
		create table test.paid (id bigint, was timestamptz, until timestamptz, anchor timestamptz, periods int, at timestamptz);
		create function test.note_paid() returns trigger language plpgsql as $$ begin
			insert into test.paid values (new.id, old.paid_until, new.paid_until, new.anchor, new.periods, new.changed_at);
			return null;
		end $$;
		create trigger paid after update of paid_until on subscription.subscriptions for each row when (old.paid_until is distinct from new.paid_until) execute function test.note_paid();`)
	w.put("Partner", "1", &catalogue.PartnerSpec{Name: "Partner", Country: "CL", Environment: catalogue.Production, Notify: catalogue.Notify{FailedCharges: true}})
	w.put("ShortCode", "8888", &catalogue.ShortCodeSpec{Country: "CL"})
	w.put("Service", "10", &catalogue.ServiceSpec{Partner: "1", Name: "Service", ShortCodes: []string{"8888"}})
	return w
}

func at(t testing.TB, local string) time.Time {
	t.Helper()
	zone, err := time.LoadLocation("America/Santiago")
	if err != nil {
		t.Fatal(err)
	}
	moment, err := time.ParseInLocation(time.DateTime, local, zone)
	if err != nil {
		t.Fatal(err)
	}
	return moment
}

func (w *world) exec(statement string, args ...any) {
	w.t.Helper()
	if _, err := w.db.Exec(context.Background(), statement, args...); err != nil {
		w.t.Fatal(err)
	}
}

// put has the catalogue hold a document.
func (w *world) put(kind, id string, spec interface{ Normalize() }) {
	w.t.Helper()
	spec.Normalize()
	text, err := json.Marshal(spec)
	if err == nil {
		err = sql.New(w.db).PutEntity(context.Background(), sql.PutEntityParams{Kind: kind, ID: id, Spec: text})
	}
	if err == nil {
		err = w.store.Load(context.Background())
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// product is one with a price point of the same number.
func (w *world) product(id int64, unit string, amount int64, change ...func(*catalogue.ProductSpec)) {
	w.t.Helper()
	spec := &catalogue.ProductSpec{
		Service: "10", Name: "Product", Kind: catalogue.KindVAS, Type: catalogue.Subscription, NoReminder: true,
		PricePoints: []catalogue.PricePoint{{ID: id, Amount: amount}}, Period: &catalogue.Period{Unit: unit},
	}
	for _, f := range change {
		f(spec)
	}
	w.put("Product", strconv.FormatInt(id, 10), spec)
}

func msisdn(n int) string { return fmt.Sprintf("569%08d", n) }

// subscribe makes a line's subscription that was charged first at a moment.
func (w *world) subscribe(n int, product, agreed int64, began time.Time) int64 {
	w.t.Helper()
	ctx := context.Background()
	lineID, err := w.book.Enter(ctx, w.db, msisdn(n))
	if err != nil {
		w.t.Fatal(err)
	}
	w.lines.add(msisdn(n))
	consent := uuid.New()
	w.exec(`insert into subscription.consents values ($1, $2, 1, 10, $3, $3, $4, 'CLP', 'PIN', $5, '')`, consent, lineID, product, agreed, began.Add(-time.Minute))
	var id int64
	err = w.db.QueryRow(ctx, `insert into subscription.subscriptions (line_id, partner_id, service_id, product_id, pricepoint_id, consent_id, campaign, channel, short_code, tid, user_type, owner_epoch, state, created_at, changed_at)
		values ($1, 1, 10, $2, $2, $3, 'c', 'WEB', '8888', '', '02', 'e1', 'PENDING_CHARGE', $4, $4) returning id`, lineID, product, consent, began).Scan(&id)
	if err != nil {
		w.t.Fatal(err)
	}
	l := lifecycle.New(schedule.Default())
	writer := w.writer()
	err = pgx.BeginFunc(ctx, w.db, func(tx pgx.Tx) error {
		held, err := writer.Lock(ctx, tx, id)
		if err != nil {
			return err
		}
		var change lifecycle.Change
		l.Charged(&change, held[id], 0, began, func(notification.Context) {})
		return writer.Write(ctx, tx, &change)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

func (w *world) writer() *lifecycle.Writer {
	return lifecycle.NewWriter(w.store, w.book, told{}, said{})
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.time
}

func (w *world) set(moment time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.time = moment
}

// scheduler is a process.
type scheduler struct {
	*Renewal
	charging *charging.Charging
	db       *database.DB
}

func testConfig() Config {
	cfg := Defaults()
	cfg.Chunk, cfg.Calls, cfg.Lookups = 20, 8, 4
	return cfg
}

func (w *world) scheduler(db *database.DB, cfg Config, wrap ...func(charger) charger) *scheduler {
	reg := prometheus.NewRegistry()
	log := databasetest.Logger(w.t)
	l, writer := lifecycle.New(schedule.Default()), w.writer()
	chargingConfig := charging.Defaults()
	chargingConfig.Caps = w.caps
	c := charging.New(chargingConfig, charging.Deps{
		DB: db, Billing: w.operator, Catalogue: w.store, Book: w.book, Lifecycle: l, Writer: writer, Now: w.now, Log: log, Registerer: reg,
	})
	var wrapped charger = c
	for _, f := range wrap {
		wrapped = f(wrapped)
	}
	r := New(cfg, Deps{
		DB: db, Catalogue: w.store, Book: w.book, Directory: line.NewDirectory(w.lines), Events: w.lines, Lifecycle: l, Writer: writer,
		Charging: wrapped, Now: w.now, Log: log, Registerer: reg,
	})
	return &scheduler{Renewal: r, charging: c, db: db}
}

// run renews until nothing is due.
func (s *scheduler) run(t testing.TB) {
	t.Helper()
	for range 50 {
		more, _, err := s.Run(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if !more {
			return
		}
	}
	t.Fatal("there is always more")
}

// resolve settles what is open, as if the time for it had come.
func (w *world) resolve(s *scheduler) {
	w.t.Helper()
	w.exec(`update subscription.attempts set ends_at = now() - interval '1 hour' where state in ('SENT', 'UNKNOWN')`)
	w.exec(`update subscription.charges set next_at = now() - interval '1 second' where next_at is not null`)
	if err := s.charging.Resolve(context.Background()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) subscription(id int64) sql.SubscriptionSubscription {
	w.t.Helper()
	row, err := sql.New(w.db).Subscription(context.Background(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return row
}

func (w *world) count(query string, args ...any) (n int) {
	w.t.Helper()
	if err := w.db.QueryRow(context.Background(), query, args...).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// cancel ends a subscription as its user wants.
func (w *world) cancel(id int64) error {
	ctx, writer := context.Background(), w.writer()
	return pgx.BeginFunc(ctx, w.db, func(tx pgx.Tx) error {
		held, err := writer.Lock(ctx, tx, id)
		if err != nil {
			return err
		}
		var change lifecycle.Change
		lifecycle.New(schedule.Default()).Cancel(&change, held[id], w.now(), lifecycle.Cancellation{Reason: lifecycle.ReasonMO, Cause: lifecycle.CauseMO, Channel: "SMS"})
		return writer.Write(ctx, tx, &change)
	})
}

// told writes notices in one statement.
type told struct{}

func (told) Tell(ctx context.Context, tx pgx.Tx, all ...notification.Notice) error {
	if len(all) == 0 {
		return nil
	}
	var lines, products, amounts []int64
	var kinds, contexts []int32
	var reasons []string
	var times []time.Time
	for i := range all {
		if _, err := all[i].Body(); err != nil {
			return err
		}
		n := all[i]
		lines, products, amounts = append(lines, n.LineID), append(products, n.Product.ID), append(amounts, n.Amount)
		kinds, contexts = append(kinds, int32(n.Kind)), append(contexts, int32(n.Context))
		reasons, times = append(reasons, n.Reason), append(times, n.At)
	}
	_, err := tx.Exec(ctx, `insert into test.notices select unnest($1::bigint[]), unnest($2::bigint[]), unnest($3::int[]), unnest($4::bigint[]), unnest($5::int[]), unnest($6::text[]), unnest($7::timestamptz[])`,
		lines, products, kinds, amounts, contexts, reasons, times)
	return err
}

// said writes messages.
type said struct{}

func (said) Send(ctx context.Context, tx pgx.Tx, all ...messaging.Message) error {
	for _, m := range all {
		if _, err := tx.Exec(ctx, `insert into test.messages values ($1, $2, $3)`, m.LineID, string(m.Purpose), m.Amount); err != nil {
			return err
		}
	}
	return nil
}

// lines is the operator's directory.
type lines struct {
	mu     sync.Mutex
	known  map[string]subscriber.Line
	err    error
	asked  int
	events []subscriber.LineEvent
	oldest int // the first event that it still has
}

func newLines() *lines { return &lines{known: map[string]subscriber.Line{}} }

func (l *lines) add(msisdn string) {
	l.change(msisdn, func(s *subscriber.Line) {
		*s = subscriber.Line{MSISDN: msisdn, Operator: "entel", Own: true, UserType: subscriber.UserTypePrepaid, Segment: subscriber.SegmentPerson, Access: subscriber.AccessMobile, State: subscriber.StateActive, OwnerEpoch: "e1"}
	})
}

func (l *lines) change(msisdn string, f func(*subscriber.Line)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.known[msisdn]
	f(&s)
	l.known[msisdn] = s
}

func (l *lines) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
}

func (l *lines) Line(_ context.Context, q subscriber.LineQuery) (subscriber.Line, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked++
	s, ok := l.known[q.MSISDN]
	switch {
	case l.err != nil:
		return s, l.err
	case !ok:
		return s, problem.NotFound
	}
	return s, nil
}

func (l *lines) LineEvents(_ context.Context, q subscriber.LineEventsQuery) (subscriber.LineEvents, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	from := l.oldest
	if q.After != "" {
		n, err := strconv.Atoi(q.After)
		if err != nil || n < l.oldest {
			return subscriber.LineEvents{}, &problem.Error{Kind: problem.Rejected, Code: subscriber.CodeCursorExpired}
		}
		from = n
	}
	to := min(from+2, len(l.events)) // a page has two
	return subscriber.LineEvents{Events: l.events[from:to], Next: strconv.Itoa(to)}, nil
}

// entry is a charge that the operator made.
type entry struct {
	order carrierbilling.Order
	at    time.Time
}

// operator keeps no keys: it charges as often as it is told to.
type operator struct {
	world   *world
	mu      sync.Mutex
	ledger  map[string][]entry // by TxID
	refunds map[string][]carrierbilling.Refund
	calls   int
	does    func(carrierbilling.Order) deed // nil: charges
	during  func(carrierbilling.Order)      // while a call is on its way
}

// deed is what the operator does with a call.
type deed int

const (
	charges deed = iota
	declines
	lostAfter   // charges, and the answer is lost
	lostBefore  // does not, and nobody knows
	refuses     // takes no call, and asks for patience
	unavailable // says that it could not decide
)

var errLost = &problem.Error{Kind: problem.Timeout}

func (o *operator) Charge(_ context.Context, order carrierbilling.Order) (carrierbilling.Charge, error) {
	what := charges
	if o.does != nil {
		what = o.does(order)
	}
	if o.during != nil {
		o.during(order)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls++
	made := carrierbilling.Charge{TxID: order.TxID, Amount: order.Amount, Currency: order.Currency, Outcome: carrierbilling.OutcomeCharged}
	switch what {
	case declines:
		made.Outcome, made.Reason = carrierbilling.OutcomeDeclined, carrierbilling.ReasonInsufficientBalance
		return made, nil
	case unavailable:
		made.Outcome, made.Reason = carrierbilling.OutcomeDeclined, carrierbilling.ReasonUnavailable
		return made, nil
	case lostBefore:
		return carrierbilling.Charge{}, errLost
	case refuses:
		return carrierbilling.Charge{}, &problem.Error{Kind: problem.Unavailable, RetryAfter: time.Second}
	}
	o.ledger[order.TxID] = append(o.ledger[order.TxID], entry{order, o.world.now()})
	if what == lostAfter {
		return carrierbilling.Charge{}, errLost
	}
	return made, nil
}

func (o *operator) Query(_ context.Context, q carrierbilling.ChargeQuery) (carrierbilling.Charge, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	made := o.ledger[q.TxID]
	if len(made) == 0 {
		return carrierbilling.Charge{}, &problem.Error{Kind: problem.NotFound, Code: carrierbilling.CodeNoCharge}
	}
	return carrierbilling.Charge{
		TxID: q.TxID, Amount: made[0].order.Amount, Currency: made[0].order.Currency, Outcome: carrierbilling.OutcomeCharged, Refunds: o.refunds[q.TxID],
	}, nil
}

func (o *operator) Refund(_ context.Context, in carrierbilling.RefundOrder) (carrierbilling.Refund, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.ledger[in.TxID]) == 0 {
		return carrierbilling.Refund{}, errors.New("nothing to give back")
	}
	r := carrierbilling.Refund{RefundID: in.RefundID, Amount: in.Amount}
	o.refunds[in.TxID] = append(o.refunds[in.TxID], r)
	return r, nil
}
