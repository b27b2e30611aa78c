package inbound

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"puente/contracts/sapi/smsc"
	"puente/contracts/sapi/subscriber"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/lifecycle"
	"puente/papi/subscription/line"
	"puente/papi/subscription/messaging"
	"puente/papi/subscription/notification"
	"puente/papi/subscription/schedule"
	"puente/papi/subscription/sql"
	"puente/shared/database"
	"puente/shared/database/databasetest"
	"puente/shared/keyring"
	"puente/shared/outbox"
	"puente/shared/problem"
)

// world is the inbound side on an empty database, in front of an SMS center that hands over what it is given.
type world struct {
	*Inbound
	t         *testing.T
	db        *database.DB
	clock     time.Time
	demo      time.Duration // by which the demo's clock is ahead of the machines'
	number    string        // of the line that is spoken of
	center    *centerStub
	directory *directoryStub
	sender    *messaging.Sender
	ring      *keyring.Ring
}

var noon = time.Date(2026, 11, 25, 15, 0, 0, 0, time.UTC)

func newWorld(t *testing.T) *world {
	t.Helper()
	db := databasetest.New(t, database.Migrations{Schema: "subscription", FS: os.DirFS("../sql/migrations")})
	ring, err := keyring.LoadOrCreate(t.TempDir() + "/keys.json")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, db: db, clock: noon, number: "56912345678", center: &centerStub{acknowledged: map[string]bool{}}, directory: &directoryStub{}, ring: ring}
	w.exec(`CREATE TABLE subscription.recorded (number bigint GENERATED ALWAYS AS IDENTITY, id uuid, stream text, key text, type text, payload bytea)`)
	w.stock()
	w.Inbound = w.replica()
	return w
}

// replica is another process on the same database.
func (w *world) replica() *Inbound {
	w.t.Helper()
	log, registry := slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	now := func() time.Time { return w.clock }
	store := catalogue.NewStore(w.db, w.ring, log, registry)
	if err := store.Load(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	book := line.NewBook(w.ring, slog.New(slog.DiscardHandler))
	w.sender = messaging.New(messaging.Defaults(), messaging.Deps{
		DB: w.db, Outbox: box{}, Ring: w.ring, Catalogue: store, Book: book, Directory: line.NewDirectory(w.directory), Now: now, Log: log, Registerer: registry,
	})
	i := New(Defaults(), Deps{
		DB: w.db, Center: w.center, Catalogue: store, Book: book, Lifecycle: lifecycle.New(schedule.Default()),
		Writer:   lifecycle.NewWriter(store, book, notification.New(box{}), w.sender),
		Messages: w.sender, Now: now, Log: log, Registerer: registry,
	})
	i.machine = func() time.Time { return w.clock.Add(-w.demo) }
	return i
}

type document interface {
	Normalize()
	Validate() error
}

// stock has two short codes: 8888, on which a bare word ends all, and 7777, which asks. On 8888 there are
// products 1 JUEGOS, 2 MUSICA and 3, of no keyword; on 7777 11 NOTICIAS and 12 DEPORTES.
func (w *world) stock() {
	w.t.Helper()
	product := func(service, name, keyword string) *catalogue.ProductSpec {
		return &catalogue.ProductSpec{
			Service: service, Name: name, Kind: "VAS", Type: "SUBSCRIPTION", Keyword: keyword, PricePoints: []catalogue.PricePoint{{ID: 1, Amount: 990}}, Period: &catalogue.Period{Unit: "WEEK"},
		}
	}
	for _, d := range []struct {
		kind, id string
		spec     document
	}{
		{"Partner", "52272", &catalogue.PartnerSpec{Name: "Tim", Country: "CL", Environment: catalogue.Staging, SandboxMSISDNs: []string{"56911111"}}},
		{"ShortCode", "8888", &catalogue.ShortCodeSpec{Country: "CL"}},
		{"ShortCode", "7777", &catalogue.ShortCodeSpec{Country: "CL", MultiCancel: "ask", HelpText: "Escribe SALIR."}},
		{"Service", "100", &catalogue.ServiceSpec{Partner: "52272", Name: "Ocio", ShortCodes: []string{"8888"}}},
		{"Service", "101", &catalogue.ServiceSpec{Partner: "52272", Name: "Prensa", ShortCodes: []string{"7777"}}},
		{"Product", "1", product("100", "Juegos", "JUEGOS")},
		{"Product", "2", product("100", "Música", "MUSICA")},
		{"Product", "3", product("100", "Fondos", "")},
		{"Product", "11", product("101", "Noticias", "NOTICIAS")},
		{"Product", "12", product("101", "Deportes", "DEPORTES")},
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
}

func (w *world) exec(query string, args ...any) {
	w.t.Helper()
	if _, err := w.db.Exec(w.t.Context(), query, args...); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) line() int64 {
	w.t.Helper()
	id, err := line.NewBook(w.ring, slog.New(slog.DiscardHandler)).Enter(w.t.Context(), w.db, w.number)
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// subscribe gives the line subscriptions of products, in a state.
func (w *world) subscribe(state string, products ...int64) {
	w.t.Helper()
	for _, product := range products {
		consent := uuid.New()
		service, code := 100, "8888"
		if product > 10 {
			service, code = 101, "7777"
		}
		w.exec(`INSERT INTO subscription.consents VALUES ($1, $2, 52272, $3, $4, 1, 1, 'CLP', 'PIN', $5, '')`, consent, w.line(), service, product, w.clock)
		w.exec(`INSERT INTO subscription.subscriptions (line_id, partner_id, service_id, product_id, pricepoint_id, consent_id, campaign, channel, short_code, tid, user_type,
			owner_epoch, state, created_at, changed_at, anchor, paid_until, due_at) VALUES ($1, 52272, $2, $3, 1, $4, '', 'WEB', $5, '', '02', '', $6, $7, $7, $7, $8, $8)`,
			w.line(), service, product, consent, code, state, w.clock, w.clock.AddDate(0, 0, 7))
	}
}

// states are those of the line's subscriptions, as product:STATE, sorted.
func (w *world) states() string {
	w.t.Helper()
	rows, _ := w.db.Query(w.t.Context(), `SELECT product_id || ':' || state FROM subscription.subscriptions WHERE line_id = $1 ORDER BY product_id, id`, w.line())
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.Join(all, " ")
}

// recorded are the types of the events of a stream about the line that were committed, in their order.
func (w *world) recorded(stream string) string {
	w.t.Helper()
	rows, _ := w.db.Query(w.t.Context(), `SELECT type FROM subscription.recorded WHERE stream = $1 AND split_part(key, '/', 1) = $2 ORDER BY number`, stream, fmt.Sprint(w.line()))
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.Join(all, " ")
}

func (w *world) notices() string  { w.t.Helper(); return w.recorded(notification.Stream) }
func (w *world) messages() string { w.t.Helper(); return w.recorded(messaging.Stream) }

// said is the text of the last message that was queued.
func (w *world) said() string {
	w.t.Helper()
	var payload []byte
	if err := w.db.QueryRow(w.t.Context(), `SELECT payload FROM subscription.recorded WHERE stream = $1 ORDER BY number DESC LIMIT 1`, messaging.Stream).Scan(&payload); err != nil {
		w.t.Fatal(err)
	}
	var o struct {
		Message smsc.Message `json:"message"`
	}
	if err := json.Unmarshal(payload, &o); err != nil {
		w.t.Fatal(err)
	}
	return o.Message.Text
}

// text is a message of the line.
func (w *world) text(code, text string) smsc.Item {
	return smsc.Item{ID: uuid.NewString(), Kind: smsc.KindMessage, From: w.number, To: code, Text: text, ReceivedAt: w.clock.Add(-w.demo)}
}

// write has the line write, and all that waits done.
func (w *world) write(code, text string) {
	w.t.Helper()
	w.center.add(w.text(code, text))
	w.work()
}

func (w *world) work() {
	w.t.Helper()
	if err := w.Work(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	if n := w.center.waiting(); n != 0 {
		w.t.Fatalf("%d items still wait", n)
	}
}

func (w *world) counted(kind, result string) int {
	return int(testutil.ToFloat64(w.items.WithLabelValues(kind, result)))
}

// box records events in the transaction, so that one that is rolled back leaves none.
type box struct{}

func (box) Add(ctx context.Context, tx pgx.Tx, events ...outbox.Event) error {
	for _, e := range events {
		_, err := tx.Exec(ctx, `INSERT INTO subscription.recorded (id, stream, key, type, payload) VALUES ($1, $2, $3, $4, $5)`, e.ID, e.Stream, e.Key, e.Type, e.Payload)
		if err != nil {
			return err
		}
	}
	return nil
}

// centerStub hands over what was not acknowledged.
type centerStub struct {
	mutex        sync.Mutex
	items        []smsc.Item
	acknowledged map[string]bool
	takes        int
	takeErr      error
	ackErr       error // once
}

func (c *centerStub) add(items ...smsc.Item) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.items = append(c.items, items...)
}

func (c *centerStub) waiting() int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return len(c.open())
}

func (c *centerStub) open() []smsc.Item {
	return slices.DeleteFunc(slices.Clone(c.items), func(i smsc.Item) bool { return c.acknowledged[i.ID] })
}

func (c *centerStub) Take(_ context.Context, in smsc.Take) (smsc.Inbound, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.takes++
	if c.takeErr != nil {
		return smsc.Inbound{}, c.takeErr
	}
	open := c.open()
	return smsc.Inbound{Items: open[:min(len(open), int(in.Limit))]}, nil
}

func (c *centerStub) Acknowledge(_ context.Context, in smsc.Ack) (smsc.Acknowledged, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if err := c.ackErr; err != nil {
		c.ackErr = nil
		return smsc.Acknowledged{}, err
	}
	if len(in.IDs) == 0 || len(in.IDs) > smsc.MaxItems {
		return smsc.Acknowledged{}, problem.Invalid
	}
	for _, id := range in.IDs {
		c.acknowledged[id] = true
	}
	return smsc.Acknowledged{}, nil
}

// directoryStub is down, until it is said to be up.
type directoryStub struct{ up bool }

func (d *directoryStub) Line(_ context.Context, q subscriber.LineQuery) (subscriber.Line, error) {
	if !d.up {
		return subscriber.Line{}, errors.New("it is down")
	}
	return subscriber.Line{MSISDN: q.MSISDN, Own: true, State: subscriber.StateActive}, nil
}
