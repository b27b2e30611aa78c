package salesorder

import (
	"testing"

	"puente/test/apitest"
)

// play runs the API with a BotService that the player plays, without what would let one conversation
// show in the next: no circuit opens, nothing is retried, and nobody asks in the background.
func play(t *testing.T, pattern string, opts ...apitest.Option) {
	t.Helper()
	apitest.Run(t, API, pattern, append([]apitest.Option{
		apitest.Backend("botservice", "sapi.salesorder.http.url"),
		apitest.Setting("sapi.salesorder.http.retries", 0),
		apitest.Setting("sapi.salesorder.http.breaker.off", true),
		apitest.Setting("sapi.salesorder.portIn.inquire", "24h"),
	}, opts...)...)
}

func TestConversations(t *testing.T) { play(t, "testdata/*.txtar") }

func TestToken(t *testing.T) {
	play(t, "testdata/token/*.txtar", apitest.Setting("sapi.salesorder.token", "botservice-key"))
}

func TestRefusedConnection(t *testing.T) {
	apitest.Run(t, API, "testdata/refused/*.txtar",
		apitest.Setting("sapi.salesorder.http.url", "http://127.0.0.1:1"), // where nobody listens
		apitest.Setting("sapi.salesorder.http.breaker.off", true))
}

func TestCircuit(t *testing.T) {
	play(t, "testdata/circuit/*.txtar", apitest.Setting("sapi.salesorder.http.breaker.off", false),
		apitest.Setting("sapi.salesorder.http.breaker.consecutive", 2), apitest.Setting("sapi.salesorder.http.breaker.openFor", "1m"))
}

func TestRetries(t *testing.T) {
	play(t, "testdata/retry/*.txtar", apitest.Setting("sapi.salesorder.http.retries", 1))
}
