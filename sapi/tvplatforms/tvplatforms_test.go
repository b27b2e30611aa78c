package tvplatforms

import (
	"testing"

	"puente/test/apitest"
)

// play runs the API with platforms that the player plays, those of a technology at one address, without
// what would let one conversation show in the next: no circuit opens, and nothing is retried.
func play(t *testing.T, pattern string, opts ...apitest.Option) {
	t.Helper()
	var all []apitest.Option
	for _, technology := range []string{"ftth", "hfc", "iptv"} {
		section := "sapi.tvplatforms." + technology + ".http."
		all = append(all, apitest.Backend(technology, section+"url"),
			apitest.Setting(section+"retries", 0), apitest.Setting(section+"breaker.off", true))
	}
	apitest.Run(t, API, pattern, append(all, opts...)...)
}

func TestConversations(t *testing.T) { play(t, "testdata/*.txtar") }

func TestToken(t *testing.T) {
	play(t, "testdata/token/*.txtar", apitest.Setting("sapi.tvplatforms.ftth.token", "the-key"))
}

func TestRetries(t *testing.T) {
	play(t, "testdata/retry/*.txtar", apitest.Setting("sapi.tvplatforms.ftth.http.retries", 1),
		apitest.Setting("sapi.tvplatforms.hfc.http.retries", 1), apitest.Setting("sapi.tvplatforms.iptv.http.retries", 1))
}

func TestCircuit(t *testing.T) {
	const section = "sapi.tvplatforms.ftth."
	play(t, "testdata/circuit/*.txtar", apitest.Setting(section+"http.breaker.off", false),
		apitest.Setting(section+"channels.breaker.consecutive", 2), apitest.Setting(section+"channels.breaker.openFor", "1m"))
}

// Without an address there is no access, but for the platforms that have one of their own.
func TestNoAccess(t *testing.T) {
	apitest.Run(t, API, "testdata/none/*.txtar", apitest.Backend("iptv", "sapi.tvplatforms.iptv.devices.url"))
}

func TestRefusedConnection(t *testing.T) {
	var all []apitest.Option
	for _, technology := range []string{"ftth", "hfc", "iptv"} {
		section := "sapi.tvplatforms." + technology + ".http."
		all = append(all, apitest.Setting(section+"url", "http://127.0.0.1:1"), // where nobody listens
			apitest.Setting(section+"breaker.off", true))
	}
	apitest.Run(t, API, "testdata/refused/*.txtar", all...)
}
