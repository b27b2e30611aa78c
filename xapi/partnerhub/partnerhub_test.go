package partnerhub

import (
	"net/netip"
	"testing"
	"time"

	"puente/contracts/papi/subscription"
	"puente/shared/access"
	"puente/shared/admin"
	"puente/test/apitest"
)

// callers are those of the conversations. Acme is what a partner's client is: bound to no system, with a
// contract for this API.
func callers() access.Entities {
	minute := admin.Duration(time.Minute)
	e := access.Entities{
		Tiers: []admin.Named[access.TierSpec]{{ID: "two", Spec: access.TierSpec{Limits: []access.LimitSpec{{Requests: 2, Window: minute}}}}},
	}
	add := func(id, tier string, change func(*access.ClientSpec)) {
		spec := access.ClientSpec{Name: id, Contracts: []access.ContractSpec{{API: "partnerhub", Tier: tier}}}
		if change != nil {
			change(&spec)
		}
		e.Clients = append(e.Clients, admin.Named[access.ClientSpec]{ID: id, Spec: spec})
	}
	add("acme", "default", nil)
	add("hurried", "two", nil)
	add("bound", "default", func(c *access.ClientSpec) { c.Systems = []string{"TIENDA"} })
	add("uncontracted", "default", func(c *access.ClientSpec) { c.Contracts = nil })
	add("suspended", "default", func(c *access.ClientSpec) { c.Status = access.Suspended })
	add("elsewhere", "default", func(c *access.ClientSpec) { c.Addresses = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} })
	return e
}

func TestConversations(t *testing.T) {
	apitest.Run(t, API, "testdata/*.txtar", apitest.Below(&subscription.Contract), apitest.Seed(callers()))
}

func TestSwitchedOff(t *testing.T) {
	off := callers()
	off.Switches = []admin.Named[access.SwitchSpec]{{ID: "cancellations", Spec: access.SwitchSpec{
		API: "partnerhub", Operation: "subOptOut", Off: true, Reason: "maintenance", RetryAfter: admin.Duration(2 * time.Minute),
	}}}
	apitest.Run(t, API, "testdata/off/*.txtar", apitest.Below(&subscription.Contract), apitest.Seed(off))
}
