package messaging

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"puente/papi/subscription/sql"
)

func (w *world) row(purpose Purpose) (row sql.SubscriptionMessage) {
	w.t.Helper()
	rows, err := w.db.Query(w.t.Context(), `SELECT * FROM subscription.messages WHERE purpose = $1 AND line_id = $2`, string(purpose), w.line(w.number))
	if err == nil {
		row, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[sql.SubscriptionMessage])
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return row
}

func TestAMessageIsARowAndAnEvent(t *testing.T) {
	w := newWorld(t)
	m := w.message(Welcome, 1)
	m.Amount, m.Until = 1990, noon.AddDate(0, 0, 7)
	events := w.send(m)
	row := w.row(Welcome)
	text, err := w.Open(row.ID, row.Text)
	if err != nil || !strings.HasPrefix(text, "Te suscribiste a Juegos Ñandú") {
		t.Errorf("%v: %q", err, text)
	}
	if bytes.Contains(row.Text, []byte("suscribiste")) {
		t.Error("the text is kept in clear")
	}
	if row.Direction != "MT" || row.State != Queued || row.LineID != m.LineID || row.ShortCode != "8888" || row.ProductID != 1 || row.PartnerID != 0 || row.Segments != 1 || !row.CreatedAt.Equal(noon) {
		t.Errorf("%+v", row)
	}
	e := events[0]
	if e.ID != row.ID || e.Stream != "subscription.messages" || e.Destination != "smsc" || e.Key != fmt.Sprint(m.LineID) || e.Type != "message.welcome" {
		t.Errorf("%+v", e)
	}
	if o := w.order(e); !o.NotBefore.IsZero() || !o.Until.IsZero() || o.Message.Validity != 0 || o.Message.From != "8888" {
		t.Errorf("%+v", o)
	}
}

// Invariant 24, of PINs.
func TestAPINIsKeptNowhere(t *testing.T) {
	w := newWorld(t)
	var log bytes.Buffer
	w.log = slog.New(slog.NewTextHandler(&log, nil))
	m := w.message(PIN, 1)
	m.PIN, m.Until = "471147", noon.Add(4*time.Minute+time.Second)
	events := w.send(m)
	o := w.order(events[0])
	if !strings.Contains(o.Message.Text, "471147") || o.Message.Validity != 5 || !o.Until.Equal(m.Until) {
		t.Errorf("%+v", o)
	}
	row := w.row(PIN)
	if text, err := w.Open(row.ID, row.Text); err != nil || !strings.HasPrefix(text, "**** es tu código") {
		t.Errorf("%v: %q", err, text)
	}
	m.ShortCode = "9999" // of no catalogue: it cannot be sent, and that is logged
	if events := w.send(m); len(events) != 0 {
		t.Error("it was sent")
	}
	w.log.Info("said", "message", m, "all", []any{&m, m}, "text", fmt.Sprintf("%v %+v %#v %s", m, &m, m, m))
	if text := log.String(); !strings.Contains(text, "cannot be sent") || strings.Contains(text, "471147") || strings.Contains(text, msisdn) {
		t.Error(text)
	}
}

// What waits for the morning, or for nothing, holds up nothing else of the line.
func TestOrderIsKeptAmongWhatGoesOutTogether(t *testing.T) {
	w := newWorld(t)
	w.clock = time.Date(2026, 11, 26, 2, 0, 0, 0, time.UTC)
	pin := w.message(PIN, 1)
	pin.PIN, pin.Until = "1", w.clock.Add(time.Minute)
	events := w.send(w.message(Renewed, 1), w.message(Welcome, 1), pin, w.message(Renewed, 2), w.message(Cancelled, 3))
	line := fmt.Sprint(w.line(msisdn))
	keys := map[string]string{}
	for _, e := range events {
		keys[e.Type] += e.Key + " "
		if !e.Due.Equal(w.order(e).NotBefore) { // or it would be claimed, and put off, all night
			t.Errorf("%s is due at %s", e.Type, e.Due)
		}
		if later := !w.order(e).NotBefore.IsZero(); later != strings.HasSuffix(e.Key, "/later") {
			t.Errorf("%s: %s, %s", e.Type, e.Key, w.order(e).NotBefore)
		}
	}
	if keys["message.welcome"] != line+" " || keys["message.cancelled"] != line+" " || keys["message.renewed"] != line+"/later "+line+"/later " || !strings.HasPrefix(keys["message.pin"], line+"/pin/") {
		t.Errorf("%v", keys)
	}
}

func TestWhatIsNotTrueAnyMoreIsWithdrawn(t *testing.T) {
	w := newWorld(t)
	w.clock = time.Date(2026, 11, 26, 2, 0, 0, 0, time.UTC)
	pin := func() Message {
		m := w.message(PIN, 1)
		m.PIN, m.Until = "1", w.clock.Add(time.Minute)
		return m
	}
	reminder := w.message(Reminder, 1)
	reminder.Until = w.clock.AddDate(0, 0, 1)
	old := w.send(pin(), w.message(Welcome, 1), w.message(Renewed, 1), reminder, w.message(Partner, 1), w.message(Renewed, 2))
	w.send(w.message(Cancelled, 1), pin())
	for _, e := range old {
		want := Failed + " " + ReasonWithdrawn
		if e.Type == "message.welcome" || strings.Contains(w.order(e).Message.Text, "Música") {
			want = Queued
		}
		if got := w.state(e.ID); got != want {
			t.Errorf("%s: %s", e.Type, got)
		}
	}
	if n := testutil.ToFloat64(w.metrics.messages.WithLabelValues("PIN", "withdrawn")); n != 1 {
		t.Errorf("%v PINs withdrawn", n)
	}
}

// What happened and what is said of it are there together or not at all.
func TestAFailureTakesTheRowsAlong(t *testing.T) {
	w := newWorld(t)
	w.box.err = errors.New("no")
	err := pgx.BeginFunc(t.Context(), w.db, func(tx pgx.Tx) error { return w.Send(t.Context(), tx, w.message(Welcome, 1)) })
	if !errors.Is(err, w.box.err) {
		t.Error(err)
	}
	var n int
	if err := w.db.QueryRow(t.Context(), `SELECT count(*) FROM subscription.messages`).Scan(&n); err != nil || n != 0 {
		t.Error(n, err)
	}
}

func TestPrune(t *testing.T) {
	w := newWorld(t)
	old, recent := w.message(Welcome, 1), w.message(Renewed, 1)
	old.At, recent.At = noon.Add(-180*24*time.Hour-time.Second), noon.Add(-180*24*time.Hour+time.Second)
	w.send(old, recent)
	w.exec(`INSERT INTO subscription.messages SELECT gen_random_uuid(), 'MO', $1, '8888', 0, 0, 'UNKNOWN', '', 0, 'RECEIVED', '', $2, $2 FROM generate_series(1, 10001)`, w.line(msisdn), old.At)
	if err := w.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.row(Renewed)
	var n int
	if err := w.db.QueryRow(t.Context(), `SELECT count(*) FROM subscription.messages`).Scan(&n); err != nil || n != 1 {
		t.Errorf("%d, %v", n, err)
	}
}
