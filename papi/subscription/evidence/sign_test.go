package evidence_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"puente/papi/subscription/acceptance"
	"puente/shared/admin"
	"puente/shared/problem"
)

const row = "52272.1000000001"

// What people sign has their names and reasons, and is signed once.
func TestSign(t *testing.T) {
	w := newWorld(t)
	signed := `{"by":"Ana Rojas","reason":"seen on her own phone","checks":{"subscription.LPRedirect":"OK Prov","subscription.NotifSub":"OK"},"e2e":"OK","delivery":"02-may"}`
	for _, want := range []admin.Outcome{admin.OutcomeChanged, admin.OutcomeUnchanged} {
		if got, err := w.sign(row, signed); err != nil || got != want {
			t.Fatalf("%s, %v, want %s", got, err, want)
		}
		w.pass(time.Hour)
	}
	got := w.row(row)
	redirect := got.Row.Cells[acceptance.SubscriptionLPRedirect]
	if redirect.State != acceptance.OKProv || redirect.By != "Ana Rojas" || got.Row.Cells[notifSub].State != acceptance.OK || got.Row.E2E != "OK" || got.Row.Delivery != "02-may" {
		t.Errorf("%+v", got.Row)
	}
	if len(got.Evidence) != 2 || len(got.Decisions) != 1 {
		t.Fatalf("%+v", got)
	}
	for _, e := range got.Evidence {
		if e.Source != "person" || e.By != "Ana Rojas" || e.Token != "console" || e.Reason != "seen on her own phone" || !e.Now {
			t.Errorf("%+v", e)
		}
	}
	// What the hub sees is more than what it was told, and what fails is less.
	w.proved(weekly, notifSub)
	if got := w.state(notifSub); got != "OK Prov" {
		t.Error(got)
	}
	if got, err := w.sign(row, signed); err != nil || got != admin.OutcomeUnchanged {
		t.Errorf("again: %s, %v", got, err)
	}
	w.pass(time.Hour)
	w.mustSign(row, `{"by":"Luis","reason":"a customer complained","checks":{"subscription.NotifSub":"NOK"}}`)
	if got := w.state(notifSub); got != "NOK" {
		t.Error(got)
	}
	w.pass(time.Hour)
	if got, err := w.sign(row, signed); err != nil || got != admin.OutcomeChanged || w.state(notifSub) != "OK" {
		t.Errorf("signed after a failure: %s, %v, %s", got, err, w.state(notifSub))
	}
	if got, err := w.sign(row, `{"by":"Ana Rojas","reason":"put off","e2e":"15-ago"}`); err != nil || got != admin.OutcomeChanged {
		t.Errorf("%s, %v", got, err)
	}
	if got := w.row(row); got.Row.E2E != "15-ago" || got.Row.Delivery != "02-may" || len(got.Decisions) != 2 {
		t.Errorf("%+v", got)
	}
	w.mustSign(row, `{"by":"Ana Rojas","reason":"passed","e2e":"OK"}`)
	w.pass(acceptance.Validity)
	if got := w.state(acceptance.SubscriptionLPRedirect); got != "NOK" {
		t.Errorf("half a year later: %s", got)
	}
	w.pass(time.Second)
	if got, err := w.sign(row, signed); err != nil || got != admin.OutcomeChanged || w.state(acceptance.SubscriptionLPRedirect) != "OK Prov" {
		t.Errorf("signed again: %s, %v", got, err)
	}
}

func TestWhatCannotBeSigned(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("a", 301)
	for spec, path := range map[string]string{
		`{"by":"Ana","reason":"r"}`: "spec", `{"by":"Ana","reason":"r","chekcs":{}}`: "spec", `[]`: "spec",
		`{"reason":"r","waiver":true}`: "by", `{"by":"  ","reason":"r","waiver":true}`: "by", `{"by":"Ana","waiver":true}`: "reason",
		`{"by":"Ana","reason":"` + long + `","waiver":true}`: "reason", `{"by":"Ana","reason":"r","e2e":"` + long + `"}`: "e2e",
		`{"by":"Ana","reason":"r","checks":{"subscription.NotifSub":"OK Prov"}}`: "checks.subscription.NotifSub",
		`{"by":"Ana","reason":"r","checks":{"subscription.NotifSub":"n.a."}}`:    "checks.subscription.NotifSub",
		`{"by":"Ana","reason":"r","checks":{"subscription.NotifSub":"ok"}}`:      "checks.subscription.NotifSub",
		`{"by":"Ana","reason":"r","checks":{"subscription.Oneshot":"OK"}}`:       "checks.subscription.Oneshot",
		`{"by":"Ana","reason":"r","checks":{"renewal.Oneshot":"OK"}}`:            "checks.renewal.Oneshot",
	} {
		if _, err := w.sign(row, spec); !errors.Is(err, problem.Invalid) || problem.Of(err).Fields[0].Path != path {
			t.Errorf("%s: %v", spec, err)
		}
	}
	check := `{"by":"Ana","reason":"r","checks":{"subscription.NotifSub":"OK"}}`
	for id, path := range map[string]string{
		"52272": "checks.subscription.NotifSub", row + ".PROD": "checks.subscription.NotifSub", "52272.7": "id", "60000.1000000001": "id", "x": "id", "totals": "id",
		"52272..1000000001": "id", "52272.1000000001.PROD.1": "id", "052272.1000000001": "id", "-1": "id", "52272.1000000001.prod": "id", ".": "id",
	} {
		if _, err := w.sign(id, check); !errors.Is(err, problem.Invalid) || problem.Of(err).Fields[0].Path != path {
			t.Errorf("%s: %v", id, err)
		}
	}
	if _, err := w.sign("60000", `{"by":"Ana","reason":"r","waiver":true}`); !errors.Is(err, problem.Invalid) {
		t.Errorf("a partner that is not there: %v", err)
	}
	if _, err := w.Put(t.Context(), admin.Actor{Name: "eye", Role: admin.Viewer}, "acceptances", row, []byte(check)); !errors.Is(err, problem.Forbidden) {
		t.Errorf("a viewer: %v", err)
	}
	if w.written() != 0 {
		t.Error("something was written")
	}
}
