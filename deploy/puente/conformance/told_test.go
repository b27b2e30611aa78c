package conformance

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/notification"
	"puente/shared/webhook"
	"puente/test/sandbox/partner"
)

// What a notification says wrong is found, and named.
func TestRight(t *testing.T) {
	own, other := catalogue.NewSecret("whsec_"+strings.Repeat("A", 40)), catalogue.NewSecret("whsec_"+strings.Repeat("B", 40))
	secret, err := webhook.ParseSecret(own.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	of := &catalogue.Partner{}
	subject := &trial{product: &product{id: "1020", point: catalogue.PricePoint{ID: 1, Amount: 990}, staged: &catalogue.Product{Service: &catalogue.Service{Partner: of}}}}
	subject.product.partner.id, subject.product.service.id = "52272", "7"
	const (
		good  = `{"userIdentifier":"56900000000","userType":"00","serviceId":7,"productId":1020,"partnerId":52272,"entryChannel":"WEB","tid":"CONFORMANCE","date":"20261126101500","updateType":2,"value":990,"context":0,"shortCode":8888}`
		ahead = 169 * time.Hour
	)
	now := time.Date(2026, 11, 26, 13, 15, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		old, new string
		change   func(*received)
		want     string
	}{
		"right":             {},
		"price":             {"990", "99", nil, "value is 99, not 990"},
		"no price":          {`"value":990,`, ``, nil, "value and context"},
		"user type":         {`"00"`, `"02"`, nil, "userType is 02"},
		"service":           {`"serviceId":7`, `"serviceId":8`, nil, "serviceId 8"},
		"channel":           {"WEB", "SMS", nil, "entryChannel is SMS"},
		"tid":               {"CONFORMANCE", "QWERT", nil, "tid is"},
		"no tid":            {`"tid":"CONFORMANCE",`, ``, nil, "tid is"},
		"date":              {"20261126101500", "2026-11-26", nil, "date is 2026-11-26"},
		"reason":            {`"context":0`, `"context":0,"cancelReason":"MO"`, nil, "cancelReason"},
		"endpoint":          {"", "", func(r *received) { r.Operation = toSubscriptions }, "came to the endpoint"},
		"signature":         {"", "", func(r *received) { r.Body = append(r.Body, ' ') }, "signature"},
		"no signature":      {"", "", func(r *received) { r.Signature = "" }, "signature"},
		"signed long ago":   {"", "", func(r *received) { r.At = r.At.Add(time.Hour) }, "signature"},
		"another's secret":  {"", "", func(*received) { of.Notify.ChargeSecrets = []catalogue.Secret{other} }, "signature"},
		"one secret of two": {"", "", func(*received) { of.Notify.Secrets = []catalogue.Secret{own, other} }, "signature"},
		"unsigned":          {"", "", func(r *received) { r.Signature, of.Notify.Secrets = "", nil }, ""},
	} {
		of.Notify = catalogue.Notify{Secrets: []catalogue.Secret{own}}
		body := []byte(strings.Replace(good, test.old, test.new, 1))
		header := http.Header{}
		webhook.Sign(header, "id", now.Add(ahead), body, secret)
		r := received{Receipt: partner.Receipt{Operation: toCharges, ID: "id", Timestamp: header.Get(webhook.HeaderTimestamp), Signature: header.Get(webhook.HeaderSignature), Body: body, At: now}}
		if err := json.Unmarshal(body, &r.notice); err != nil {
			t.Fatal(err)
		}
		if test.change != nil {
			test.change(&r)
		}
		err := subject.right(r, expected{notification.Charged, notification.First}, ahead)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
