package server

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"puente/shared/access"
	"puente/shared/admin"
	"puente/shared/hop"
	"puente/shared/policy"
)

// A partner is a client that speaks for no system: where the contract says so it names none. What a
// client does name counts as ever, and so does what it is bound to.
func TestPartnersNeedNoSystem(t *testing.T) {
	spec := strings.Replace(strings.Replace(kiosk, "x-sla:", "x-origin: optional\nx-sla:", 1), "operationId: sendmt,", "operationId: sendmt, x-origin: required,", 1)
	contract := hop.Contract{Layer: "xapi", Name: "kiosk", Spec: []byte(spec)}
	keys := &till{open: map[string]policy.Verdict{}}
	who := func(ctx context.Context, in sale) (sold, error) {
		p := hop.PrincipalOf(ctx)
		return sold{Manner: p.System + "/" + p.Channel, Client: p.Client}, nil
	}
	e := access.Entities{Systems: []admin.Named[access.SystemSpec]{
		{ID: "TIENDA", Spec: access.SystemSpec{Channel: "web"}}, {ID: "KIOSKOS", Spec: access.SystemSpec{Channel: "kiosk"}},
	}}
	for client, systems := range map[string][]string{"partner": nil, "store": {"TIENDA"}, "broker": {"TIENDA", "KIOSKOS"}} {
		e.Clients = append(e.Clients, admin.Named[access.ClientSpec]{ID: client, Spec: access.ClientSpec{
			Name: client, Systems: systems, Contracts: []access.ContractSpec{{API: "kiosk", Tier: "default"}},
		}})
		keys.open["the-token-of-"+client+"-for-any"] = policy.Verdict{Active: true, Client: client}
		keys.open["the-token-of-"+client+"-for-sendmt"] = policy.Verdict{Active: true, Client: client, Scopes: []string{"sendmt"}}
	}
	tiers := access.Entities{Tiers: []admin.Named[access.TierSpec]{{ID: "default", Spec: access.TierSpec{Limits: []access.LimitSpec{{Requests: 1000, Window: admin.Duration(time.Minute)}}}}}}
	at, _ := hosting(t, "", API{
		Contract: &contract, Fault: tongue{}, Verifier: func(hop.Dialer) policy.Verifier { return keys },
		Mount: func(env *Env) error {
			for _, id := range []string{"charge", "sendmt", "any"} {
				Handle(env, hop.Operation[sale, sold]{Contract: &contract, ID: id}, who)
			}
			return nil
		},
	}, tiers, e)
	for _, c := range []struct {
		name, operation, client string
		headers                 []string
		want                    string
	}{
		{"a partner", "any", "partner", nil, `200 {"manner":"/","client":"partner"}`},
		{"a partner, with a channel that is nobody's", "any", "partner", []string{"X-Channel", "web"}, `200 {"manner":"/","client":"partner"}`},
		{"a partner that names a system", "any", "partner", []string{"X-System-Name", "TIENDA"}, `403 `},
		{"a partner that names what is none", "any", "partner", []string{"X-System-Name", "NOBODY"}, `403 `},
		{"a partner, where a system is required", "sendmt", "partner", nil, `400 `},
		{"a client of one system", "any", "store", nil, `200 {"manner":"TIENDA/web","client":"store"}`},
		{"a client of several, which names none", "any", "broker", nil, `400 `},
		{"a client of several, which names one", "any", "broker", []string{"X-System-Name", "kioskos"}, `200 {"manner":"KIOSKOS/kiosk","client":"broker"}`},
	} {
		resp, text := sent(t, "http://"+at.Public+"/kiosk/"+c.operation, "the-token-of-"+c.client+"-for-"+c.operation, `{"item":"a"}`, c.headers...)
		if got := resp.Status[:3] + " " + text; !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		if id := resp.Header.Get("X-Correlation-ID"); c.name == "a partner" && !regexp.MustCompile(`^KIOSK-[0-9]{12}-[0-9]{10}$`).MatchString(id) {
			t.Errorf("%s: correlation %s", c.name, id)
		}
	}
	if resp, _ := sent(t, "http://"+at.Public+"/kiosk/any", "the-token-of-partner-for-any", `{"item":"a"}`, "X-Correlation-ID", "order-7"); resp.Header.Get("X-Correlation-ID") != "order-7" {
		t.Errorf("the partner's correlation came back as %s", resp.Header.Get("X-Correlation-ID"))
	}
}
