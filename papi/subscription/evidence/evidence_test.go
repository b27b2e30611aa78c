package evidence_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"puente/papi/subscription/acceptance"
	"puente/papi/subscription/evidence"
)

const notifSub = acceptance.SubscriptionNotifSub

// What works is written down once a day, what does not once an hour; what works again, at once.
func TestTheSameIsWrittenNowAndThen(t *testing.T) {
	w := newWorld(t)
	prove, fail := func() { w.proved(weekly, notifSub) }, func() { w.failed(weekly, notifSub) }
	for i, step := range []struct {
		after time.Duration
		do    func()
		rows  int
		state string
	}{
		{0, prove, 1, "OK Prov"}, {time.Second, prove, 1, "OK Prov"}, {23 * time.Hour, prove, 1, "OK Prov"}, {2 * time.Hour, prove, 2, "OK Prov"},
		{time.Second, prove, 2, "OK Prov"}, // found in the table, and noted
		{time.Second, fail, 3, "NOK"}, {time.Second, fail, 3, "NOK"},
		{time.Second, prove, 4, "OK Prov"}, {time.Second, prove, 4, "OK Prov"},
		{2 * time.Hour, fail, 5, "NOK"}, {2 * time.Hour, fail, 6, "NOK"}, {time.Second, prove, 7, "OK Prov"},
	} {
		w.pass(step.after)
		step.do()
		if got := w.written(); got != step.rows {
			t.Errorf("step %d: %d rows, want %d", i, got, step.rows)
		}
		if got := w.state(notifSub); got != step.state {
			t.Errorf("step %d: %s, want %s", i, got, step.state)
		}
	}
}

// A failure that another process wrote is followed by what works within a minute.
func TestAFailureElsewhere(t *testing.T) {
	w := newWorld(t)
	w.proved(weekly, notifSub, notifSub, notifSub)
	other := evidence.New()
	w.pass(time.Second)
	w.write(func(ctx context.Context, tx pgx.Tx) error { return other.Failed(ctx, tx, w.proof(weekly, notifSub)) })
	if got := w.state(notifSub); got != "NOK" {
		t.Fatal(got)
	}
	w.pass(time.Minute)
	w.proved(weekly, notifSub)
	if got := w.state(notifSub); got != "OK Prov" {
		t.Error(got)
	}
}

// Evidence of a transaction that was undone is none, and what comes then is written.
func TestEvidenceIsOfItsTransaction(t *testing.T) {
	w := newWorld(t)
	undone := errors.New("undone")
	for range 3 {
		err := pgx.BeginFunc(t.Context(), w.DB, func(tx pgx.Tx) error {
			if err := w.recorder.Proved(t.Context(), tx, w.proof(weekly, notifSub)); err != nil {
				return err
			}
			return undone
		})
		if !errors.Is(err, undone) {
			t.Fatal(err)
		}
	}
	if w.written() != 0 || w.state(notifSub) != "NOK" {
		t.Error("it is there")
	}
	w.proved(weekly, notifSub)
	if w.state(notifSub) != "OK Prov" {
		t.Error("it is not there")
	}
}

func TestEvidenceStays(t *testing.T) {
	w := newWorld(t)
	w.proved(weekly, notifSub)
	w.mustSign("52272", `{"by":"Ana","reason":"r","e2e":"OK"}`)
	for _, statement := range []string{
		"DELETE FROM subscription.evidence", "UPDATE subscription.evidence SET value = 'NOK'", "DELETE FROM subscription.decisions", "UPDATE subscription.decisions SET e2e = ''",
	} {
		if _, err := w.DB.Exec(t.Context(), statement); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: %v", statement, err)
		}
	}
}

// Many at once: no error, and few rows.
func TestManyAtOnce(t *testing.T) {
	w := newWorld(t)
	p := w.proof(weekly, notifSub)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			err := pgx.BeginFunc(t.Context(), w.DB, func(tx pgx.Tx) error { return w.recorder.Proved(t.Context(), tx, p) })
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := w.written(); n < 1 || n > 50 || w.state(notifSub) != "OK Prov" {
		t.Errorf("%d rows", n)
	}
	before := w.written()
	w.proved(weekly, notifSub)
	if w.written() != before {
		t.Error("another row")
	}
}

// Half a year, or a change of what it was proved with, ends evidence; of what was proved otherwise nothing.
func TestEvidenceEnds(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*world)
		ended  []acceptance.Check
	}{
		"time":                 {func(w *world) { w.pass(acceptance.Validity + time.Second) }, []acceptance.Check{0, 1, 2, 3, 5, 6, 7}},
		"not yet":              {func(w *world) { w.pass(acceptance.Validity) }, nil},
		"the subscription URL": {func(w *world) { w.Apply("partners", "52272", strings.Replace(partner, "example/s", "example/t", 1)) }, []acceptance.Check{0, 7}},
		"the charge URL":       {func(w *world) { w.Apply("partners", "52272", strings.Replace(partner, "example/c", "example/d", 1)) }, []acceptance.Check{1, 5}},
		"the webhook's secret": {func(w *world) { w.Apply("partners", "52272", strings.Replace(partner, "Y3\"]", "Y4\"]", 1)) }, []acceptance.Check{0, 1, 5, 7}},
		"the redirect's scheme": {func(w *world) {
			w.Apply("partners", "52272", strings.Replace(partner, `"redirect":{`, `"redirect":{"scheme":"cbc-pkcs5-iv",`, 1))
		}, []acceptance.Check{3}},
		"the redirect's key":        {func(w *world) { w.Apply("partners", "52272", strings.Replace(partner, `"k1"`, `"k2"`, 1)) }, []acceptance.Check{3}},
		"the partner's name":        {func(w *world) { w.Apply("partners", "52272", strings.Replace(partner, "Juegos", "Jugos", 1)) }, nil},
		"a URL of the product's":    {func(w *world) { w.product1(`"notifyChargeUrl":"https://b.example/"`) }, []acceptance.Check{1, 5}},
		"another URL, and back":     {func(w *world) { w.product1(`"notifyChargeUrl":"https://b.example/"`); w.product1(`"keyword":"J"`) }, nil},
		"the product costs nothing": {func(w *world) { w.product1(`"keyword":"J"`, "990", "0") }, []acceptance.Check{1, 5, 6}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.proved(weekly, 0, 1, 2, 3, 5, 6, 7)
			if r := w.row("52272.1000000001").Row; r.ApplicablePercent() != 100 || r.SeedPercent() != 88 || r.Status != acceptance.InProgress {
				t.Fatalf("%+v", r)
			}
			c.change(w)
			r := w.row("52272/1000000001").Row
			for i, cell := range r.Cells {
				want := acceptance.OKProv
				for _, ended := range c.ended {
					if ended == acceptance.Check(i) {
						want = acceptance.NOK
					}
				}
				if i == int(acceptance.SubscriptionOneshot) || name == "the product costs nothing" && want == acceptance.NOK {
					want = acceptance.NotApplicable
				}
				if cell.State != want {
					t.Errorf("%s is %s, want %s", acceptance.Check(i), cell.State, want)
				}
				if want == acceptance.NOK && (cell.Evidence == "" || cell.By != "hub") {
					t.Errorf("%s does not say what ended", acceptance.Check(i))
				}
			}
		})
	}
}

// product1 applies the weekly product with something else.
func (w *world) product1(more string, replace ...string) {
	w.t.Helper()
	spec := `{"service":"2000001784","name":"Semanal","kind":"VAS","type":"SUBSCRIPTION","period":{"unit":"WEEK"},"pricePoints":[{"id":201507,"amount":990}],` + more + `}`
	w.Apply("products", "1000000001", strings.NewReplacer(replace...).Replace(spec))
}
