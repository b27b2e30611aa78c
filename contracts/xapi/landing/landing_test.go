package landing

import (
	"testing"

	"puente/shared/contract/contracttest"
)

func TestGoSideIsTheDocument(t *testing.T) {
	contracttest.Compare(t, spec, map[string]any{"Number": Number{}, "PIN": PIN{}, "Step": Step{}}, []Operator{Own, Other})
}
