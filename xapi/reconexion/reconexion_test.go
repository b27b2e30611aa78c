package reconexion

import (
	"strings"
	"testing"
	"time"

	"puente/contracts/papi/reconnection"
	"puente/shared/access"
	"puente/shared/admin"
	"puente/test/apitest"
)

// callers are those of the conversations beside client tienda.
func callers() access.Entities {
	e := access.Entities{
		Systems: []admin.Named[access.SystemSpec]{
			{ID: "MiETB"},
			{ID: "MAX", Spec: access.SystemSpec{Channel: "whatsapp", Channels: []string{"whatsapp", "web"}}},
			{ID: "KIOSKOS", Spec: access.SystemSpec{Channel: "kiosk", Access: []access.AccessSpec{{API: "reconexion", Channels: []string{"kiosk"}}}}},
			{ID: "AJENO", Spec: access.SystemSpec{APIs: []string{"portabilities"}}},
		},
		Switches: []admin.Named[access.SwitchSpec]{{ID: "whatsapp", Spec: access.SwitchSpec{
			API: "reconexion", System: "MAX", Channel: "whatsapp", Off: true, Reason: "maintenance", RetryAfter: admin.Duration(2 * time.Minute),
		}}},
	}
	for id, system := range map[string]string{"miEtb": "MiETB", "chatbot": "MAX", "kiosk": "KIOSKOS", "foreign": "AJENO", "store2": "TIENDA"} {
		e.Clients = append(e.Clients, admin.Named[access.ClientSpec]{ID: id, Spec: access.ClientSpec{
			Name: id, Systems: []string{system}, Contracts: []access.ContractSpec{{API: "reconexion", Tier: "default"}},
		}})
	}
	return e
}

func run(t *testing.T, pattern string, more ...apitest.Option) {
	t.Helper()
	apitest.Run(t, API, pattern, append(more, apitest.Below(&reconnection.Contract), apitest.Seed(callers()), apitest.Setting("instance", "SRV-API-01"))...)
}

func TestConversations(t *testing.T) { run(t, "testdata/*.txtar") }

func TestSubjectLimit(t *testing.T) {
	run(t, "testdata/limits/*.txtar",
		apitest.Setting("policies.apis.reconexion.subjects", []any{map[string]any{"name": "phone", "member": "Phone", "requests": 1, "window": "1m"}}))
}

func TestTypologies(t *testing.T) {
	run(t, "testdata/typology/*.txtar", apitest.SQL(`
		update typology.texts set error_detail_code = 'Todos', error_message = null, error_message_user = '{correlationID}' where code = 'ERROR_06';
		update typology.texts set error_detail_code = null, error_message = 'Listo', error_message_user = '{phone} {document}', http_status = 202 where code = 'OK_01';
		update typology.texts set error_message = 'x', enabled = false where code = 'ERROR_07';
		insert into typology.texts values ('reconexion', 'TIENDA', 'ERROR_06', 404, '', 'No hay', null, true),
			('reconexion', 'TIENDA', 'ERROR_07', 500, 'x', 'x', 'x', false)`))
}

// Two batches whose correlations are too long to take a number share no item's correlation.
func TestNumbered(t *testing.T) {
	long := strings.Repeat("x", maxCorrelation-1)
	a, b := numbered(long+"a", 500), numbered(long+"b", 500)
	if a == b || len(a) != maxCorrelation || !strings.HasSuffix(a, "-500") || numbered(long+"a", 500) != a {
		t.Errorf("%s\n%s", a, b)
	}
	if got := numbered("B-1", 7); got != "B-1-7" {
		t.Error(got)
	}
}
