package oauth2

import (
	"testing"

	"puente/test/apitest"
)

// play runs the API with a provider that the player plays; neither retries nor circuits let one
// conversation show in the next.
func play(t *testing.T, pattern string, opts ...apitest.Option) {
	t.Helper()
	apitest.Run(t, API, pattern, append([]apitest.Option{
		apitest.Backend("provider", "sapi.oauth2.http.url"),
		apitest.Setting("sapi.oauth2.http.retries", 0),
		apitest.Setting("sapi.oauth2.http.breaker.off", true),
		apitest.Setting("sapi.oauth2.issuer", "https://provider.example"),
		apitest.Setting("sapi.oauth2.audience", "puente"),
		apitest.Setting("sapi.oauth2.introspection.client", "puente:1"), // encoded by RFC 6749 §2.3.1
		apitest.Setting("sapi.oauth2.introspection.secret", "s+cret"),
	}, opts...)...)
}

func TestIntrospection(t *testing.T) { play(t, "testdata/introspection/*.txtar") }

func TestSilentProvider(t *testing.T) {
	play(t, "testdata/silent/*.txtar", apitest.Setting("sapi.oauth2.introspection.optional", []string{"aud", "iss"}))
}

// The tokens of these conversations live until the year 2100.
func TestJWT(t *testing.T) {
	play(t, "testdata/jwt/*.txtar", apitest.Setting("sapi.oauth2.maxLife", "876000h"))
}
