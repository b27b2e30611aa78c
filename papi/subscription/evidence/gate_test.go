package evidence_test

import (
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
