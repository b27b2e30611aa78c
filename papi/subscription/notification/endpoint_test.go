package notification

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"puente/papi/subscription/catalogue/cataloguetest"
	"puente/shared/outbox"
	"puente/shared/webhook"
)

// asked keeps what it was to send to.
type asked struct{ to webhook.Endpoint }

func (a *asked) Send(_ context.Context, to webhook.Endpoint, _ string, _ []byte) outbox.Result {
	a.to = to
	return outbox.Result{Outcome: outbox.Delivered}
}

// A partner is told as its document says: signed by both schemes, under the certificate that it knows the hub by.
func TestSignedAndKnown(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := func(kind string, b []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
	}
	c := cataloguetest.Sample(t)
	c.Apply("partners", "52272", fmt.Sprintf(`{"name":"Juegos SpA","country":"CL","environment":"PROD","redirect":{},"notify":{"chargeUrl":"https://a.example/c",
		"secrets":["whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3","whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="],"clientCertificate":{"certificate":%q,"key":%q}}}`,
		text("CERTIFICATE", der), text("PRIVATE KEY", private)))
	var a asked
	NewDelivery(c.Store, &a, nil).Owner().Send(t.Context(), outbox.Event{Destination: "partner/52272/charge"}, 1)
	if a.to.URL != "https://a.example/c" || len(a.to.Secrets) != 2 || a.to.Secrets[1].Public() != "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=" {
		t.Errorf("%+v", a.to)
	}
	if _, err := webhook.ParseCertificate(a.to.Certificate.Chain.Reveal(), a.to.Certificate.Key.Reveal()); err != nil {
		t.Error(err)
	}
}

// Each endpoint has a secret of its own, where its document gives one: who knows that of one cannot speak to another.
func TestEachEndpointsSecret(t *testing.T) {
	c := cataloguetest.Sample(t)
	secret := func(letter string) string {
		return "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(letter, 24)))
	}
	partner := func(more string) string {
		return fmt.Sprintf(`{"name":"Juegos SpA","country":"CL","environment":"STAGING","redirect":{},"notify":{"subscriptionUrl":"https://a.example/s","chargeUrl":"https://a.example/c","secrets":[%q]%s}}`, secret("a"), more)
	}
	product := func(more string) string {
		return `{"service":"2000001784","name":"Canje","kind":"CONTEST","type":"ONESHOT","pricePoints":[{"id":201509,"amount":500}]` + more + `}`
	}
	for _, test := range []struct {
		name, partner, product string
		want                   map[string]string // letter of the secret by destination
	}{
		{"one for all", "", `,"notifyChargeUrl":"https://b.example/c"`,
			map[string]string{"partner/52272/subscription": "a", "partner/52272/charge": "a", "product/1000000003/charge": "a"}},
		{"one of charges", fmt.Sprintf(`,"chargeSecrets":[%q]`, secret("b")), `,"notifyChargeUrl":"https://b.example/c","notifySubscriptionUrl":"https://b.example/s"`,
			map[string]string{"partner/52272/subscription": "a", "partner/52272/charge": "b", "product/1000000003/charge": "b", "product/1000000003/subscription": "a"}},
		{"one of the product's", fmt.Sprintf(`,"chargeSecrets":[%q]`, secret("b")), fmt.Sprintf(`,"notifyChargeUrl":"https://b.example/c","notifySecrets":[%q]`, secret("c")),
			map[string]string{"partner/52272/charge": "b", "product/1000000003/charge": "c", "product/1000000003/subscription": "a"}},
		{"one of the product's charges", "", fmt.Sprintf(`,"notifyChargeUrl":"https://b.example/c","notifySubscriptionUrl":"https://b.example/s","notifySecrets":[%q],"notifyChargeSecrets":[%q]`, secret("c"), secret("d")),
			map[string]string{"partner/52272/charge": "a", "product/1000000003/charge": "d", "product/1000000003/subscription": "c"}},
	} {
		c.Apply("partners", "52272", partner(test.partner))
		c.Apply("products", "1000000003", product(test.product))
		for destination, letter := range test.want {
			var a asked
			NewDelivery(c.Store, &a, nil).Owner().Send(t.Context(), outbox.Event{Destination: destination}, 1)
			want, err := webhook.ParseSecret(secret(letter))
			if err != nil {
				t.Fatal(err)
			}
			h := http.Header{}
			webhook.Sign(h, "id", time.Now(), []byte("{}"), a.to.Secrets...)
			if err := webhook.Verify(h, time.Now(), []byte("{}"), want); err != nil || len(a.to.Secrets) != 1 {
				t.Errorf("%s: %s: %v", test.name, destination, err)
			}
		}
	}
}
