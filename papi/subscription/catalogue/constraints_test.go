package catalogue

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"

	"puente/shared/admin"
	"puente/shared/problem"
)

// elsewhere is a second partner with what it needs to take over from the first.
const elsewhere = `
kind: Partner
id: "60000"
spec: {name: Otro, country: CL, environment: STAGING, notify: {}, redirect: {}}
---
kind: ShortCode
id: "7777"
spec: {country: CL, optOutWords: [ADIOS], allWord: TODAS}
---
kind: Service
id: "3"
spec: {partner: "60000", name: Otros, shortCodes: ["7777"]}
`

func stocked(t *testing.T) (*Store, *admin.Registry) {
	t.Helper()
	s, r := open(t)
	for _, documents := range []string{shop, elsewhere} {
		if _, err := apply(t, r, documents); err != nil {
			t.Fatal(err)
		}
	}
	return s, r
}

// subscribe has somebody subscribe to the shop's product.
func subscribe(t *testing.T, s *Store) {
	t.Helper()
	consent := uuid.New()
	for _, statement := range []struct {
		text string
		args []any
	}{
		{`INSERT INTO subscription.lines (key, msisdn) VALUES ('a', 'b')`, nil},
		{`INSERT INTO subscription.consents VALUES ($1, (SELECT id FROM subscription.lines), 52272, 2000001784, 1000000003, 201509, 990, 'CLP', 'PIN', now(), '')`, []any{consent}},
		{`INSERT INTO subscription.subscriptions (line_id, partner_id, service_id, product_id, pricepoint_id, consent_id, campaign, channel, short_code, tid, user_type,
			owner_epoch, state, created_at, changed_at, anchor, paid_until, due_at) VALUES ((SELECT id FROM subscription.lines), 52272, 2000001784, 1000000003, 201509, $1, '', 'WEB',
			'8888', '', '02', '', 'SUSPENDED', now(), now(), now(), now(), now())`, []any{consent}},
	} {
		if _, err := s.db.Exec(t.Context(), statement.text, statement.args...); err != nil {
			t.Fatal(err)
		}
	}
}

// change applies the shop with something replaced.
func change(t *testing.T, r *admin.Registry, from, to string) error {
	t.Helper()
	text := strings.Replace(shop, from, to, 1)
	if text == shop {
		t.Fatalf("nothing is %s", from)
	}
	_, err := apply(t, r, text)
	return err
}

// A weekly product that became a daily one charged its subscribers daily. What they agreed to stays while they
// are subscribed, and may change once they are not.
func TestWhatWasAgreedToStays(t *testing.T) {
	for name, c := range map[string]struct{ from, to, path string }{
		"the unit":              {"{unit: MONTH}", "{unit: DAY}", "period"},
		"the count":             {"{unit: MONTH}", "{unit: MONTH, count: 2}", "period"},
		"the type":              {"type: SUBSCRIPTION, period: {unit: MONTH}", "type: ONESHOT", "type, period"},
		"the service":           {`{service: "2000001784"`, `{service: "3"`, "service"},
		"a service's partner":   {`{partner: "52272", name: Juegos`, `{partner: "60000", name: Juegos`, "partner"},
		"the partner's country": {"country: CL\n  environment", "country: PE\n  environment", "country"},
	} {
		t.Run(name, func(t *testing.T) {
			s, r := stocked(t)
			subscribe(t, s)
			if err := change(t, r, c.from, c.to); !errors.Is(err, problem.Conflict) || !strings.Contains(err.Error(), c.path+": must stay") || !strings.Contains(err.Error(), "1000000003") {
				t.Errorf("%v", err)
			}
			if p, _ := s.Snapshot().Product(1000000003); p.Type != Subscription || p.Period.Unit != Month || p.Period.Count != 1 || p.Service.ID != 2000001784 || p.Partner().ID != 52272 || p.Country().Currency != "CLP" {
				t.Errorf("%+v", p)
			}
			if _, err := s.db.Exec(t.Context(), `UPDATE subscription.subscriptions SET state = 'CANCELLED', cancelled_at = now(), due_at = NULL`); err != nil {
				t.Fatal(err)
			}
			if err := change(t, r, c.from, c.to); err != nil {
				t.Errorf("without a subscriber: %v", err)
			}
		})
	}
}

// What nobody agreed to may change, whoever is subscribed.
func TestTheRestMayChange(t *testing.T) {
	s, r := stocked(t)
	subscribe(t, s)
	for from, to := range map[string]string{
		"name: Socio": "name: Otro nombre", "name: Juegos, shortCodes": "status: suspended, name: Juegos, shortCodes", "type: SUBSCRIPTION": "status: withdrawn, type: SUBSCRIPTION",
		"{unit: MONTH}": "{count: 1, unit: MONTH}", // the same
	} {
		if err := change(t, r, from, to); err != nil {
			t.Errorf("%s: %v", to, err)
		}
	}
}

// A keyword names one product on a short code, and is not read as the wish to end subscriptions.
func TestKeywordsMeanOneThing(t *testing.T) {
	_, r := stocked(t)
	product := func(service, keyword string) string {
		return "kind: Product\nid: \"4\"\nspec: {service: \"" + service + "\", name: Otro, kind: VAS, type: SUBSCRIPTION, period: {unit: WEEK}, keyword: " + keyword + ", pricePoints: [{id: 1, amount: 1}]}"
	}
	code := func(spec string) string { return "kind: ShortCode\nid: \"8888\"\nspec: {country: CL, " + spec + "}" }
	for _, c := range []struct{ name, document, path string }{
		{"an opt-out word", product("2000001784", "baja"), "keyword"},
		{"the word for all", product("2000001784", "todo"), "keyword"},
		{"another product's", product("2000001784", "juegos"), "keyword"},
		{"the short code's own opt-out word", product("3", "adios"), "keyword"},
		{"the short code's own word for all", product("3", "todas"), "keyword"},
		{"another short code's opt-out word", product("3", "baja"), ""},
		{"a short code where it is one", "kind: Service\nid: \"3\"\nspec: {partner: \"60000\", name: Otros, shortCodes: [\"7777\", \"8888\"]}", "shortCodes[1]"},
		{"another product's, on another short code", product("3", "juegos"), ""},
		{"a short code where it is another product's", "kind: Service\nid: \"3\"\nspec: {partner: \"60000\", name: Otros, shortCodes: [\"7777\", \"8888\"]}", "shortCodes[1]"},
		{"an opt-out word that is a keyword", code("optOutWords: [SALIR, JUEGOS]"), "optOutWords"},
		{"a word for all that is a keyword", code("allWord: JUEGOS"), "optOutWords"},
		{"a word for all that is an opt-out word", code("allWord: SALIR"), "allWord"},
		{"other words", code("optOutWords: [SALIR, NUNCA]"), ""},
	} {
		_, err := apply(t, r, c.document)
		if c.path == "" && err != nil || c.path != "" && (!errors.Is(err, problem.Invalid) || !strings.Contains(err.Error(), c.path+" must not")) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// A partner in production is told over https, by its products' own endpoints, too.
func TestAProductsOwnEndpointsInProduction(t *testing.T) {
	_, r := stocked(t)
	product := func(service, url string) string {
		return "kind: Product\nid: \"4\"\nspec: {service: \"" + service + "\", name: Otro, kind: VAS, type: SUBSCRIPTION, period: {unit: WEEK}, " + url + ", pricePoints: [{id: 1, amount: 1}]}"
	}
	for _, c := range []struct{ name, document, path string }{
		{"in PROD", product("2000001784", "notifySubscriptionUrl: 'http://socio.example/s'"), "notifySubscriptionUrl must"},
		{"of charges, in PROD", product("2000001784", "notifyChargeUrl: 'http://socio.example/c'"), "notifyChargeUrl must"},
		{"https in PROD", product("2000001784", "notifyChargeUrl: 'https://socio.example/c'"), ""},
		{"in STAGING", product("3", "notifyChargeUrl: 'http://socio.example/c'"), ""},
		{"a partner that goes to PROD with it", strings.Replace(strings.Split(elsewhere, "---")[0], "STAGING", "PROD", 1), "environment must"},
		{"a service that goes to a partner in PROD with it", strings.Replace(strings.Split(elsewhere, "---")[2], "60000", "52272", 1), "partner must"},
		{"a product that goes to one", product("2000001784", "notifyChargeUrl: 'http://socio.example/c'"), "notifyChargeUrl must"},
	} {
		_, err := apply(t, r, c.document)
		if c.path == "" && err != nil || c.path != "" && (!errors.Is(err, problem.Invalid) || !strings.Contains(err.Error(), c.path)) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// A notification URL that would never be called is refused when it is applied, and not days after.
func TestEndpointsThatAreNotCalled(t *testing.T) {
	s, r := stocked(t)
	s.Reach(func(address string) error {
		if strings.Contains(address, ":8443") {
			return errors.New("host and port")
		}
		return nil
	})
	partner := strings.Split(elsewhere, "---")[0]
	const product = "kind: Product\nid: \"4\"\nspec: {service: \"3\", name: Otro, kind: VAS, type: ONESHOT, notifyChargeUrl: 'https://otro.example:8443/c', pricePoints: [{id: 1, amount: 1}]}"
	for _, c := range []struct{ name, document, path string }{
		{"a partner's, called", strings.Replace(partner, "notify: {}", "notify: {subscriptionUrl: 'https://otro.example/s'}", 1), ""},
		{"a partner's", strings.Replace(partner, "notify: {}", "notify: {subscriptionUrl: 'https://otro.example:8443/s'}", 1), "notify.subscriptionUrl must be https on port 443"},
		{"a partner's, of charges", strings.Replace(partner, "notify: {}", "notify: {chargeUrl: 'https://otro.example:8443/c'}", 1), "notify.chargeUrl must be https on port 443"},
		{"a product's", product, "notifyChargeUrl must be https on port 443"},
	} {
		_, err := apply(t, r, c.document)
		if c.path == "" && err != nil || c.path != "" && (!errors.Is(err, problem.Invalid) || !strings.Contains(err.Error(), c.path)) {
			t.Errorf("%s: %v\n%s", c.name, err, c.document)
		}
	}
}

// Nobody is sent to an address in production, so no document names one there.
func TestRedirectsToAddresses(t *testing.T) {
	_, r := stocked(t)
	partner := func(environment, redirect string) string {
		return "kind: Partner\nid: \"60000\"\nspec: {name: Otro, country: CL, environment: " + environment + ", notify: {}, redirect: {" + redirect + "}}"
	}
	for _, c := range []struct{ document, path string }{
		{partner("STAGING", "successUrl: 'https://192.0.2.7/'"), ""},
		{partner("PROD", "successUrl: 'https://otro.example/'"), ""},
		{partner("PROD", "successUrl: 'https://192.0.2.7/'"), "redirect.successUrl must name a host"},
		{partner("PROD", "urls: ['https://[2001:db8::1]:8443/']"), "redirect.urls[0] must name a host"},
	} {
		_, err := apply(t, r, c.document)
		if c.path == "" && err != nil || c.path != "" && (!errors.Is(err, problem.Invalid) || !strings.Contains(err.Error(), c.path)) {
			t.Errorf("%s: %v", c.document, err)
		}
	}
}
