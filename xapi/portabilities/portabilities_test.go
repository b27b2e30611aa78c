package portabilities

import (
	"testing"

	"puente/contracts/sapi/salesorder"
	"puente/test/apitest"
)

func TestConversations(t *testing.T) {
	apitest.Run(t, API, "testdata/*.txtar", apitest.Below(&salesorder.Contract))
}
