package subscriber

import (
	"strings"
	"testing"

	"puente/test/apitest"
)

// play runs the API with a directory that the player plays, without what would let one conversation show
// in the next: no circuit opens, and nothing is retried.
func play(t *testing.T, pattern string, opts ...apitest.Option) {
	t.Helper()
	apitest.Run(t, API, pattern, append([]apitest.Option{
		apitest.Backend("subscriber", "sapi.subscriber.http.url"),
		apitest.Backend("subscriber_events", "sapi.subscriber.events.url"),
		apitest.Setting("sapi.subscriber.http.retries", 0), apitest.Setting("sapi.subscriber.events.retries", 0),
		apitest.Setting("sapi.subscriber.http.breaker.off", true), apitest.Setting("sapi.subscriber.events.breaker.off", true),
	}, opts...)...)
}

func TestConversations(t *testing.T) { play(t, "testdata/*.txtar") }

func TestToken(t *testing.T) {
	play(t, "testdata/token/*.txtar", apitest.Setting("sapi.subscriber.token", "the-key"))
}

func TestRefusedConnection(t *testing.T) {
	apitest.Run(t, API, "testdata/refused/*.txtar",
		apitest.Setting("sapi.subscriber.http.url", "http://127.0.0.1:1"), // where nobody listens, nor for events
		apitest.Setting("sapi.subscriber.http.breaker.off", true), apitest.Setting("sapi.subscriber.events.breaker.off", true))
}

func TestNoDirectory(t *testing.T) { apitest.Run(t, API, "testdata/none/*.txtar") }

func TestCircuit(t *testing.T) {
	play(t, "testdata/circuit/*.txtar", apitest.Setting("sapi.subscriber.events.breaker.off", false),
		apitest.Setting("sapi.subscriber.events.breaker.consecutive", 2), apitest.Setting("sapi.subscriber.events.breaker.openFor", "1m"))
}

func TestRetries(t *testing.T) {
	play(t, "testdata/retry/*.txtar", apitest.Setting("sapi.subscriber.http.retries", 1), apitest.Setting("sapi.subscriber.events.retries", 1))
}

func TestValidate(t *testing.T) {
	cfg := defaults()
	if err := cfg.Validate(); err != nil {
		t.Errorf("nothing configured: %v", err)
	}
	cfg.Operator, cfg.Events.URL, cfg.HTTP.Retries = "Entel Chile", "events.example.net", -1
	err := cfg.Validate()
	if err == nil {
		t.Fatal("accepted")
	}
	for _, part := range []string{"operator: ", "events: url", "http.url: is required beside", "retries"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("no word of %q in %v", part, err)
		}
	}
}
