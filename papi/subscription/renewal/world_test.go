package renewal

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
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
	shown    string // the lower prices in consents; empty: none

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
	w := &world{t: t, db: db, ring: ring, book: line.NewBook(ring, slog.New(slog.DiscardHandler)), lines: newLines(), time: at(t, begin)}
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
	w.exec(`insert into subscription.consents values ($1, $2, 1, 10, $3, $3, $4, 'CLP', 'PIN', $5, '', coalesce(nullif($6, ''), '[]')::jsonb)`, consent, lineID, product, agreed, began.Add(-time.Minute), w.shown)
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

func (said) Send(ctx context.Context, tx pgx.Tx, all ...messaging.Message) error {
	for _, m := range all {
		if _, err := tx.Exec(ctx, `insert into test.messages values ($1, $2, $3)`, m.LineID, string(m.Purpose), m.Amount); err != nil {
			return err
		}
	}
	return nil
}
