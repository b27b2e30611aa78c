package tvplatforms

import (
	"testing"

	"puente/shared/contract/contracttest"
)

func TestGoSideIsTheDocument(t *testing.T) {
	contracttest.Compare(t, spec, map[string]any{
		"AccessQuery": AccessQuery{}, "Access": Access{}, "HoldingQuery": HoldingQuery{}, "Holding": Holding{}, "Change": Change{}, "Changed": Changed{},
	},
		[]Technology{TechnologyFTTH, TechnologyHFC, TechnologyIPTV},
		[]Platform{PlatformSubscribers, PlatformChannels, PlatformServices, PlatformDevices})
}
