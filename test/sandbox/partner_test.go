package sandbox_test

import (
	"strings"
	"testing"

	"puente/test/sandbox"
	"puente/test/sandbox/sandboxtest"
)

func TestPartner(t *testing.T) {
	s := sandboxtest.Start(t, sandbox.Config{})
	const subscriptions = "/partner/52272/subscriptions"
	says(t, s, "POST", subscriptions, `{"updateType":0}`, 200, `{"message":"Operación con éxito","status":"0"}`)
	says(t, s, "POST", "/partner/52272/charges", `{"updateType":2}`, 200, `{"message":"Operación con éxito","status":"0"}`)
	if got := call(t.Context(), "POST", s.URL+subscriptions, `{`); got.status != 400 || !strings.Contains(got.body, `"-1"`) {
		t.Errorf("no JSON: %+v", got)
	}
	if got := call(t.Context(), "POST", s.URL+"/_sandbox/partner/settings", `{"status":"7"}`); got.status != 400 {
		t.Errorf("a status that there is none: %+v", got)
	}
	says(t, s, "POST", "/_sandbox/partner/settings", `{"status":"15"}`, 200, `{"status":"15"}`)
	says(t, s, "POST", subscriptions, `{"updateType":1}`, 200, `{"message":"Flujo incorrecto","status":"15"}`)
	got := s.Partner.Receipts()
	if len(got) != 3 || got[0].Partner != "52272" || got[0].Operation != "notifySubscription" || got[1].Operation != "notifyCharge" || string(got[2].Body) != `{"updateType":1}` {
		t.Errorf("%+v", got)
	}
	if page := call(t.Context(), "GET", s.URL+"/partner/52272/return?token=%3Cb%3E&tid=QWERT", ""); page.status != 200 || !strings.Contains(page.body, "&lt;b&gt;") || strings.Contains(page.body, "<b>") {
		t.Errorf("%+v", page)
	}
	if err := s.Partner.Reset(); err != nil || len(s.Partner.Receipts()) != 0 {
		t.Error("receipts are left", err)
	}
}
