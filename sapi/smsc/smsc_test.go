package smsc

import (
	"strings"
	"testing"
	"time"

	"puente/shared/config"
	"puente/test/apitest"
)

// play runs the API with a gateway that the player plays, without what would let one conversation show in the
// next: no circuit opens, and nothing is retried.
func play(t *testing.T, pattern string, opts ...apitest.Option) {
	t.Helper()
	apitest.Run(t, API, pattern, append([]apitest.Option{
		apitest.Backend("kannel", "sapi.smsc.http.url"),
		apitest.Setting("sapi.smsc.username", "puente"), apitest.Setting("sapi.smsc.password", "the-password"),
		apitest.Setting("sapi.smsc.callback", "http://gateway.example.net:8444"),
		apitest.Setting("sapi.smsc.http.breaker.off", true),
	}, opts...)...)
}

func TestConversations(t *testing.T) { play(t, "testdata/*.txtar") }

func TestRefusedConnection(t *testing.T) {
	apitest.Run(t, API, "testdata/refused/*.txtar",
		apitest.Setting("sapi.smsc.http.url", "http://127.0.0.1:1"), // where nobody listens
		apitest.Setting("sapi.smsc.username", "puente"), apitest.Setting("sapi.smsc.password", "the-password"),
		apitest.Setting("sapi.smsc.http.breaker.off", true))
}

func TestNoGateway(t *testing.T) { apitest.Run(t, API, "testdata/none/*.txtar") }

func TestCircuit(t *testing.T) {
	play(t, "testdata/circuit/*.txtar", apitest.Setting("sapi.smsc.http.breaker.off", false),
		apitest.Setting("sapi.smsc.http.breaker.consecutive", 2), apitest.Setting("sapi.smsc.http.breaker.openFor", "1m"))
}

func TestRetries(t *testing.T) {
	play(t, "testdata/retry/*.txtar", apitest.Setting("sapi.smsc.http.retries", 3))
}

func TestCallbacks(t *testing.T) {
	apitest.Run(t, Callbacks, "testdata/callbacks/*.txtar", apitest.Setting("sapi.smsccallbacks.secret", "the-secret-of-the-gateway"))
}

// Without a secret there is none that would be right.
func TestNoSecret(t *testing.T) {
	apitest.Run(t, Callbacks, "testdata/callbacks/none/*.txtar")
}

func TestConfig(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		tells  string
	}{
		"none": {func(*Config) {}, ""},
		"a gateway": {func(c *Config) {
			c.HTTP.URL, c.Username, c.Password = "http://kannel:13013", "u", config.NewSecret("p")
		}, ""},
		"a gateway of nothing": {func(c *Config) { c.HTTP.URL = "ftp://kannel" }, "url"},
		"nobody":               {func(c *Config) { c.HTTP.URL = "http://kannel:13013" }, "username: is required"},
		"a user of nothing":    {func(c *Config) { c.Username = "u" }, "http.url: is required"},
		"a header in a name":   {func(c *Config) { c.SMSC = "x\r\ny: z" }, "smsc: must be printable ASCII"},
		"no URL":               {func(c *Config) { c.Callback = "gateway:80" }, "callback: must be"},
		"a URL with escapes":   {func(c *Config) { c.Callback = "http://gateway/%20" }, "callback: must be"},
		"nothing is kept":      {func(c *Config) { c.Keep.Inbound = time.Second }, "keep: "},
	} {
		cfg := defaults()
		c.change(&cfg)
		err := cfg.Validate()
		if c.tells == "" && err != nil || c.tells != "" && (err == nil || !strings.Contains(err.Error(), c.tells)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for tells, c := range map[string]CallbacksConfig{
		"":           {Secret: config.NewSecret("the-secret-of-the-gateway"), Redelivery: time.Second},
		"secret":     {Secret: config.NewSecret("short"), Redelivery: time.Second},
		"redelivery": {},
	} {
		if err := c.Validate(); (err == nil) != (tells == "") || err != nil && !strings.Contains(err.Error(), tells) {
			t.Errorf("%s: %v", tells, err)
		}
	}
}
