package portabilities

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"puente/contracts/sapi/salesorder"
	"puente/contracts/xapi/portabilities"
	"puente/shared/access"
	"puente/shared/admin"
	"puente/shared/problem"
	"puente/test/apitest"
)

// callers are those of the conversations beside client tienda.
func callers() access.Entities {
	minute := admin.Duration(time.Minute)
	e := access.Entities{
		Tiers: []admin.Named[access.TierSpec]{{ID: "two", Spec: access.TierSpec{Limits: []access.LimitSpec{{Requests: 2, Window: minute}}}}},
		Systems: []admin.Named[access.SystemSpec]{
			{ID: "MAX", Spec: access.SystemSpec{Channel: "whatsapp", Channels: []string{"whatsapp", "web"}}},
			{ID: "MiETB", Spec: access.SystemSpec{Channel: "portal"}},
			{ID: "KIOSKOS"},
			{ID: "LENTO", Spec: access.SystemSpec{Limits: []access.LimitSpec{{Requests: 2, Window: minute}}}},
			{ID: "DORMIDO", Spec: access.SystemSpec{Status: access.Suspended}},
			{ID: "AJENO", Spec: access.SystemSpec{APIs: []string{"reconexion"}}},
		},
		Switches: []admin.Named[access.SwitchSpec]{{ID: "kiosks", Spec: access.SwitchSpec{
			API: "portabilities", System: "KIOSKOS", Off: true, Reason: "maintenance", RetryAfter: 2 * minute,
		}}},
	}
	add := func(id, tier string, change func(*access.ClientSpec), systems ...string) {
		spec := access.ClientSpec{Name: id, Systems: systems, Contracts: []access.ContractSpec{{API: "portabilities", Tier: tier}}}
		if change != nil {
			change(&spec)
		}
		e.Clients = append(e.Clients, admin.Named[access.ClientSpec]{ID: id, Spec: spec})
	}
	add("several", "default", nil, "MAX", "MiETB")
	add("kiosk", "default", nil, "KIOSKOS")
	add("hurried", "two", nil, "TIENDA")
	add("slow", "default", nil, "LENTO")
	add("slower", "default", nil, "LENTO")
	add("asleep", "default", nil, "DORMIDO")
	add("foreign", "default", nil, "AJENO")
	add("suspended", "default", func(c *access.ClientSpec) { c.Status = access.Suspended }, "TIENDA")
	add("uncontracted", "default", func(c *access.ClientSpec) { c.Contracts = nil }, "TIENDA")
	add("pending", "default", func(c *access.ClientSpec) { c.Contracts[0].Status = access.Pending }, "TIENDA")
	add("revoked", "default", func(c *access.ClientSpec) { c.Contracts[0].Status = access.Revoked }, "TIENDA")
	add("elsewhere", "default", func(c *access.ClientSpec) { c.Addresses = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} }, "TIENDA")
	return e
}

func TestConversations(t *testing.T) {
	apitest.Run(t, API, "testdata/*.txtar", apitest.Below(&salesorder.Contract), apitest.Seed(callers()))
}

func TestSubjectLimit(t *testing.T) {
	apitest.Run(t, API, "testdata/subject/*.txtar", apitest.Below(&salesorder.Contract),
		apitest.Setting("policies.apis.portabilities.subjects", []any{map[string]any{"name": "phone", "member": "phone", "requests": 2, "window": "1m"}}))
}

func TestShedding(t *testing.T) {
	apitest.Run(t, API, "testdata/shed/*.txtar", apitest.Below(&salesorder.Contract), apitest.Setting("shed.inFlight.api", 1))
}

func TestShadow(t *testing.T) {
	apitest.Run(t, API, "testdata/shadow/*.txtar", apitest.Below(&salesorder.Contract), apitest.Setting("policies.apis.portabilities.modes.body", "shadow"))
}

func TestDeniedAddress(t *testing.T) {
	apitest.Run(t, API, "testdata/denied/*.txtar", apitest.Below(&salesorder.Contract), apitest.Setting("policies.deny", []string{"127.0.0.0/8"}))
}

func TestIntentOf(t *testing.T) {
	for _, c := range []struct {
		nip    string
		resend bool
		want   salesorder.Intent
	}{
		{"", false, salesorder.IntentRequestNIP},
		{"", true, salesorder.IntentResendNIP},
		{"12345", false, salesorder.IntentPortIn},
		{"12345", true, ""},
	} {
		got, err := intentOf(portabilities.Request{NIP: c.nip, Resend: c.resend})
		if got != c.want || (err != nil) != (c.want == "") || err != nil && !errors.Is(err, problem.Invalid) {
			t.Errorf("nip %q, resend %v: %s %v, want %q", c.nip, c.resend, got, err, c.want)
		}
	}
}

// The document's sample has 7 fractional digits and the offset of Bogotá.
func TestDatesAreThoseOfTheDocument(t *testing.T) {
	at := time.Date(2025, 3, 9, 16, 12, 53, 849_244_399, time.UTC)
	c := &channel{now: func() time.Time { return at }}
	if got := c.success(t.Context(), "", portabilities.Property{}).Header.Service.ResponseDate; got != "2025-03-09T11:12:53.8492443-05:00" {
		t.Error(got)
	}
}
