package messaging

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"puente/contracts/sapi/smsc"
	"puente/contracts/sapi/subscriber"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/line"
	"puente/papi/subscription/sql"
	"puente/shared/database"
	"puente/shared/database/databasetest"
	"puente/shared/keyring"
	"puente/shared/outbox"
)

// world is a sender on an empty database, with a catalogue of two countries.
type world struct {
	*Sender
	t         *testing.T
	db        *database.DB
	clock     time.Time
	number    string // of the line that is spoken of
	box       *recorder
	gateway   *gatewayStub
	directory *directoryStub
	registry  *prometheus.Registry
}

// noon is one of a working day in Santiago and Lima.
var noon = time.Date(2026, 11, 25, 15, 0, 0, 0, time.UTC)

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, db: databasetest.New(t, database.Migrations{Schema: "subscription", FS: os.DirFS("../sql/migrations")}), clock: noon, number: msisdn,
		box: &recorder{}, gateway: &gatewayStub{}, directory: &directoryStub{}, registry: prometheus.NewRegistry(),
	}
	ring, err := keyring.LoadOrCreate(t.TempDir() + "/keys.json")
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	store := catalogue.NewStore(w.db, ring, log, w.registry)
	w.stock(store)
	w.Sender = New(Defaults(), Deps{
		DB: w.db, Outbox: w.box, Ring: ring, Catalogue: store, Book: line.NewBook(ring, slog.New(slog.DiscardHandler)), Directory: line.NewDirectory(w.directory),
		Now: func() time.Time { return w.clock }, Log: log, Registerer: w.registry,
	})
	return w
}

type document interface {
	Normalize()
	Validate() error
}

func (w *world) stock(store *catalogue.Store) {
	w.t.Helper()
	active := func(id, amount int64) []catalogue.PricePoint { return []catalogue.PricePoint{{ID: id, Amount: amount}} }
	for _, d := range []struct {
		kind, id string
		spec     document
	}{
		{"Partner", "52272", &catalogue.PartnerSpec{Name: "Tim", Country: "CL", Environment: catalogue.Production}},
		{"Partner", "60", &catalogue.PartnerSpec{Name: "Andes", Country: "PE", Environment: catalogue.Production, Language: "en"}},
		{"ShortCode", "8888", &catalogue.ShortCodeSpec{Country: "CL", ContactPhone: "600360"}},
		{"ShortCode", "8889", &catalogue.ShortCodeSpec{Country: "CL"}},
		{"ShortCode", "6666", &catalogue.ShortCodeSpec{Country: "PE", OptOutWords: []string{"ADIOS", "BAJA"}}},
		{"Service", "100", &catalogue.ServiceSpec{Partner: "52272", Name: "Ocio", ShortCodes: []string{"8888", "8889"}}},
		{"Service", "102", &catalogue.ServiceSpec{Partner: "60", Name: "Noticias", ShortCodes: []string{"6666"}}},
		{"Product", "1", &catalogue.ProductSpec{Service: "100", Name: "Juegos Ñandú", Kind: "VAS", Type: "SUBSCRIPTION", Keyword: "JUEGOS", PricePoints: active(11, 1990), Period: &catalogue.Period{Unit: "WEEK"}}},
		{"Product", "2", &catalogue.ProductSpec{Service: "100", Name: "Música", Kind: "VAS", Type: "SUBSCRIPTION", PricePoints: active(12, 0), Period: &catalogue.Period{Unit: "DAY", Count: 3}, Unicode: true, MaxSegments: 1}},
		{"Product", "3", &catalogue.ProductSpec{Service: "100", Name: "Tono", Kind: "VAS", Type: "ONESHOT", PricePoints: active(13, 500), OneShotConsent: "partner"}},
		{"Product", "21", &catalogue.ProductSpec{Service: "102", Name: "News", Kind: "VAS", Type: "SUBSCRIPTION", Keyword: "NEWS", PricePoints: active(14, 990), Period: &catalogue.Period{Unit: "MONTH"}}},
	} {
		d.spec.Normalize()
		if err := d.spec.Validate(); err != nil {
			w.t.Fatalf("%s %s: %v", d.kind, d.id, err)
		}
		text, err := json.Marshal(d.spec)
		if err == nil {
			err = sql.New(w.db).PutEntity(w.t.Context(), sql.PutEntityParams{Kind: d.kind, ID: d.id, Spec: text})
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
	if err := store.Load(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) product(id int64) *catalogue.Product {
	w.t.Helper()
	p, ok := w.catalogue.Snapshot().Product(id)
	if !ok {
		w.t.Fatalf("no product %d", id)
	}
	return p
}

const msisdn = "56912345678"

// line is the id of a number.
func (w *world) line(msisdn string) int64 {
	w.t.Helper()
	id, err := w.book.Enter(w.t.Context(), w.db, msisdn)
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// message is one to the line of a purpose about a product.
func (w *world) message(p Purpose, product int64) Message {
	m := Message{LineID: w.line(w.number), MSISDN: w.number, Purpose: p, At: w.clock}
	if product != 0 {
		m.Product = w.product(product)
	}
	return m
}

// send sends in a transaction of its own, and gives what the outbox got.
func (w *world) send(messages ...Message) []outbox.Event {
	w.t.Helper()
	before := len(w.box.all())
	err := pgx.BeginFunc(w.t.Context(), w.db, func(tx pgx.Tx) error { return w.Send(w.t.Context(), tx, messages...) })
	if err != nil {
		w.t.Fatal(err)
	}
	return w.box.all()[before:]
}

func (w *world) order(e outbox.Event) order {
	w.t.Helper()
	o, err := readOrder(e)
	if err != nil {
		w.t.Fatal(err)
	}
	return o
}

func (w *world) exec(query string, args ...any) {
	w.t.Helper()
	if _, err := w.db.Exec(w.t.Context(), query, args...); err != nil {
		w.t.Fatal(err)
	}
}

// state is a message's, with why.
func (w *world) state(id uuid.UUID) string {
	w.t.Helper()
	var state, reason string
	if err := w.db.QueryRow(w.t.Context(), `SELECT state, reason FROM subscription.messages WHERE id = $1`, id).Scan(&state, &reason); err != nil {
		w.t.Fatal(err)
	}
	if reason != "" {
		return state + " " + reason
	}
	return state
}

// subscribe gives the line a subscription of a product in a state, since a moment.
func (w *world) subscribe(product int64, state string, since time.Time) {
	w.t.Helper()
	consent := uuid.New()
	p := w.product(product)
	w.exec(`INSERT INTO subscription.consents VALUES ($1, $2, $3, $4, $5, 1, 1, 'CLP', 'PIN', $6, '')`, consent, w.line(w.number), p.Partner().ID, p.Service.ID, product, since)
	w.exec(`INSERT INTO subscription.subscriptions (line_id, partner_id, service_id, product_id, pricepoint_id, consent_id, campaign, channel, short_code, tid, user_type,
		owner_epoch, state, created_at, changed_at, anchor, paid_until, cancelled_at) VALUES ($1, $2, $3, $4, 1, $5, '', 'WEB', '8888', '', '02', '', $6, $7, $7, $7, $8,
		CASE WHEN $6 = 'CANCELLED' THEN $7::timestamptz END)`, w.line(w.number), p.Partner().ID, p.Service.ID, product, consent, state, since, since.AddDate(0, 0, 7))
}

// buy gives the line a one-shot charge in a state, that ended at a moment.
func (w *world) buy(product int64, state string, at time.Time) {
	w.t.Helper()
	w.exec(`INSERT INTO subscription.charges (key, kind, state, line_id, partner_id, service_id, product_id, pricepoint_id, amount, currency, channel, short_code, tid,
		user_type, correlation, created_at, opened_at, ended_at) VALUES ($1, 'ONE_SHOT', $2, $3, 52272, 100, $4, 13, 500, 'CLP', 'WEB', '8888', '', '02', '', $5, $5, $5)`,
		uuid.NewString(), state, w.line(w.number), product, at)
}

// recorder keeps what is given to the outbox. It is outside of the database: what a transaction that failed
// has added is there, too.
type recorder struct {
	mutex  sync.Mutex
	events []outbox.Event
	err    error
}

func (r *recorder) Add(_ context.Context, _ pgx.Tx, events ...outbox.Event) error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.events = append(r.events, events...)
	return r.err
}

func (r *recorder) all() []outbox.Event {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return slices.Clone(r.events)
}

// gatewayStub answers what it is told to, and keeps what it was asked for.
type gatewayStub struct {
	submitted []smsc.Message
	queried   []string
	err       error
	found     smsc.State
	queryErr  error
}

func (g *gatewayStub) Submit(_ context.Context, m smsc.Message) (smsc.Submission, error) {
	g.submitted = append(g.submitted, m)
	return smsc.Submission{MessageID: strconv.Itoa(len(g.submitted))}, g.err
}

func (g *gatewayStub) Query(_ context.Context, q smsc.MessageQuery) (smsc.Delivery, error) {
	g.queried = append(g.queried, q.ID)
	return smsc.Delivery{ID: q.ID, State: g.found}, g.queryErr
}

// directoryStub knows every number as an own one, unless it is told otherwise.
type directoryStub struct {
	asked int
	while func() // it is asked
	line  subscriber.Line
	err   error
}

func (d *directoryStub) Line(_ context.Context, q subscriber.LineQuery) (subscriber.Line, error) {
	d.asked++
	if d.while != nil {
		d.while()
	}
	if d.err != nil || d.line.MSISDN != "" {
		return d.line, d.err
	}
	return subscriber.Line{MSISDN: q.MSISDN, Own: true, State: subscriber.StateActive}, nil
}
