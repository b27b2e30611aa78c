package notification

import (
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"

	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/catalogue/cataloguetest"
)

// sample is the source document's product.
func sample(t testing.TB) *catalogue.Product {
	t.Helper()
	product, ok := cataloguetest.Sample(t).Snapshot().Product(1000000001)
	if !ok {
		t.Fatal("the product is not there")
	}
	return product
}

// The source document's three notifications, but for what its tables say otherwise: date and channel in all,
// updateType 2 of a charge.
func TestBodies(t *testing.T) {
	product := sample(t)
	at := time.Date(2022, 1, 1, 13, 0, 0, 0, time.UTC) // 10:00 in Santiago's summer
	base := Notice{Product: product, MSISDN: "56912345678", UserType: "02", Channel: "WEB", TID: "QWERT", At: at}
	for name, c := range map[string]struct {
		change func(*Notice)
		want   string
	}{
		"subscribe": {func(n *Notice) { n.Kind = Subscribed },
			`{"userIdentifier":"56912345678","userType":"02","serviceId":2000001784,"productId":1000000001,"partnerId":52272,"entryChannel":"WEB","tid":"QWERT","date":"20220101100000","updateType":0}`},
		"unsubscribe by SMS": {func(n *Notice) { n.Kind, n.Reason = Unsubscribed, "MO" },
			`{"userIdentifier":"56912345678","userType":"02","serviceId":2000001784,"productId":1000000001,"partnerId":52272,"entryChannel":"WEB","tid":"QWERT","date":"20220101100000","updateType":1,"cancelReason":"MO"}`},
		"unsubscribe by the partner": {func(n *Notice) { n.Kind, n.TID = Unsubscribed, "" },
			`{"userIdentifier":"56912345678","userType":"02","serviceId":2000001784,"productId":1000000001,"partnerId":52272,"entryChannel":"WEB","date":"20220101100000","updateType":1}`},
		"charge": {func(n *Notice) {
			n.Kind, n.Channel, n.TID, n.Amount, n.ShortCode, n.Reason = Charged, "SMS", "", 990, "8888", "MO"
		}, `{"userIdentifier":"56912345678","userType":"02","serviceId":2000001784,"productId":1000000001,"partnerId":52272,"entryChannel":"SMS","date":"20220101100000","updateType":2,"value":990,"context":0,"shortCode":8888}`},
		"failed charge": {func(n *Notice) { n.Kind, n.Amount, n.Context, n.TID = Failed, 990, OneShot, "" },
			`{"userIdentifier":"56912345678","userType":"02","serviceId":2000001784,"productId":1000000001,"partnerId":52272,"entryChannel":"WEB","date":"20220101100000","updateType":-1,"value":0,"context":2}`},
	} {
		n := base
		c.change(&n)
		if body, err := n.Body(); err != nil || string(body) != c.want {
			t.Errorf("%s: %s %v\nwant %s", name, body, err, c.want)
		}
	}
}

func TestTIDAsNumber(t *testing.T) {
	product := sample(t)
	product.Partner().TIDAsNumber = true
	for tid, want := range map[string]string{"12": `12`, "012": `"012"`, "QWERT": `"QWERT"`, "99999999999999999999": `"99999999999999999999"`} {
		n := Notice{Product: product, TID: tid, Kind: Subscribed}
		if body, err := n.Body(); err != nil || !strings.Contains(string(body), `"tid":`+want+`,`) {
			t.Errorf("%s: %s %v", tid, body, err)
		}
	}
}

func TestInvariant11CancelReason(t *testing.T) {
	product := sample(t)
	rapid.Check(t, func(t *rapid.T) {
		n := Notice{
			Product: product, Kind: rapid.SampledFrom([]Kind{Failed, Subscribed, Unsubscribed, Charged}).Draw(t, "kind"),
			Reason: rapid.SampledFrom([]string{"", "MO", "LIFECYCLE", "OPTOUT_API"}).Draw(t, "reason"), TID: rapid.StringMatching(`[A-Za-z0-9._~-]{0,64}`).Draw(t, "tid"),
			Amount: rapid.Int64Range(0, 1e9).Draw(t, "amount"), ShortCode: rapid.SampledFrom([]string{"", "8888"}).Draw(t, "short code"),
		}
		body, err := n.Body()
		if err != nil {
			t.Fatal(err)
		}
		var told map[string]any
		if err := json.Unmarshal(body, &told); err != nil {
			t.Fatal(err)
		}
		reason, has := told["cancelReason"]
		if has && (told["updateType"] != 1.0 || reason != "MO" && reason != "LIFECYCLE") {
			t.Fatalf("%s", body)
		}
		if _, charge := told["value"]; charge != (n.Kind == Charged || n.Kind == Failed) {
			t.Fatalf("%s", body)
		}
	})
}

// Where a partner is told is looked up when it is told, so that what waits follows an endpoint that moved.
func TestEndpoints(t *testing.T) {
	product := sample(t)
	product.Partner().Notify.SubscriptionURL, product.Partner().Notify.ChargeURL = "https://a.example/s", "https://a.example/c"
	for _, c := range []struct {
		kind Kind
		own  string
		want string
	}{
		{Subscribed, "", "partner/52272/subscription"}, {Unsubscribed, "", "partner/52272/subscription"}, {Charged, "", "partner/52272/charge"}, {Failed, "", "partner/52272/charge"},
		{Charged, "https://b.example/c", "product/1000000001/charge"},
	} {
		product.NotifyChargeURL = c.own
		if got := destination(&Notice{Kind: c.kind, Product: product}); got != c.want {
			t.Errorf("%d: %s", c.kind, got)
		}
	}
}

// What a partner's document says of calls at a time holds for its endpoints and those of its products together.
func TestConcurrency(t *testing.T) {
	c := cataloguetest.Sample(t)
	c.Apply("partners", "52272", `{"name":"Juegos SpA","country":"CL","environment":"PROD","notify":{"concurrency":7},"redirect":{}}`)
	owner := NewDelivery(c.Store, nil, nil).Owner()
	for _, name := range []string{"partner/52272/subscription", "partner/52272/charge", "product/1000000001/charge"} {
		if group, places := owner.Places(name); group != "52272" || places != 7 {
			t.Errorf("%s: %d of %s", name, places, group)
		}
	}
	if _, places := owner.Places("partner/1/charge"); places != 0 {
		t.Errorf("of nobody: %d", places)
	}
}
