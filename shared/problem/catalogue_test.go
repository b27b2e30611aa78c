package problem_test

import (
	"testing"

	"puente/shared/problem"
)

// TestEveryKindIsExplained holds the catalogue to the kinds: a new one has a meaning, somebody who
// acts, and an answer to whether to try again.
func TestEveryKindIsExplained(t *testing.T) {
	seen := make(map[string]bool)
	own := problem.Entry{Code: "TREE_TOO_TALL", Status: 409, Meaning: "The tree is too tall.", Acts: "caller", Retry: "no"}
	for _, e := range problem.Catalogue(own, own) {
		if e.Code == "" || e.Meaning == "" || e.Acts == "" || e.Retry == "" || e.Status < 400 {
			t.Errorf("entry %+v", e)
		}
		seen[e.Code] = true
	}
	for _, code := range []string{"BAD_REQUEST", "TOO_MANY_REQUESTS", "GATEWAY_TIMEOUT", "TREE_TOO_TALL"} {
		if !seen[code] || len(problem.Explain(code, own, own)) == 0 {
			t.Errorf("%s is not explained", code)
		}
	}
	if len(problem.Explain("NO_SUCH_CODE")) != 0 {
		t.Error("an unknown code is explained")
	}
}
