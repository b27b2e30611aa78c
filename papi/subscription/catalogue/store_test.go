package catalogue

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/admin"
	"puente/shared/database"
	"puente/shared/database/databasetest"
	"puente/shared/keyring"
	"puente/shared/problem"
)

var administrator = admin.Actor{Name: "test", Role: admin.Admin}

const (
	whsec  = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
	aesKey = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
)

const shop = `
kind: Campaign
id: juegos
spec: {product: "1000000003"}
---
kind: Partner
id: "52272"
spec:
  name: Socio
  country: CL
  environment: PROD
  notify: {subscriptionUrl: "https://socio.example/sub", secrets: [` + whsec + `]}
  redirect: {keys: [{id: k1, secret: ` + aesKey + `}], urls: ["https://socio.example/volver"]}
---
kind: PartnerClient
id: socio
spec: {partner: "52272", secret: 0123456789abcdef0123, apis: [sendmt, charge]}
---
kind: ShortCode
id: "8888"
spec: {country: CL}
---
kind: Service
id: "2000001784"
spec: {partner: "52272", name: Juegos, shortCodes: ["8888"]}
---
kind: Product
id: "1000000003"
spec: {service: "2000001784", name: Juegos, kind: VAS, type: SUBSCRIPTION, period: {unit: MONTH}, keyword: juegos, pricePoints: [{id: 201509, amount: 990}]}
`

func open(t *testing.T) (*Store, *admin.Registry) {
	t.Helper()
	migrations := database.Migrations{Schema: "subscription", FS: os.DirFS("../sql/migrations")}
	db := databasetest.New(t, migrations)
	ring, err := keyring.Ephemeral()
	if err != nil {
		t.Fatal(err)
	}
	s := NewStore(db, ring, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	r := admin.New(func(context.Context, admin.Change) {})
	if err := r.Add(s.Resources()...); err != nil {
		t.Fatal(err)
	}
	return s, r
}

func apply(t *testing.T, r *admin.Registry, documents string) ([]admin.Result, error) {
	t.Helper()
	entities, err := admin.Documents([]byte(documents))
	if err != nil {
		t.Fatal(err)
	}
	return r.Apply(t.Context(), administrator, entities)
}

// What is applied is found, in whatever order it was written, and applying it again changes nothing.
func TestApply(t *testing.T) {
	s, r := open(t)
	for _, want := range []admin.Outcome{admin.OutcomeCreated, admin.OutcomeUnchanged} {
		results, err := apply(t, r, shop)
		if err != nil || len(results) != 6 {
			t.Fatal(results, err)
		}
		for _, result := range results {
			if result.Outcome != want {
				t.Errorf("%+v, want %s", result, want)
			}
		}
	}
	now := s.Snapshot()
	product, ok := now.Offer(52272, 2000001784, 1000000003)
	if !ok || !product.Active() || product.Country().Currency != "CLP" || product.ShortCode() != "8888" || !product.Through("WAP") {
		t.Fatalf("%+v", product)
	}
	if product.ReminderBefore == 0 {
		t.Error("a monthly product has no reminder")
	}
	if p, ok := now.Keyword("8888", "JUEGOS"); !ok || p != product {
		t.Error("the keyword names nothing")
	}
	if c, ok := now.Campaign("JUEGOS"); !ok || c.Product != product {
		t.Error("the campaign leads nowhere")
	}
	client, ok := now.Client("socio")
	if !ok || !client.Active() || !client.May("charge") || client.May("suboptout") || !client.Secret.Is("0123456789abcdef0123") || client.Secret.Is("0123456789abcdef0124") {
		t.Errorf("%+v", client)
	}
	if got := client.Partner.Notify.Secrets[0].Reveal(); got != whsec {
		t.Errorf("the webhook's secret is %q", got)
	}
	if _, ok := now.Offer(60000, 2000001784, 1000000003); ok {
		t.Error("another partner has the product")
	}
}

// A secret goes in and does not come out; its fingerprint keeps it, also when another one joins it.
func TestSecretsStay(t *testing.T) {
	s, r := open(t)
	if _, err := apply(t, r, shop); err != nil {
		t.Fatal(err)
	}
	for _, resource := range []string{"partners", "partnerclients"} {
		items, err := r.List(t.Context(), resource)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := json.Marshal(items)
		for _, secret := range []string{whsec, aesKey, "0123456789abcdef0123"} {
			if strings.Contains(string(text), secret) {
				t.Errorf("%s show a secret", resource)
			}
		}
	}
	var rows string
	if err := s.db.QueryRow(t.Context(), "select string_agg(c::text, '') from subscription.catalogue c").Scan(&rows); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{whsec, aesKey, "0123456789abcdef0123"} {
		if strings.Contains(rows, secret) {
			t.Error("the table holds a secret")
		}
	}
	kept := NewSecret(whsec).Fingerprint()
	rotated := strings.Replace(shop, "["+whsec+"]", `["`+kept+`", whsec_Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4]`, 1)
	if _, err := apply(t, r, rotated); err != nil {
		t.Fatal(err)
	}
	partner, _ := s.Snapshot().Partner(52272)
	if len(partner.Notify.Secrets) != 2 || partner.Notify.Secrets[0].Reveal() != whsec || partner.Redirect.Keys[0].Secret.Reveal() != aesKey {
		t.Error("a secret was lost")
	}
	unknown := strings.Replace(shop, "["+whsec+"]", `["`+NewSecret("another one").Fingerprint()+`"]`, 1)
	if _, err := apply(t, r, unknown); !errors.Is(err, problem.Invalid) {
		t.Errorf("the fingerprint of a secret that is not kept: %v", err)
	}
}

// A later version that runs beside this one writes members that are not known here: what it wrote is still sold.
func TestALaterVersionsMembersDropNothing(t *testing.T) {
	s, r := open(t)
	if _, err := apply(t, r, shop); err != nil {
		t.Fatal(err)
	}
	if _, err := s.db.Exec(t.Context(), `UPDATE subscription.catalogue SET spec = spec || '{"later": {"is": [1]}}'`); err != nil {
		t.Fatal(err)
	}
	if err := s.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	now := s.Snapshot()
	if p, ok := now.Offer(52272, 2000001784, 1000000003); !ok || !p.Active() || p.Partner().Redirect.Keys[0].Secret.Reveal() != aesKey {
		t.Errorf("%+v", p)
	}
	if _, ok := now.Campaign("juegos"); !ok {
		t.Error("the campaign is left out")
	}
	if _, ok := now.Client("socio"); !ok {
		t.Error("the client is left out")
	}
}

func TestRules(t *testing.T) {
	_, r := open(t)
	for name, c := range map[string]struct{ from, to, path string }{
		"http in production":          {"https://socio.example/sub", "http://socio.example/sub", "notify.subscriptionUrl"},
		"a short webhook secret":      {whsec, "whsec_c2hvcnQ=", "notify.secrets[0]"},
		"a short key":                 {aesKey, "MDEyMzQ1Njc4OWFiY2RlZg==", "redirect.keys[0].secret"},
		"a host of other letters":     {"https://socio.example/volver", "https://soció.example/volver", "redirect.urls[0]"},
		"a place with a space":        {"https://socio.example/volver", "https://socio.example/ volver", "redirect.urls[0]"},
		"a key twice":                 {"secret: " + aesKey + "}", "secret: " + aesKey + "}, {id: k2, secret: " + aesKey + "}", "redirect.keys[1].secret"},
		"no country of ours":          {"country: CL\n  environment", "country: AR\n  environment", "country"},
		"dummy numbers in production": {"environment: PROD", `environment: PROD, sandboxMsisdns: ["5611111111"]`, ""},
		"an API that there is none":   {"apis: [sendmt, charge]", "apis: [refund]", "apis[0]"},
		"a subscription without end":  {"period: {unit: MONTH}, ", "", "period"},
		"a price below nothing":       {"amount: 990", "amount: -1", "pricePoints[0].amount"},
		"a short code of words":       {`id: "8888"`, `id: "88"`, "id"},
		"a service of nobody's":       {`spec: {partner: "52272", name: Juegos`, `spec: {partner: "1", name: Juegos`, "partner"},
		"an unknown member":           {"name: Socio", "nombre: Socio", "nombre"},
	} {
		text := strings.Replace(shop, c.from, c.to, 1)
		if text == shop {
			t.Fatalf("%s: nothing was replaced", name)
		}
		if name == "dummy numbers in production" {
			text = strings.Replace(shop, "  environment: PROD", "  environment: PROD\n  sandboxMsisdns: ['5611111111']", 1)
			c.path = "sandboxMsisdns"
		}
		_, err := apply(t, r, text)
		if !errors.Is(err, problem.Invalid) || !strings.Contains(err.Error(), c.path) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDeleteWhatIsReferredTo(t *testing.T) {
	_, r := open(t)
	if _, err := apply(t, r, shop); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		resource, id string
		want         error
	}{
		{"partners", "52272", problem.Conflict}, {"services", "2000001784", problem.Conflict}, {"products", "1000000003", problem.Conflict}, {"shortcodes", "8888", problem.Conflict},
		{"campaigns", "juegos", nil}, {"products", "1000000003", nil}, {"services", "2000001784", nil}, {"shortcodes", "8888", nil}, {"partners", "52272", problem.Conflict},
		{"partnerclients", "socio", nil}, {"partners", "52272", nil}, {"partners", "52272", problem.NotFound},
	} {
		if err := r.Delete(t.Context(), administrator, c.resource, c.id); !errors.Is(err, c.want) {
			t.Errorf("delete %s %s: %v, want %v", c.resource, c.id, err, c.want)
		}
	}
}
