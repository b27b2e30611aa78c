package reconnection

import (
	"testing"

	"puente/contracts/sapi/inventory"
	"puente/contracts/sapi/orders"
	"puente/contracts/sapi/pqr"
	"puente/test/apitest"
)

// The systems are played in order, so what is asked of two at once, holder and billing, shows in
// TestBranches only. Nothing is remembered from one conversation to the next, and nobody asks in the
// background.
func TestConversations(t *testing.T) {
	apitest.Run(t, API, "testdata/*.txtar", apitest.Below(&inventory.Contract), apitest.Below(&orders.Contract), apitest.Below(&pqr.Contract),
		apitest.Setting("papi.reconnection.cache.lifetime", "0s"), apitest.Setting("papi.reconnection.suspension.inquire", "24h"))
}
