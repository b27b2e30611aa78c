package portabilities

import (
	"testing"

	"puente/shared/contract/contracttest"
)

func TestGoSideIsTheDocument(t *testing.T) {
	contracttest.Compare(t, spec, map[string]any{
		"Request": Request{}, "Order": Order{}, "StatusRequest": StatusRequest{},
		"Response": Response{}, "ResponseHeader": ResponseHeader{}, "System": System{},
		"Service": Service{}, "StatusDetail": StatusDetail{}, "Property": Property{},
	})
}
