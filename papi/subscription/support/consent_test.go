package support

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"puente/papi/subscription/catalogue/cataloguetest"
	"puente/papi/subscription/enrolment"
	"puente/papi/subscription/line"
	"puente/papi/subscription/sql"
	"puente/shared/admin"
	"puente/shared/problem"
)

// records are sealed by nobody: the column holds the text.
type records struct{ *cataloguetest.Catalogue }

func (r records) Consent(ctx context.Context, id uuid.UUID) (enrolment.Consent, error) {
	row, err := sql.New(r.DB).Consent(ctx, id)
	if err != nil {
		return enrolment.Consent{}, problem.NotFound
	}
	return r.OpenConsent(row)
}

func (records) OpenConsent(row sql.SubscriptionConsent) (c enrolment.Consent, err error) {
	err = json.Unmarshal(row.Record, &c)
	return c, err
}

// Consents are found by id, by number and by day, as a list, with their records, and as files.
func TestConsents(t *testing.T) {
	w := cataloguetest.Sample(t)
	book := line.NewBook(w.Ring, slog.New(slog.DiscardHandler))
	at := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	desk := New(w.DB, book, nil, records{w}, nil, nil, nil, func() time.Time { return at.Add(48 * time.Hour) })
	office := admin.New(func(context.Context, admin.Change) {})
	if err := office.Add(desk.Resources()...); err != nil {
		t.Fatal(err)
	}
	agrees := func(number, agent string, at time.Time) uuid.UUID {
		t.Helper()
		lineID, err := book.Enter(t.Context(), w.DB, number)
		if err != nil {
			t.Fatal(err)
		}
		id := uuid.New()
		record, _ := json.Marshal(map[string]any{
			"id": id, "line": lineID, "productId": 1000000001, "amount": 990, "currency": "CLP", "proof": "HE", "texts": "2026-11", "screens": []string{"offer", "confirm"}, "givenAt": at,
			"source": map[string]string{"operator": "ENTEL", "peer": "10.0.0.1"}, "confirmed": map[string]string{"address": "192.0.2.1", "userAgent": agent},
		})
		err = sql.New(w.DB).AddConsent(t.Context(), sql.AddConsentParams{
			ID: id, LineID: lineID, PartnerID: 52272, ServiceID: 2000001784, ProductID: 1000000001, PricepointID: 201507, Amount: 990, Currency: "CLP", Fallbacks: []byte("[]"),
			Proof: "HE", GivenAt: at, Record: record,
		})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	first := agrees("56912345678", "=HYPERLINK(1)", at)
	agrees("56912345678", "Mozilla", at.Add(24*time.Hour))
	agrees("56987654321", "Mozilla", at)
	_, err := w.DB.Exec(t.Context(), `INSERT INTO subscription.subscriptions (line_id, partner_id, service_id, product_id, pricepoint_id, consent_id, campaign, channel, short_code, tid, user_type, owner_epoch, state, created_at, changed_at)
		SELECT line_id, 52272, 2000001784, product_id, 1, id, '', 'WEB', '8888', '', '02', '', 'PENDING_CHARGE', now(), now() FROM subscription.consents WHERE id = $1`, first)
	if err != nil {
		t.Fatal(err)
	}

	if all, err := office.List(t.Context(), "consents"); err != nil || len(all) != 3 || !all[0].(Consent).GivenAt.Equal(at.Add(24*time.Hour)) {
		t.Errorf("%+v, %v", all, err)
	}
	got, err := office.Get(t.Context(), "consents", first.String())
	proof, ok := got.(Proof)
	if err != nil || !ok || proof.Line != "569****5678" || proof.SubscriptionID == 0 || proof.Record.Confirmed.Address != "192.0.2.1" || proof.Record.Source.Operator != "ENTEL" {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = office.Get(t.Context(), "consents", "56912345678")
	text, _ := json.Marshal(got)
	if err != nil || strings.Count(string(text), `"id"`) != 2 || strings.Contains(string(text), "56912345678") {
		t.Errorf("%s, %v", text, err)
	}
	for _, id := range []string{uuid.NewString(), "56900000000", "x"} {
		if _, err := office.Get(t.Context(), "consents", id); !errors.Is(err, problem.NotFound) {
			t.Errorf("%s: %v", id, err)
		}
	}
	if _, err := office.Put(t.Context(), admin.Actor{Role: admin.Admin}, "consents", first.String(), json.RawMessage(`{}`)); !errors.Is(err, problem.MethodNotAllowed) {
		t.Errorf("changed: %v", err)
	}

	files := desk.consentResource().Exports
	for of, want := range map[string]int{"": 3, "2026-11-25": 2, "2026-11-26": 1, "2026-11-27": 0, "2026-11-25T12": 2, "2026-11-25T11": 0, "2026-11-25T13": 0, "2026-11-26T12": 1, "56912345678": 2} {
		var out bytes.Buffer
		write := func(w io.Writer) error { return files["csv"].WriteOf(t.Context(), of, w) }
		if of == "" {
			write = func(w io.Writer) error { return files["csv"].Write(t.Context(), w) }
		}
		err := write(&out)
		lines, parsed := csv.NewReader(&out).ReadAll()
		if err != nil || parsed != nil || len(lines) != want+1 {
			t.Errorf("%q: %d lines, %v, %v", of, len(lines), err, parsed)
		}
		for _, l := range lines {
			if strings.HasPrefix(l[24], "=") {
				t.Errorf("a spreadsheet calculates %s", l[24])
			}
		}
	}
	var out bytes.Buffer
	var read struct{ Consents []map[string]any }
	if err := files["json"].WriteOf(t.Context(), "56912345678", &out); err != nil || json.Unmarshal(out.Bytes(), &read) != nil || len(read.Consents) != 2 || strings.Contains(out.String(), "56912345678") {
		t.Errorf("%s, %v", out.String(), err)
	}
	if err := files["csv"].WriteOf(t.Context(), "56900000000", &out); !errors.Is(err, problem.NotFound) {
		t.Errorf("of a number that nobody has seen: %v", err)
	}
}

// What does not fit into one file is refused, and not cut.
func TestTooManyConsents(t *testing.T) {
	w := cataloguetest.Sample(t)
	book := line.NewBook(w.Ring, slog.New(slog.DiscardHandler))
	if _, err := book.Enter(t.Context(), w.DB, "56912345678"); err != nil {
		t.Fatal(err)
	}
	_, err := w.DB.Exec(t.Context(), `INSERT INTO subscription.consents SELECT gen_random_uuid(), l.id, 1, 1, 1, 1, 1, 'CLP', 'PIN', '2026-11-25', '{}' FROM subscription.lines l, generate_series(1, $1)`, exported+1)
	if err != nil {
		t.Fatal(err)
	}
	desk := New(w.DB, book, nil, records{w}, nil, nil, nil, time.Now)
	for _, of := range []string{"", "2026-11-25", "56912345678"} {
		if err := desk.consentResource().Exports["csv"].WriteOf(t.Context(), of, io.Discard); !errors.Is(err, problem.Invalid) || problem.Of(err).Fields[0].Path != "of" {
			t.Errorf("%q: %v", of, err)
		}
	}
}

// A day that does not fit into one file comes hour by hour.
func TestConsentsOfAnHour(t *testing.T) {
	w := cataloguetest.Sample(t)
	book := line.NewBook(w.Ring, slog.New(slog.DiscardHandler))
	if _, err := book.Enter(t.Context(), w.DB, "56912345678"); err != nil {
		t.Fatal(err)
	}
	_, err := w.DB.Exec(t.Context(), `INSERT INTO subscription.consents SELECT gen_random_uuid(), l.id, 1, 1, 1, 1, 1, 'CLP', 'PIN', '2026-11-25T13:59:59.999Z'::timestamptz + n * interval '1 millisecond', '{}'
		FROM subscription.lines l, generate_series(0, $1) n`, exported)
	if err != nil {
		t.Fatal(err)
	}
	desk := New(w.DB, book, nil, records{w}, nil, nil, nil, time.Now)
	for of, want := range map[string]int{"2026-11-25T13": 1, "2026-11-25T14": exported, "2026-11-25T15": 0} {
		var out bytes.Buffer
		err := desk.consentResource().Exports["csv"].WriteOf(t.Context(), of, &out)
		if lines := strings.Count(out.String(), "\r\n"); err != nil || lines != want+1 {
			t.Errorf("%s: %d lines, %v", of, lines, err)
		}
	}
	if err := desk.consentResource().Exports["csv"].WriteOf(t.Context(), "2026-11-25", io.Discard); !errors.Is(err, problem.Invalid) {
		t.Errorf("the day: %v", err)
	}
}
