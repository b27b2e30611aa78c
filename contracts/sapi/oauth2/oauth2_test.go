package oauth2

import (
	"testing"

	"puente/shared/contract/contracttest"
)

func TestGoSideIsTheDocument(t *testing.T) {
	contracttest.Compare(t, spec, map[string]any{"Verification": Verification{}, "Verdict": Verdict{}},
		[]Method{MethodJWT, MethodIntrospection})
}
