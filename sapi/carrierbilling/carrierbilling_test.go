package carrierbilling

import (
	"errors"
	"strings"
	"testing"

	"puente/contracts/sapi/carrierbilling"
	"puente/shared/config"
	"puente/shared/httpclient"
	"puente/shared/problem"
	"puente/test/apitest"
)

// play runs the API with a carrier billing that the player plays, charges and inquiries apart, without what
// would let one conversation show in the next: no circuit opens, and nothing is retried.
func play(t *testing.T, pattern string, opts ...apitest.Option) {
	t.Helper()
	apitest.Run(t, API, pattern, append([]apitest.Option{
		apitest.Backend("carrierbilling", "sapi.carrierbilling.http.url"),
		apitest.Backend("query", "sapi.carrierbilling.query.url"),
		apitest.Setting("sapi.carrierbilling.query.retries", 0),
		apitest.Setting("sapi.carrierbilling.http.breaker.off", true), apitest.Setting("sapi.carrierbilling.query.breaker.off", true),
	}, opts...)...)
}

func TestConversations(t *testing.T) { play(t, "testdata/*.txtar") }

func TestToken(t *testing.T) {
	play(t, "testdata/token/*.txtar", apitest.Setting("sapi.carrierbilling.token", "the-key"))
}

func TestRefusedConnection(t *testing.T) {
	apitest.Run(t, API, "testdata/refused/*.txtar",
		apitest.Setting("sapi.carrierbilling.http.url", "http://127.0.0.1:1"), // where nobody listens, nor for inquiries
		apitest.Setting("sapi.carrierbilling.http.breaker.off", true), apitest.Setting("sapi.carrierbilling.query.breaker.off", true))
}

func TestNoCarrierBilling(t *testing.T) { apitest.Run(t, API, "testdata/none/*.txtar") }

func TestCircuit(t *testing.T) {
	play(t, "testdata/circuit/*.txtar", apitest.Setting("sapi.carrierbilling.http.breaker.off", false),
		apitest.Setting("sapi.carrierbilling.http.breaker.consecutive", 2), apitest.Setting("sapi.carrierbilling.http.breaker.openFor", "1m"))
}

// A charge and a refund are not repeated even where the configuration asks for it.
func TestRetries(t *testing.T) {
	play(t, "testdata/retry/*.txtar", apitest.Setting("sapi.carrierbilling.http.retries", 1), apitest.Setting("sapi.carrierbilling.query.retries", 1))
}

// A typed caller passes no contract check: what breaks the contract is refused here, and never sent.
func TestInvalid(t *testing.T) {
	out := httpclient.New(target, httpclient.Config{URL: "http://127.0.0.1:1"}, httpclient.Deps{}) // where nobody listens: Unavailable
	s := newSystem(out, out)
	for field, spoil := range map[string]func(*carrierbilling.Order){
		"txId":         func(o *carrierbilling.Order) { o.TxID = "../x" },
		"msisdn":       func(o *carrierbilling.Order) { o.MSISDN = "+56912345678" },
		"amount":       func(o *carrierbilling.Order) { o.Amount = 0 },
		"currency":     func(o *carrierbilling.Order) { o.Currency = "" },
		"description":  func(o *carrierbilling.Order) { o.Description = strings.Repeat("ñ", 161) },
		"partnerId":    func(o *carrierbilling.Order) { o.PartnerID = 0 },
		"productId":    func(o *carrierbilling.Order) { o.ProductID = -1 },
		"pricepointId": func(o *carrierbilling.Order) { o.PricepointID = 0 },
		"context":      func(o *carrierbilling.Order) { o.Context = "RENOVACION" },
	} {
		in := sample
		spoil(&in)
		_, err := s.Charge(t.Context(), in)
		refused(t, err, field)
	}
	for _, txID := range []string{"", ".", "..", "a/b", "a b", strings.Repeat("x", 65)} {
		_, err := s.Query(t.Context(), carrierbilling.ChargeQuery{TxID: txID})
		refused(t, err, "txId")
		_, err = s.Refund(t.Context(), carrierbilling.RefundOrder{TxID: txID, RefundID: "r", Amount: 1})
		refused(t, err, "txId")
	}
	_, err := s.Refund(t.Context(), carrierbilling.RefundOrder{TxID: "t", RefundID: "?", Amount: 1})
	refused(t, err, "refundId")
	_, err = s.Refund(t.Context(), carrierbilling.RefundOrder{TxID: "t", RefundID: "r", Amount: -1})
	refused(t, err, "amount")
	if _, err := s.Charge(t.Context(), sample); !errors.Is(err, problem.Unavailable) {
		t.Errorf("the sample: %v", err)
	}
}

func refused(t *testing.T, err error, field string) {
	t.Helper()
	if e := problem.Of(err); e == nil || e.Kind != problem.Invalid || len(e.Fields) != 1 || e.Fields[0].Path != field || !carrierbilling.Undone(err) {
		t.Errorf("%s: %v", field, err)
	}
}

func TestConfig(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		tells  string
	}{
		"none":                   {func(*Config) {}, ""},
		"one url":                {func(c *Config) { c.HTTP.URL = "https://dcb.example.net" }, ""},
		"a url of nothing":       {func(c *Config) { c.HTTP.URL = "ftp://dcb" }, "url"},
		"inquiries of nothing":   {func(c *Config) { c.HTTP.URL, c.Query.URL = "https://dcb.example.net", "x" }, "query: url"},
		"inquiries alone":        {func(c *Config) { c.Query.URL = "https://dcb.example.net" }, "http.url: is required"},
		"a token for nobody":     {func(c *Config) { c.Token = config.NewSecret("x") }, "http.url: is required"},
		"inquiries without time": {func(c *Config) { c.Query.Timeout = -1 }, "query: timeout"},
	} {
		cfg := defaults()
		c.change(&cfg)
		err := cfg.Validate()
		if c.tells == "" && err != nil || c.tells != "" && (err == nil || !strings.Contains(err.Error(), c.tells)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
