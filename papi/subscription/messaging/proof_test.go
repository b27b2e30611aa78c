package messaging

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"puente/papi/subscription/evidence"
)

// paid gives the line a charge of a subscription that ended at a moment.
func (w *world) paid(product int64, kind, state string, at time.Time) {
	w.t.Helper()
	w.exec(`INSERT INTO subscription.charges (key, kind, state, subscription_id, line_id, partner_id, service_id, product_id, pricepoint_id, amount, currency, channel, short_code,
		tid, user_type, consent_id, correlation, created_at, opened_at, ended_at) SELECT $1, $2, $3, s.id, s.line_id, 52272, 100, s.product_id, 11, 1990, 'CLP', 'WEB', '8888', '', '02',
		s.consent_id, '', $5, $5, $5 FROM subscription.subscriptions s WHERE s.line_id = $6 AND s.product_id = $4`,
		uuid.NewString(), kind, state, product, at, w.line(w.number))
}

func (w *world) proofs() []string {
	w.t.Helper()
	rows, _ := w.db.Query(w.t.Context(), "SELECT product_id || ' ' || step || ' ' || value FROM subscription.evidence ORDER BY id")
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

// A message within a day after a subscription began, or was renewed, shows that the partner sends them;
// specification §14.
func TestAMessageAfterItsEventIsProof(t *testing.T) {
	ago := func(d time.Duration) time.Time { return noon.Add(-d) }
	const hour, day = time.Hour, 24 * time.Hour
	for name, c := range map[string]struct {
		given func(*world)
		want  []string
	}{
		"subscribed today":     {func(w *world) { w.subscribe(1, "ACTIVE", ago(hour)) }, []string{"1 subscription.SendMT OK Prov"}},
		"subscribed a day ago": {func(w *world) { w.subscribe(1, "ACTIVE", ago(day)) }, []string{"1 subscription.SendMT OK Prov"}},
		"subscribed before":    {func(w *world) { w.subscribe(1, "ACTIVE", ago(day+time.Second)) }, nil},
		"subscribed before, charged today": {func(w *world) {
			w.subscribe(1, "ACTIVE", ago(2*day))
			w.paid(1, "SUBSCRIPTION", "SUCCEEDED", ago(hour))
		}, []string{"1 subscription.SendMT OK Prov"}},
		"renewed today":                     {func(w *world) { w.subscribe(1, "ACTIVE", ago(7*day)); w.paid(1, "RENEWAL", "SUCCEEDED", ago(hour)) }, []string{"1 renewal.SendMT OK Prov"}},
		"renewed before":                    {func(w *world) { w.subscribe(1, "ACTIVE", ago(9*day)); w.paid(1, "RENEWAL", "SUCCEEDED", ago(2*day)) }, nil},
		"not renewed today":                 {func(w *world) { w.subscribe(1, "GRACE", ago(7*day)); w.paid(1, "RENEWAL", "DECLINED", ago(hour)) }, nil},
		"subscribed and renewed in one day": {func(w *world) { w.subscribe(1, "ACTIVE", ago(23*hour)); w.paid(1, "RENEWAL", "SUCCEEDED", ago(hour)) }, []string{"1 renewal.SendMT OK Prov"}},
		"a product of another":              {func(w *world) { w.subscribe(1, "ACTIVE", ago(7*day)); w.subscribe(2, "ACTIVE", ago(hour)) }, nil},
		"it wrote today":                    {func(w *world) { w.converse("8888", ago(hour), time.Time{}) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.evidence = evidence.New()
			w.line(w.number)
			c.given(w)
			if _, err := w.ask(1, "hola"); err != nil {
				t.Fatal(err)
			}
			if got := w.proofs(); !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// One that is refused, or undone, shows nothing.
func TestARefusedMessageIsNoProof(t *testing.T) {
	w := newWorld(t)
	w.evidence = evidence.New()
	w.subscribe(1, "CANCELLED", noon.Add(-time.Hour))
	if _, err := w.ask(1, "hola"); err == nil {
		t.Error("it was sent")
	}
	w.exec("DELETE FROM subscription.subscriptions")
	w.subscribe(1, "ACTIVE", noon.Add(-time.Hour))
	w.box.err = errors.New("no outbox")
	if _, err := w.ask(1, "hola"); err == nil {
		t.Error("it was sent")
	}
	if got := w.proofs(); len(got) != 0 {
		t.Errorf("%q", got)
	}
}
