package notification

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"puente/papi/subscription/catalogue/cataloguetest"
	"puente/papi/subscription/evidence"
	"puente/shared/outbox"
	"puente/shared/webhook"
)

// answers is a partner that answers what it is told to.
type answers struct {
	result outbox.Result
	then   func() // after the answer
}

func (a *answers) Send(context.Context, webhook.Endpoint, string, []byte) outbox.Result {
	if a.then != nil {
		defer a.then()
	}
	return a.result
}

// stage is a delivery to the sample's partner, with the outbox's part played by the test.
type stage struct {
	*cataloguetest.Catalogue
	t       *testing.T
	answers answers
	owner   outbox.Owner
	at      time.Time
}

const stagePartner = `{"name":"Juegos SpA","country":"CL","environment":"STAGING","notify":{"subscriptionUrl":"https://a.example/s","chargeUrl":"https://a.example/c"},"redirect":{}}`

func newStage(t *testing.T) *stage {
	s := &stage{Catalogue: cataloguetest.Sample(t), t: t, at: time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)}
	s.Apply("partners", "52272", stagePartner)
	s.owner = NewDelivery(s.Store, &s.answers, evidence.New()).Owner()
	return s
}

func (s *stage) event(n Notice, product int64) outbox.Event {
	s.t.Helper()
	p, ok := s.Snapshot().Product(product)
	if !ok {
		s.t.Fatal("no product")
	}
	n.ID, n.Product, n.MSISDN, n.UserType, n.Channel, n.At = uuid.New(), p, "56912345678", "02", "WEB", s.at
	kept := &keeper{}
	if err := New(kept).Tell(s.t.Context(), nil, n); err != nil {
		s.t.Fatal(err)
	}
	return kept.events[0]
}

type keeper struct{ events []outbox.Event }

func (k *keeper) Add(_ context.Context, _ pgx.Tx, events ...outbox.Event) error {
	k.events = append(k.events, events...)
	return nil
}

// end sends an event and has the outbox write its end down.
func (s *stage) end(e outbox.Event, r outbox.Result) {
	s.t.Helper()
	s.answers.result = r
	got := s.owner.Send(s.t.Context(), e, 1)
	s.written(e, got)
}

func (s *stage) written(e outbox.Event, r outbox.Result) {
	s.t.Helper()
	hook := s.owner.Died
	if r.Outcome == outbox.Delivered {
		hook = s.owner.Delivered
	}
	err := pgx.BeginFunc(s.t.Context(), s.DB, func(tx pgx.Tx) error {
		return hook(s.t.Context(), tx, e, outbox.Attempt{Event: e.ID, At: s.at, Reason: r.Reason})
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// found is what was written, in its order.
func (s *stage) found() []string {
	s.t.Helper()
	rows, _ := s.DB.Query(s.t.Context(), "SELECT product_id || ' ' || environment || ' ' || step || ' ' || value FROM subscription.evidence ORDER BY id")
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		s.t.Fatal(err)
	}
	return all
}

func (s *stage) want(want ...string) {
	s.t.Helper()
	if got := s.found(); !slices.Equal(got, want) {
		s.t.Errorf("%s\nwant %s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

var (
	taken   = outbox.Result{Outcome: outbox.Delivered, Status: 200}
	refused = outbox.Result{Outcome: outbox.Dead, Status: 200, Reason: "rejected"}
)

// charge writes a one-shot charge whose notification is id, and whose caller was told something.
func (s *stage) charge(id uuid.UUID, told string) {
	s.t.Helper()
	_, err := s.DB.Exec(s.t.Context(), `WITH l AS (INSERT INTO subscription.lines (key, msisdn) VALUES ($1::bytea, '') RETURNING id)
		INSERT INTO subscription.charges (key, kind, state, line_id, partner_id, service_id, product_id, pricepoint_id, amount, currency, channel, short_code, tid, user_type,
			correlation, created_at, opened_at, notice_id, told) SELECT $2, 'ONE_SHOT', 'SUCCEEDED', id, 52272, 2000001784, 1000000003, 1, 500, 'CLP', 'WEB', '8888', '', '02', '', now(), now(), $3, $4 FROM l`, id[:], id.String(), id, told)
	if err != nil {
		s.t.Fatal(err)
	}
}

// What a partner takes it has proved, by type and context.
func TestWhatIsTakenIsProved(t *testing.T) {
	s := newStage(t)
	s.end(s.event(Notice{Kind: Subscribed}, 1000000001), taken)
	s.end(s.event(Notice{Kind: Charged, Context: First, Amount: 990}, 1000000001), taken)
	s.end(s.event(Notice{Kind: Charged, Context: Renewal, Amount: 990}, 1000000001), taken)
	s.end(s.event(Notice{Kind: Unsubscribed}, 1000000001), taken)
	for _, told := range []string{"", "OUTCOME_UNKNOWN", "DONE"} { // only the last was answered with 0
		e := s.event(Notice{Kind: Charged, Context: OneShot, Amount: 500}, 1000000003)
		s.charge(e.ID, told)
		s.end(e, taken)
	}
	s.end(s.event(Notice{Kind: Charged, Context: OneShot, Amount: 500}, 1000000003), taken) // of no charge
	s.want("1000000001 STAGING subscription.NotifSub OK Prov", "1000000001 STAGING subscription.NotifCobro OK Prov", "1000000001 STAGING renewal.NotifCobro OK Prov",
		"1000000001 STAGING cancellation.NotifCancel OK Prov", "1000000003 STAGING subscription.Oneshot OK Prov")
	var noticed int
	if err := s.DB.QueryRow(t.Context(), "SELECT count(*) FROM subscription.charges WHERE noticed_at IS NOT NULL").Scan(&noticed); err != nil || noticed != 3 {
		t.Errorf("%d charges are known to be delivered, %v", noticed, err)
	}
}

// A failed charge is none of the matrix.
func TestWhatProvesNothing(t *testing.T) {
	s := newStage(t)
	s.Apply("partners", "52272", strings.Replace(stagePartner, `"notify":{`, `"notify":{"failedCharges":true,`, 1))
	s.end(s.event(Notice{Kind: Failed, Context: First}, 1000000001), taken)
	e := s.event(Notice{Kind: Subscribed}, 1000000001)
	e.Payload = []byte("what nobody could open")
	s.end(e, refused)
	e = s.event(Notice{Kind: Subscribed}, 1000000001)
	e.Payload = []byte(strings.Replace(string(e.Payload), "1000000001", "77", 1)) // a product that is gone
	s.end(e, taken)
	s.Apply("partners", "52272", `{"name":"Juegos SpA","country":"CL","environment":"STAGING","notify":{},"redirect":{}}`)
	s.end(s.event(Notice{Kind: Subscribed}, 1000000001), taken) // it is not asked: there is no endpoint
	s.want()
}

// What it refuses, or does not take in all its time, has failed.
func TestWhatDiesHasFailed(t *testing.T) {
	s := newStage(t)
	s.end(s.event(Notice{Kind: Subscribed}, 1000000001), taken)
	s.at = s.at.Add(time.Second)
	s.end(s.event(Notice{Kind: Subscribed}, 1000000001), refused)
	s.at = s.at.Add(time.Second)
	s.end(s.event(Notice{Kind: Subscribed}, 1000000001), taken)
	s.end(s.event(Notice{Kind: Charged, Context: First}, 1000000001), outbox.Result{Outcome: outbox.Retry, Reason: "timeout"})
	s.end(s.event(Notice{Kind: Charged, Context: OneShot}, 1000000003), refused)
	s.want("1000000001 STAGING subscription.NotifSub OK Prov", "1000000001 STAGING subscription.NotifSub NOK", "1000000001 STAGING subscription.NotifSub OK Prov",
		"1000000001 STAGING subscription.NotifCobro NOK", "1000000003 STAGING subscription.Oneshot NOK")
}

// What was sent before the endpoint was changed proves nothing of the new one, though it is written down after;
// and what is undone is written down again.
func TestEvidenceIsOfTheEndpointThatAnswered(t *testing.T) {
	s := newStage(t)
	product := func() string {
		p, _ := s.Snapshot().Product(1000000001)
		return evidence.Configuration(p, 0)
	}
	old := product()
	s.answers.then = func() { s.Apply("partners", "52272", strings.Replace(stagePartner, "example/s", "example/t", 1)) }
	e := s.event(Notice{Kind: Subscribed}, 1000000001)
	s.answers.result = taken
	got := s.owner.Send(t.Context(), e, 1)
	undone := errors.New("undone")
	err := pgx.BeginFunc(t.Context(), s.DB, func(tx pgx.Tx) error {
		if err := s.owner.Delivered(t.Context(), tx, e, outbox.Attempt{Event: e.ID, At: s.at}); err != nil {
			return err
		}
		return undone
	})
	if !errors.Is(err, undone) {
		t.Fatal(err)
	}
	s.written(e, got)
	var configuration string
	if err := s.DB.QueryRow(t.Context(), "SELECT configuration FROM subscription.evidence").Scan(&configuration); err != nil {
		t.Fatal(err)
	}
	if configuration != old || product() == old {
		t.Errorf("%s, of %s and %s", configuration, old, product())
	}
}

// What is remembered between an answer and its being written down is bounded, and is not what is in work.
func TestEndsAreBounded(t *testing.T) {
	var e ends
	var last uuid.UUID
	for range 5 * generation {
		last = uuid.New()
		e.keep(last, "c")
	}
	if n := len(e.now) + len(e.past); n > 2*generation {
		t.Errorf("%d", n)
	}
	for range generation - 1 {
		e.keep(uuid.New(), "c")
	}
	if e.get(last) != "c" {
		t.Error("the last was forgotten")
	}
	if e.keep(last, ""); e.get(last) != "" {
		t.Error("one that goes on was not forgotten")
	}
}
