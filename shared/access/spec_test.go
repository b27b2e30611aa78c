package access

import (
	"encoding/json"
	"slices"
	"testing"

	"puente/shared/problem"
)

// TestSpecRules reads each spec as the admin API does and compares what is refused.
func TestSpecRules(t *testing.T) {
	resources := Resources(&Store{}) // Check needs no database
	for name, c := range map[string]struct {
		kind, spec string
		want       []string
	}{
		"tier":                {"Tier", `{"limits":[{"requests":1000,"window":"1m"},{"requests":50,"window":"1s"}]}`, nil},
		"tier without limits": {"Tier", `{"limits":[]}`, []string{"limits must not be empty"}},
		"tier, broken limits": {"Tier", `{"limits":[{"requests":0,"window":"1s"},{"requests":1,"window":"1s"},{"requests":1,"window":"500ms"}]}`, []string{
			"limits[0].window must be from 1s to 744h", "limits[1].requests must be positive", "limits[2].window has a limit already"}},
		"system":                              {"System", `{}`, nil},
		"system, no API at all":               {"System", `{"apis":[]}`, []string{"apis must not be empty: leave it out for all"}},
		"system, default channel not allowed": {"System", `{"channels":["web"],"channel":"kiosk"}`, []string{"channel must be one of channels"}},
		"system, channel twice":               {"System", `{"channels":["web","WEB"]}`, []string{"channels[1] is given twice"}},
		"client":                              {"Client", `{"name":"Tienda","addresses":["10.0.0.0/8","2001:db8::/32"],"contracts":[{"api":"portabilities","tier":"default"}]}`, nil},
		"client, address with host part":      {"Client", `{"name":"T","addresses":["10.0.0.1/8"]}`, []string{"addresses[0] must be a network such as 10.0.0.0/8"}},
		"client, no network":                  {"Client", `{"name":"T","addresses":["all"]}`, []string{"addresses[0] must be a valid prefix"}},
		"client, two contracts for an API": {"Client", `{"name":"T","contracts":[{"api":"a","tier":"x"},{"api":"a","tier":"y"}]}`, []string{
			"contracts[1].api has a contract already"}},
		"client, unknown states": {"Client", `{"status":"gone","contracts":[{"api":"A","status":"maybe"}]}`, []string{
			"name is required", "status must be active or suspended", "contracts[0].api must match ^[a-z][a-z0-9-]{0,49}$",
			"contracts[0].tier is required", "contracts[0].status must be approved, pending or revoked"}},
		"switch":              {"Switch", `{"api":"*","channel":"*","off":true,"reason":"night","from":"2026-11-21T22:00:00-05:00","until":"2026-11-22T05:00:00-05:00"}`, nil},
		"switch of nothing":   {"Switch", `{"off":true,"reason":"x"}`, []string{"api must be * or match ^[a-z][a-z0-9-]{0,49}$"}},
		"switch, no reason":   {"Switch", `{"api":"a","off":true}`, []string{"reason is required to turn something off"}},
		"switch, no calendar": {"Switch", `{"api":"a","from":"2026-11-21T22:00:00Z","until":"2026-11-21T22:00:00Z"}`, []string{"until must be after from"}},
		"switch, pattern":     {"Switch", `{"api":"a","operation":"get*"}`, []string{"operation must be * or a whole operationId"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, r := range resources {
				if r.Kind != c.kind {
					continue
				}
				_, err := r.Check("x", json.RawMessage(c.spec))
				var got []string
				if err != nil {
					for _, f := range problem.Of(err).Fields {
						got = append(got, f.String())
					}
				}
				if !slices.Equal(got, c.want) {
					t.Fatalf("got %q, want %q", got, c.want)
				}
			}
		})
	}
}
