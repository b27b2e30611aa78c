package support

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"puente/papi/subscription/catalogue/cataloguetest"
	"puente/papi/subscription/line"
	"puente/shared/problem"
)

// charged is a day's charge of a line in a state; what is open has waited since then.
func charged(t *testing.T, w *cataloguetest.Catalogue, key, state string, at time.Time) {
	t.Helper()
	open := state == "UNKNOWN" || state == "REFUNDING"
	_, err := w.DB.Exec(t.Context(), `INSERT INTO subscription.charges (key, kind, state, line_id, partner_id, service_id, product_id, pricepoint_id, amount, currency, channel, short_code, tid,
			user_type, correlation, created_at, opened_at, ended_at, next_at)
		SELECT $1, 'ONE_SHOT', $2, id, 52272, 2000001784, 1000000001, 1, 990, 'CLP', 'WEB', '8888', '', '02', '', $3, $3, CASE WHEN $2 <> 'UNKNOWN' THEN $3::timestamptz END, CASE WHEN $4 THEN $3::timestamptz END
		FROM subscription.lines`, key, state, at, open)
	if err != nil {
		t.Fatal(err)
	}
}

func charges(t *testing.T) (*cataloguetest.Catalogue, *Desk) {
	t.Helper()
	w := cataloguetest.Sample(t)
	book := line.NewBook(w.Ring, slog.New(slog.DiscardHandler))
	if _, err := book.Enter(t.Context(), w.DB, "56912345678"); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	named := func(_ context.Context, name string) ([]string, error) {
		return map[string][]string{"k1": {"one:a"}, "2": {"one:a"}, "QWERT": {"one:a", "one:b"}}[name], nil
	}
	return w, New(w.DB, book, nil, records{w}, nil, nil, named, func() time.Time { return now })
}

// Days are those on which there were charges, in UTC, the last first, as far back as a list shows.
func TestReconciledDays(t *testing.T) {
	w, desk := charges(t)
	if days, err := desk.days(t.Context()); err != nil || len(days) != 0 {
		t.Errorf("of nothing: %v, %v", days, err)
	}
	for i, at := range []string{
		"2026-11-25T11:00:00Z", "2026-11-25T00:00:00Z", "2026-11-24T23:59:59Z", "2026-11-24T22:00:00-03:00", "2026-11-01T12:00:00Z", "2026-11-01T00:00:00Z", "2026-10-31T23:59:59.999Z", "2026-08-20T12:00:00Z",
	} {
		moment, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		charged(t, w, string(rune('a'+i)), "SUCCEEDED", moment)
	}
	days, err := desk.days(t.Context())
	want := []string{"2026-11-25", "2026-11-24", "2026-11-01", "2026-10-31"}
	if err != nil || len(days) != len(want) {
		t.Fatalf("%v, %v", days, err)
	}
	for i, day := range days {
		if got := day.(map[string]string)["day"]; got != want[i] {
			t.Errorf("%s, want %s", got, want[i])
		}
	}
}

// What is open is found, however much was charged since, the longest first.
func TestOpenCharges(t *testing.T) {
	w, desk := charges(t)
	at := desk.now()
	charged(t, w, "to be given back", "REFUNDING", at.Add(-time.Hour))
	charged(t, w, "nobody knows", "UNKNOWN", at.Add(-2*time.Hour))
	for i := range most + 1 {
		charged(t, w, time.Duration(i).String(), "SUCCEEDED", at)
	}
	open, err := desk.openCharges(t.Context())
	if err != nil || len(open) != 2 || open[0].(Charge).Key != "nobody knows" || open[1].(Charge).Key != "to be given back" {
		t.Errorf("%+v, %v", open, err)
	}
	if open[0].(Charge).Line != "569****5678" {
		t.Errorf("of line %s", open[0].(Charge).Line)
	}
}

// A charge is found by the hub's id and key, and by what its partner named it; what several partners named so, whole.
func TestChargesByName(t *testing.T) {
	w, desk := charges(t)
	charged(t, w, "one:a", "SUCCEEDED", desk.now())
	charged(t, w, "one:b", "SUCCEEDED", desk.now())
	for name, want := range map[string]string{"one:a": "one:a", "k1": "one:a", "1": "one:a"} {
		if got, err := desk.charge(t.Context(), name); err != nil || got.(Charge).Key != want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if _, err := desk.refund(t.Context(), "k1", []byte(`{"refund":"why"}`)); !errors.Is(err, problem.NotFound) {
		t.Errorf("what a partner named is given back: %v", err)
	}
	if all, ok := chargesOf(desk.charge(t.Context(), "2")); !ok || len(all) != 2 { // the hub's id, and somebody's tid
		t.Errorf("of an id that is a name, too: %+v", all)
	}
	got, err := desk.charge(t.Context(), "QWERT")
	if all, ok := chargesOf(got, err); !ok || len(all) != 2 {
		t.Errorf("of several: %+v, %v", got, err)
	}
	if _, err := desk.charge(t.Context(), "k2"); !errors.Is(err, problem.NotFound) {
		t.Errorf("of nobody: %v", err)
	}
}

// chargesOf are several.
func chargesOf(got any, err error) ([]any, bool) {
	all, ok := got.(map[string]any)
	if err != nil || !ok {
		return nil, false
	}
	items, ok := all["items"].([]any)
	return items, ok
}
