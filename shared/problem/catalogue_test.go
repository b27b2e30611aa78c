package problem_test

import (
	"testing"

	"puente/shared/problem"
)

// TestEveryKindIsExplained holds the catalogue to the kinds: a new one has a meaning, somebody who
// acts, and an answer to whether to try again.
func TestEveryKindIsExplained(t *testing.T) {
	seen := make(map[string]bool)
	for _, e := range problem.Catalogue() {
		if e.Code == "" || e.Meaning == "" || e.Acts == "" || e.Retry == "" || e.Status < 400 {
			t.Errorf("entry %+v", e)
		}
		seen[e.Code] = true
	}
	for _, code := range []string{"BAD_REQUEST", "TOO_MANY_REQUESTS", "GATEWAY_TIMEOUT", "INVALID_FIELD", "CORRELATION_REUSED"} {
		if !seen[code] || len(problem.Explain(code)) == 0 {
			t.Errorf("%s is not explained", code)
		}
	}
	if len(problem.Explain("NO_SUCH_CODE")) != 0 {
		t.Error("an unknown code is explained")
	}
}
