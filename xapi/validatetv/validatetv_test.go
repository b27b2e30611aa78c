package validatetv

import (
	"testing"
	"time"

	"puente/contracts/papi/tvvalidation"
	"puente/shared/access"
	"puente/shared/admin"
	"puente/shared/server"
	"puente/test/apitest"
)

// callers are those of the conversations beside client tienda.
func callers(api string) access.Entities {
	e := access.Entities{
		Systems: []admin.Named[access.SystemSpec]{
			{ID: "MAX", Spec: access.SystemSpec{Channel: "whatsapp", Channels: []string{"whatsapp", "web"}}},
			{ID: "KIOSKOS", Spec: access.SystemSpec{Channel: "kiosk"}},
			{ID: "AJENO", Spec: access.SystemSpec{APIs: []string{"portabilities"}}},
		},
		Switches: []admin.Named[access.SwitchSpec]{{ID: "kiosks", Spec: access.SwitchSpec{
			API: api, System: "KIOSKOS", Off: true, Reason: "maintenance", RetryAfter: admin.Duration(2 * time.Minute),
		}}},
	}
	for id, system := range map[string]string{"chatbot": "MAX", "kiosk": "KIOSKOS", "foreign": "AJENO"} {
		e.Clients = append(e.Clients, admin.Named[access.ClientSpec]{ID: id, Spec: access.ClientSpec{
			Name: id, Systems: []string{system}, Contracts: []access.ContractSpec{{API: api, Tier: "default"}},
		}})
	}
	return e
}

func run(t *testing.T, api server.API, pattern string, more ...apitest.Option) {
	t.Helper()
	apitest.Run(t, api, pattern, append(more,
		apitest.Below(&tvvalidation.Contract), apitest.Seed(callers(api.Contract.Name)), apitest.Setting("instance", "SRV-API-01"))...)
}

func TestConversations(t *testing.T) { run(t, API, "testdata/validatetv/*.txtar") }

func TestNormalizeConversations(t *testing.T) { run(t, Normalize, "testdata/normalizetv/*.txtar") }

func TestSubjectLimit(t *testing.T) {
	run(t, API, "testdata/validatetv/limits/*.txtar",
		apitest.Setting("policies.apis.validatetv.subjects", []any{map[string]any{"name": "phone", "member": "Phone", "requests": 1, "window": "1m"}}))
}

func TestTypologies(t *testing.T) {
	run(t, API, "testdata/validatetv/typology/*.txtar", apitest.SQL(`
		update typology.texts set error_detail_code = 'No está', error_message = null, error_message_user = '{phone}', http_status = 404 where api = 'validatetv' and code = 'ERROR_06';
		update typology.texts set error_detail_code = null, error_message = 'Listo {correlationID}', error_message_user = '{phone}', http_status = 202 where api = 'validatetv' and code = 'OK_01'`))
}

func TestDescriptions(t *testing.T) {
	check := func(s tvvalidation.Semaphore, expected, found []string) tvvalidation.Check {
		return tvvalidation.Check{Semaphore: s, Expected: expected, Found: found}
	}
	one, two := []string{"1"}, []string{"2"}
	for want, got := range map[string]string{
		"Los canales adicionales encontrados en plataforma son los mismos configurados en MSS":                          channels(check(tvvalidation.Green, nil, nil)),
		"Los canales adicionales encontrados en plataforma no son los mismos configurados en MSS. Se debe normalizar":   channels(check(tvvalidation.Red, one, two)),
		"Los servicios adicionales encontrados en plataforma son los mismos configurados en MSS":                        services(check(tvvalidation.Green, nil, nil)),
		"Los servicios adicionales encontrados en plataforma no son los mismos configurados en MSS. Se debe normalizar": services(check(tvvalidation.Red, one, two)),
		"Los MACs encontrados en plataforma son los mismos configurados en MSS":                                         devices(check(tvvalidation.Green, nil, nil)),
		"Los MACs encontrados en plataforma no son los mismos configurados en MSS. Se debe normalizar":                  devices(check(tvvalidation.Red, one, two)),
		"El estado en la plataforma es 1 y en MSS es 1. No requiere normalización":                                      subscriber(check(tvvalidation.Green, one, one)),
		"El estado en la plataforma es 2 y en MSS es 1. Se debe normalizar":                                             subscriber(check(tvvalidation.Red, one, two)),
		"El estado en la plataforma es ninguno y en MSS es 1. Se debe normalizar":                                       subscriber(check(tvvalidation.Red, one, nil)),
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	for _, words := range []describe{channels, services, devices, subscriber} {
		if got := words(check(tvvalidation.Yellow, one, nil)); got != "No fue posible consultar la plataforma" {
			t.Error(got)
		}
	}
}
