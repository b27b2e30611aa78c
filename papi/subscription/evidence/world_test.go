package evidence_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"puente/papi/subscription/acceptance"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/catalogue/cataloguetest"
	"puente/papi/subscription/evidence"
	"puente/shared/admin"
)

// world is a catalogue with a partner in STAGING, the matrix over it, and operators.
type world struct {
	*cataloguetest.Catalogue
	*admin.Registry
	*evidence.Desk
	t        *testing.T
	recorder *evidence.Recorder
	at       time.Time
}

const (
	weekly  = 1000000001
	free    = 1000000002
	oneShot = 1000000003
)

var operator = admin.Actor{Name: "console", Role: admin.Operator}

const partner = `{"name":"Juegos SpA","country":"CL","environment":"STAGING","notify":{"subscriptionUrl":"https://a.example/s","chargeUrl":"https://a.example/c",
	"secrets":["whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"]},"redirect":{"keys":[{"id":"k1","secret":"` + cataloguetest.Key32 + `"}]}}`

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Catalogue: cataloguetest.Sample(t), t: t, recorder: evidence.New(), at: time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)}
	w.Apply("partners", "52272", partner)
	w.Desk = evidence.NewDesk(evidence.Defaults(), w.DB, w.Store, func() time.Time { return w.at })
	w.Guard(w.Gate)
	w.Registry = admin.New(func(context.Context, admin.Change) {})
	if err := w.Add(append([]admin.Resource{w.Resource()}, w.Store.Resources()...)...); err != nil {
		t.Fatal(err)
	}
	return w
}

// Apply makes an entity of the catalogue be as a document says, whatever the gate says.
func (w *world) Apply(resource, id, spec string) {
	w.t.Helper()
	w.Guard(nil)
	w.Catalogue.Apply(resource, id, spec)
	if w.Desk != nil {
		w.Guard(w.Gate)
	}
}

func (w *world) pass(d time.Duration) { w.at = w.at.Add(d) }

func (w *world) product(id int64) *catalogue.Product {
	w.t.Helper()
	p, ok := w.Snapshot().Product(id)
	if !ok {
		w.t.Fatalf("no product %d", id)
	}
	return p
}

func (w *world) proof(product int64, c acceptance.Check) evidence.Proof {
	w.t.Helper()
	p := w.product(product)
	return evidence.Proof{Product: p, Check: c, Configuration: evidence.Configuration(p, c), Source: "test", At: w.at}
}

func (w *world) write(do func(context.Context, pgx.Tx) error) {
	w.t.Helper()
	if err := pgx.BeginFunc(w.t.Context(), w.DB, func(tx pgx.Tx) error { return do(w.t.Context(), tx) }); err != nil {
		w.t.Fatal(err)
	}
}

// proved has a product pass checks now.
func (w *world) proved(product int64, checks ...acceptance.Check) {
	w.t.Helper()
	for _, c := range checks {
		w.write(func(ctx context.Context, tx pgx.Tx) error { return w.recorder.Proved(ctx, tx, w.proof(product, c)) })
	}
}

func (w *world) failed(product int64, c acceptance.Check) {
	w.t.Helper()
	w.write(func(ctx context.Context, tx pgx.Tx) error { return w.recorder.Failed(ctx, tx, w.proof(product, c)) })
}

// row is one as operators see it.
func (w *world) row(id string) evidence.Row {
	w.t.Helper()
	got, err := w.Get(w.t.Context(), "acceptances", id)
	if err != nil {
		w.t.Fatal(err)
	}
	return got.(evidence.Row)
}

// state is that of a check of the weekly product.
func (w *world) state(c acceptance.Check) string {
	w.t.Helper()
	return w.row("52272.1000000001").Row.Cells[c].State.String()
}

func (w *world) written() (n int) {
	w.t.Helper()
	if err := w.DB.QueryRow(w.t.Context(), "SELECT count(*) FROM subscription.evidence").Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// sign has an operator apply a document to a row.
func (w *world) sign(id, spec string) (admin.Outcome, error) {
	w.t.Helper()
	got, err := w.Put(w.t.Context(), operator, "acceptances", id, json.RawMessage(spec))
	return got.Outcome, err
}

func (w *world) mustSign(id, spec string) {
	w.t.Helper()
	if _, err := w.sign(id, spec); err != nil {
		w.t.Fatalf("%s %s: %v", id, spec, err)
	}
}

// move has an administrator put the partner into an environment.
func (w *world) move(to string) error {
	w.t.Helper()
	spec := strings.Replace(partner, "STAGING", to, 1)
	_, err := w.Put(w.t.Context(), admin.Actor{Name: "root", Role: admin.Admin}, "partners", "52272", json.RawMessage(spec))
	return err
}
