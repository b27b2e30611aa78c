package evidence_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"puente/papi/subscription/acceptance"
	"puente/papi/subscription/evidence"
	"puente/shared/admin"
	"puente/shared/problem"
)

const (
	freeRow = "52272.1000000002"
	shotRow = "52272.1000000003"
)

func (w *world) mustStay(missing ...string) {
	w.t.Helper()
	err := w.move("PROD")
	if !errors.Is(err, problem.Invalid) {
		w.t.Fatalf("it moved: %v", err)
	}
	var rules []string
	for _, f := range problem.Of(err).Fields {
		if f.Path != "environment" {
			w.t.Errorf("%+v", f)
		}
		rules = append(rules, f.Rule)
	}
	all := strings.Join(rules, "\n")
	for _, m := range missing {
		if !strings.Contains(all, m) {
			w.t.Errorf("%s does not say %s", all, m)
		}
	}
	if p, _ := w.Snapshot().Partner(52272); p.Environment != "STAGING" {
		w.t.Error("it moved")
	}
}

// A partner goes to production when each product has proved what applies to it and passed its end-to-end
// tests, or was waived; what is proved by ourselves alone is not enough.
func TestGate(t *testing.T) {
	w := newWorld(t)
	w.mustStay("product 1000000001 is accepted or waived: subscription.NotifSub is NOK", "product 1000000002", "product 1000000003")
	w.proved(weekly, 0, 1, 2, 3, 5, 6, 7)
	w.mustStay("product 1000000001 is accepted or waived: the end-to-end tests have not passed")
	w.mustSign("52272", `{"by":"Ana","reason":"tested on 25 November","e2e":"OK"}`) // of all products
	w.proved(oneShot, acceptance.SubscriptionOneshot)
	w.mustSign(shotRow, `{"by":"Ana","reason":"seen","checks":{"subscription.LPRedirect":"OK"}}`)
	w.mustStay("product 1000000003 is accepted or waived: subscription.LPRedirect is OK")
	w.mustSign(shotRow, `{"by":"Ana","reason":"seen with the partner","checks":{"subscription.LPRedirect":"OK Prov"}}`)
	w.mustStay("product 1000000002 is accepted or waived: subscription.NotifSub is NOK; subscription.SendMT is NOK; subscription.LPRedirect is NOK; cancellation.NotifCancel is NOK")
	w.mustSign(freeRow, `{"by":"Luis","reason":"a trial of a week","waiver":true}`)
	if got := w.row(freeRow).Row; got.Waiver == nil || got.Waiver.By != "Luis" || !got.Waiver.At.Equal(w.at) {
		t.Errorf("%+v", got.Waiver)
	}
	w.mustSign(freeRow, `{"by":"Luis","reason":"not after all","waiver":false}`)
	w.mustStay("product 1000000002")
	w.mustSign(freeRow, `{"by":"Luis","reason":"a trial of a week","waiver":true}`)
	w.failed(weekly, acceptance.CancellationNotifCancel)
	w.mustStay("product 1000000001 is accepted or waived: cancellation.NotifCancel is NOK")
	w.pass(time.Second)
	w.proved(weekly, acceptance.CancellationNotifCancel)
	if err := w.move("PROD"); err != nil {
		t.Fatal(err)
	}
	// There it begins anew, and what it showed before can be read.
	now, before := w.row(row), w.row(row+".STAGING")
	if now.Row.Environment != "PROD" || now.Row.ApplicablePercent() != 0 || now.Row.Status != acceptance.Delivered || now.Row.Products != 1 {
		t.Errorf("%+v", now.Row)
	}
	if before.Row.ApplicablePercent() != 100 || before.Row.Products != 0 || len(before.Missing) != 0 {
		t.Errorf("%+v", before.Row)
	}
	if err := w.move("PROD"); err != nil { // it is there
		t.Error(err)
	}
	if err := w.move("STAGING"); err != nil {
		t.Error(err)
	}
	if err := w.move("PROD"); err != nil { // what it showed still holds
		t.Error(err)
	}
}

// A waiver of all of a partner's products can be read where it was given, and holds for what is added there.
func TestAWaiverOfThePartner(t *testing.T) {
	w := newWorld(t)
	w.mustSign("52272", `{"by":"Luis","reason":"launch on Friday","waiver":true}`)
	w.Apply("products", "1000000009", `{"service":"2000001784","name":"Otro","kind":"VAS","type":"ONESHOT","pricePoints":[{"id":1,"amount":500}]}`)
	if err := w.move("PROD"); err != nil {
		t.Fatal(err)
	}
	got, err := w.Get(t.Context(), "acceptances", "52272")
	if err != nil {
		t.Fatal(err)
	}
	p := got.(evidence.Partner)
	if len(p.Rows) != 8 || len(p.Decisions) != 1 || p.Decisions[0].Environment != "STAGING" || p.Decisions[0].Waiver.By != "Luis" || p.Row.Waiver != nil || p.Row.Products != 4 {
		t.Errorf("%+v", p)
	}
	for _, r := range p.Rows {
		if waived := r.Waiver != nil; waived != (r.Environment == "STAGING") {
			t.Errorf("%s: %+v", r.ID, r.Waiver)
		}
	}
}

// One that is withdrawn is not in the way.
func TestGateAsksForWhatIsSold(t *testing.T) {
	w := newWorld(t)
	w.mustSign(row, `{"by":"Ana","reason":"r","waiver":true}`)
	w.mustSign(freeRow, `{"by":"Ana","reason":"r","waiver":true}`)
	w.mustStay("product 1000000003")
	w.Apply("products", "1000000003", `{"service":"2000001784","name":"Canje","kind":"CONTEST","type":"ONESHOT","status":"withdrawn","pricePoints":[{"id":201509,"amount":500}]}`)
	if err := w.move("PROD"); err != nil {
		t.Error(err)
	}
}

// A partner that begins in production has shown nothing: somebody must have said that it may, at the latest in
// the same call.
func TestBeginInProduction(t *testing.T) {
	w := newWorld(t)
	root := admin.Actor{Name: "root", Role: admin.Admin}
	const (
		partner = "kind: Partner\nid: '60000'\nspec: {name: Otro, country: CL, environment: PROD, notify: {}, redirect: {}}\n"
		waiver  = "---\nkind: Acceptance\nid: '60000'\nspec: {by: Ana, reason: moved from the old platform, waiver: true}\n"
	)
	apply := func(documents string) error {
		entities, err := admin.Documents([]byte(documents))
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Registry.Apply(t.Context(), root, entities)
		return err
	}
	if err := apply(partner); !errors.Is(err, problem.Invalid) {
		t.Errorf("without a waiver: %v", err)
	}
	if _, ok := w.Snapshot().Partner(60000); ok {
		t.Fatal("it is there")
	}
	if err := apply(waiver); !errors.Is(err, problem.Invalid) {
		t.Errorf("a waiver of nobody: %v", err)
	}
	if err := apply(partner + waiver); err != nil {
		t.Fatal(err)
	}
	if _, ok := w.Snapshot().Partner(60000); !ok {
		t.Error("it is not there")
	}
}

// A product that a partner in production adds is sold there once it is accepted or waived, by itself or with all its
// partner's; what its partner has taken there before may be sold again. A service brings its products along.
func TestGateOfAProduct(t *testing.T) {
	const other = 1000000009
	root := admin.Actor{Name: "root", Role: admin.Admin}
	spec := func(status string) json.RawMessage {
		return json.RawMessage(`{"service":"2000001784","name":"Otro","kind":"VAS","type":"ONESHOT","status":"` + status + `","pricePoints":[{"id":1,"amount":500}]}`)
	}
	for name, c := range map[string]struct {
		before func(*world)
		goes   bool
	}{
		"nothing": {func(*world) {}, false},
		"suspended, signed": {func(w *world) {
			w.add(root, spec("suspended"))
			w.mustSign("52272.1000000009", `{"by":"Ana","reason":"seen","e2e":"OK"}`)
		}, false},
		"suspended, waived": {func(w *world) {
			w.add(root, spec("suspended"))
			w.mustSign("52272.1000000009", `{"by":"Ana","reason":"r","waiver":true}`)
		}, true},
		"waived in STAGING": {func(w *world) {
			w.add(root, spec("suspended"))
			w.mustSign("52272.1000000009.STAGING", `{"by":"Ana","reason":"r","waiver":true}`)
		}, true},
		"its partner waived": {func(w *world) { w.mustSign("52272", `{"by":"Ana","reason":"r","waiver":true}`) }, true},
		"a redirect is signed": {func(w *world) {
			w.add(root, spec("suspended"))
			w.mustSign("52272.1000000009", `{"by":"Ana","reason":"r","checks":{"subscription.LPRedirect":"OK Prov"}}`)
		}, false},
		"it was sold before": {func(w *world) { w.add(root, spec("suspended")); w.proved(other, acceptance.SubscriptionOneshot) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.Apply("partners", "52272", strings.Replace(partner, "STAGING", "PROD", 1))
			c.before(w)
			_, err := w.Put(t.Context(), root, "products", "1000000009", spec("active"))
			if (err == nil) != c.goes || err != nil && (!errors.Is(err, problem.Invalid) || problem.Of(err).Fields[0].Path != "status") {
				t.Errorf("%v", err)
			}
			if p, ok := w.Snapshot().Product(other); c.goes != (ok && p.Status == "active") {
				t.Errorf("it is sold: %v", !c.goes)
			}
		})
	}
}

// A waiver of all of a partner's products that was given before it went to production can be taken back there.
func TestAWaiverIsTakenBack(t *testing.T) {
	w := newWorld(t)
	root := admin.Actor{Name: "root", Role: admin.Admin}
	w.mustSign("52272", `{"by":"Luis","reason":"launch on Friday","waiver":true}`)
	if err := w.move("PROD"); err != nil {
		t.Fatal(err)
	}
	w.mustSign("52272.STAGING", `{"by":"Luis","reason":"it was for the launch","waiver":false}`)
	_, err := w.Put(t.Context(), root, "products", "1000000009", json.RawMessage(`{"service":"2000001784","name":"Otro","kind":"VAS","type":"ONESHOT","pricePoints":[{"id":1,"amount":500}]}`))
	if !errors.Is(err, problem.Invalid) {
		t.Errorf("%v", err)
	}
	for _, id := range []string{"STAGING", "52272.STAGING.PROD", "52272.1000000001.STAGING.PROD", "52272.STAGING.1000000001", ".STAGING"} {
		if _, err := w.sign(id, `{"by":"Luis","reason":"r","waiver":true}`); !errors.Is(err, problem.Invalid) {
			t.Errorf("%s: %v", id, err)
		}
	}
}

// add makes a product that the gate knows nothing of.
func (w *world) add(by admin.Actor, spec json.RawMessage) {
	w.t.Helper()
	if _, err := w.Put(w.t.Context(), by, "products", "1000000009", spec); err != nil {
		w.t.Fatal(err)
	}
}

// A service that moves to a partner in production takes no product there that nobody accepted.
func TestGateOfAService(t *testing.T) {
	w := newWorld(t)
	root := admin.Actor{Name: "root", Role: admin.Admin}
	w.Apply("partners", "60000", strings.Replace(partner, "STAGING", "PROD", 1))
	move := func() error {
		_, err := w.Put(t.Context(), root, "services", "2000001784", json.RawMessage(`{"partner":"60000","name":"Juegos","shortCodes":["8888"]}`))
		return err
	}
	err := move()
	if !errors.Is(err, problem.Invalid) || problem.Of(err).Fields[0].Path != "partner" {
		t.Fatalf("%v", err)
	}
	w.mustSign("60000", `{"by":"Ana","reason":"moved with its contract","waiver":true}`)
	if err := move(); err != nil {
		t.Error(err)
	}
}
