package inventory

import (
	"testing"

	"puente/test/apitest"
)

// play runs the API with an inventory that the player plays, without what would let one conversation
// show in the next: no circuit opens, and nothing is retried.
func play(t *testing.T, pattern string, opts ...apitest.Option) {
	t.Helper()
	apitest.Run(t, API, pattern, append([]apitest.Option{
		apitest.Backend("inventory", "sapi.inventory.http.url"),
		apitest.Backend("television", "sapi.inventory.television.url"),
		apitest.Setting("sapi.inventory.http.retries", 0), apitest.Setting("sapi.inventory.television.retries", 0),
		apitest.Setting("sapi.inventory.http.breaker.off", true), apitest.Setting("sapi.inventory.television.breaker.off", true),
	}, opts...)...)
}

func TestConversations(t *testing.T) { play(t, "testdata/*.txtar") }

func TestToken(t *testing.T) {
	play(t, "testdata/token/*.txtar", apitest.Setting("sapi.inventory.token", "the-key"))
}

func TestRefusedConnection(t *testing.T) {
	apitest.Run(t, API, "testdata/refused/*.txtar",
		apitest.Setting("sapi.inventory.http.url", "http://127.0.0.1:1"), // where nobody listens, nor for television
		apitest.Setting("sapi.inventory.http.breaker.off", true), apitest.Setting("sapi.inventory.television.breaker.off", true))
}

func TestCircuit(t *testing.T) {
	play(t, "testdata/circuit/*.txtar", apitest.Setting("sapi.inventory.http.breaker.off", false),
		apitest.Setting("sapi.inventory.http.breaker.consecutive", 2), apitest.Setting("sapi.inventory.http.breaker.openFor", "1m"))
}

func TestRetries(t *testing.T) {
	play(t, "testdata/retry/*.txtar", apitest.Setting("sapi.inventory.http.retries", 1), apitest.Setting("sapi.inventory.television.retries", 1))
}
