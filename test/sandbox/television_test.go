package sandbox_test

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"puente/test/sandbox"
	"puente/test/sandbox/fault"
	"puente/test/sandbox/inventory"
	"puente/test/sandbox/tvplatforms"
)

const (
	cuentas      = "/inventory/mss/v1/cuentas/"
	suscriptores = "/tvplatforms/ftth/asap/v1/suscriptores/"
	hfc          = "/tvplatforms/hfc/hfc/"
	accounts     = "/tvplatforms/iptv/iptv/accounts/"
)

// The accounts that the package comments name, as the inventory has them.
func TestTelevisionOfTheInventory(t *testing.T) {
	s := operator(t)
	says(t, s, "GET", cuentas+"CS-905967/television", "", 200, `{"CUENTA":"CS-905967","ESTADO_SUSCRIPTOR":"1"}`)
	says(t, s, "GET", cuentas+"CS-905967/canales", "", 200, `{"CUENTA":"CS-905967","CANALES":[{"CODIGO":"CAN-HBO"},{"CODIGO":"CAN-FOX"},{"CODIGO":"CAN-BASICO"}]}`)
	says(t, s, "GET", cuentas+"CS-905967/servicios", "", 200, `{"CUENTA":"CS-905967","SERVICIOS":[{"CODIGO":"SRV-TIMESHIFT"},{"CODIGO":"SRV-GRABACION"}]}`)
	says(t, s, "GET", cuentas+"CS-905967/equipos", "", 200, `{"CUENTA":"CS-905967","EQUIPOS":[{"MAC":"00:1A:2B:3C:4D:5E"},{"MAC":"00:1A:2B:3C:4D:5F"}]}`)
	says(t, s, "GET", cuentas+"CS-905970/equipos", "", 200, `{"CUENTA":"CS-905970","EQUIPOS":[]}`)
	says(t, s, "GET", cuentas+"CS-905970/canales", "", 200, `{"CUENTA":"CS-905970","CANALES":[]}`)
	const none = `{"codigo":"NO_EXISTE","mensaje":"La cuenta no tiene televisión"}`
	for _, path := range []string{"television", "canales", "servicios", "equipos"} {
		says(t, s, "GET", cuentas+"CS-1/"+path, "", 404, none)
		says(t, s, "GET", cuentas+"CS-6012450002/"+path, "", 404, none) // a line without television
	}
}

func TestTelevisionIsSet(t *testing.T) {
	s := operator(t)
	const control = "/_sandbox/inventory/lines"
	line := func(account, television string) string {
		return `{"connection":"6012459999","account":"` + account + `","technology":"IPTV","state":"ACTIVO","suspension":null,` +
			`"holder":{"documentType":"CC","documentNumber":"1026578508"},"balance":"0.00","refusesOrders":false,"failsPQR":false` + television + `}`
	}
	says(t, s, "POST", control, `{"connection":"6012459999","account":"CS-1","technology":"IPTV","television":{"channels":["CAN-HBO"]}}`, 200,
		line("CS-1", `,"television":{"state":"1","channels":["CAN-HBO"],"services":[],"devices":[]}`))
	says(t, s, "POST", control, `{"connection":"6012459999","television":{"state":"0","devices":["x"]}}`, 200, // the channels stay
		line("CS-1", `,"television":{"state":"0","channels":["CAN-HBO"],"services":[],"devices":["x"]}`))
	says(t, s, "GET", cuentas+"CS-1/television", "", 200, `{"CUENTA":"CS-1","ESTADO_SUSCRIPTOR":"0"}`)
	says(t, s, "POST", control, `{"connection":"6012459999","account":"CS-2"}`, 200,
		line("CS-2", `,"television":{"state":"0","channels":["CAN-HBO"],"services":[],"devices":["x"]}`))
	says(t, s, "GET", cuentas+"CS-1/television", "", 404, `{"codigo":"NO_EXISTE","mensaje":"La cuenta no tiene televisión"}`)
	says(t, s, "GET", cuentas+"CS-2/television", "", 200, `{"CUENTA":"CS-2","ESTADO_SUSCRIPTOR":"0"}`)
	says(t, s, "POST", control, `{"connection":"6012459999","television":null}`, 200, line("CS-2", ""))
	says(t, s, "GET", cuentas+"CS-2/television", "", 404, `{"codigo":"NO_EXISTE","mensaje":"La cuenta no tiene televisión"}`)
	for _, bad := range []string{`"x"`, `{"channels":"CAN-HBO"}`, `{"canales":[]}`} {
		if got := call(t.Context(), "POST", s.URL+control, `{"connection":"1","television":`+bad+`}`); got.status != 400 || !strings.Contains(got.body, `"path":"television"`) {
			t.Errorf("%s: %d %s", bad, got.status, got.body)
		}
	}
	codes := []string{"SRV-X"}
	if _, err := s.Inventory.Set(inventory.Televise("6012450008", inventory.TelevisionChange{Services: &codes})); err != nil {
		t.Fatal(err)
	}
	says(t, s, "GET", cuentas+"CS-905970/servicios", "", 200, `{"CUENTA":"CS-905970","SERVICIOS":[{"CODIGO":"SRV-X"}]}`)
	if err := s.Reset(); err != nil {
		t.Fatal(err)
	}
	says(t, s, "GET", cuentas+"CS-905970/servicios", "", 200, `{"CUENTA":"CS-905970","SERVICIOS":[]}`)
}

// What each platform holds, in its dialect.
func TestTelevisionPlatforms(t *testing.T) {
	s := operator(t)
	says(t, s, "GET", suscriptores+"CS-905967", "", 200, `{"cuenta":"CS-905967","estado":1}`)
	says(t, s, "GET", suscriptores+"CS-905967/canales", "", 200, `{"canales":["HBO","FOX"]}`)
	says(t, s, "GET", suscriptores+"CS-905967/servicios", "", 200, `{"servicios":["TIMESHIFT"]}`)
	says(t, s, "GET", suscriptores+"CS-905967/decos", "", 200, `{"decos":[{"mac":"001A.2B3C.4D5E"},{"mac":"001A.2B3C.4D5F"}]}`)
	says(t, s, "GET", suscriptores+"CS-905970/canales", "", 200, `{"canales":[]}`)
	says(t, s, "GET", suscriptores+"CS-905970/decos", "", 200, `{"decos":[]}`)
	for _, path := range []string{"", "/canales", "/servicios", "/decos"} { // known to HFC only
		says(t, s, "GET", suscriptores+"CS-905968"+path, "", 404, `{"codigo":"CUENTA_NO_EXISTE","mensaje":"La cuenta no existe"}`)
	}
	for path, list := range map[string]string{"abonado": "1", "canales": "HBO;FOX", "servicios": "TIMESHIFT", "decos": "00-1A-2B-3C-4D-60"} {
		says(t, s, "POST", hfc+path+"/consulta", `{"cuenta":"CS-905968"}`, 200, `{"codigoRetorno":"0","lista":"`+list+`"}`)
		says(t, s, "POST", hfc+path+"/consulta", `{"cuenta":"CS-905967"}`, 200, `{"codigoRetorno":"404"}`)
		says(t, s, "POST", hfc+path+"/consulta", `{}`, 200, `{"codigoRetorno":"90"}`)
	}
	says(t, s, "GET", accounts+"CS-905969/profile", "", 200, `{"status":"0"}`)
	says(t, s, "GET", accounts+"CS-905969/packages", "", 200, `{"items":[{"id":"HBO","status":"ACTIVE"},{"id":"FOX","status":"ACTIVE"},{"id":"CNN","status":"CEASED"}]}`)
	says(t, s, "GET", accounts+"CS-905969/features", "", 200, `{"items":[{"id":"GRABACION","status":"ACTIVE"}]}`)
	says(t, s, "GET", accounts+"CS-905969/stbs", "", 200, `{"items":[{"id":"001A2B3C4D62","status":"ACTIVE"}]}`)
	for _, path := range []string{"profile", "packages", "features", "stbs"} {
		says(t, s, "GET", accounts+"CS-1/"+path, "", 404, `{"error":"unknown account"}`)
	}
	if n := len(s.TVPlatforms.Changes()); n != 0 {
		t.Errorf("%d changes by asking", n)
	}
}

// Changes are idempotent in every dialect, and the ledger has those that were made.
func TestTelevisionPlatformsAreChanged(t *testing.T) {
	s := operator(t)
	const unknown, gone, refused = `{"codigo":"CUENTA_NO_EXISTE","mensaje":"La cuenta no existe"}`, `{"codigo":"NO_EXISTE","mensaje":"La cuenta no lo tiene"}`,
		`{"codigo":"RECHAZADO","mensaje":"La plataforma no admite el cambio"}`
	says(t, s, "POST", "/_sandbox/tvplatforms/CS-905967", `{"technology":"FTTH","refuses":["WIN","7"]}`, 200, `{"technology":"FTTH","account":"CS-905967","state":"1",`+
		`"channels":["HBO","FOX"],"services":["TIMESHIFT"],"devices":["001A.2B3C.4D5E","001A.2B3C.4D5F"],"refuses":["WIN","7"]}`)
	for range 2 { // again: nothing
		says(t, s, "PUT", suscriptores+"CS-905967/servicios/GRABACION", "", 204, "")
		says(t, s, "PUT", suscriptores+"CS-905967/decos/00:1A:2B:3C:4D:5E", "", 204, "")
		says(t, s, "PUT", suscriptores+"CS-905967/estado", `{"estado":0}`, 204, "")
	}
	says(t, s, "DELETE", suscriptores+"CS-905967/canales/FOX", "", 204, "")
	says(t, s, "DELETE", suscriptores+"CS-905967/canales/FOX", "", 404, gone)
	says(t, s, "PUT", suscriptores+"CS-905967/canales/WIN", "", 422, refused)
	says(t, s, "PUT", suscriptores+"CS-905967/estado", `{"estado":7}`, 422, refused)
	says(t, s, "PUT", suscriptores+"CS-905967/estado", `{}`, 400, `{"codigo":"CUERPO","mensaje":"Falta el estado"}`)
	says(t, s, "PUT", suscriptores+"CS-1/canales/HBO", "", 404, unknown)
	says(t, s, "DELETE", suscriptores+"CS-1/canales/HBO", "", 404, unknown)

	order := func(path, account, action, value, code string) {
		t.Helper()
		says(t, s, "POST", hfc+path+"/orden", `{"cuenta":"`+account+`","accion":"`+action+`","valor":"`+value+`"}`, 200, `{"codigoRetorno":"`+code+`"}`)
	}
	order("canales", "CS-905968", "BAJA", "FOX", "0")
	order("canales", "CS-905968", "BAJA", "FOX", "18")
	order("decos", "CS-905968", "ALTA", "00-1A-2B-3C-4D-61", "0")
	order("decos", "CS-905968", "ALTA", "001a2b3c4d61", "17")
	order("abonado", "CS-905968", "ESTADO", "1", "17")
	order("abonado", "CS-905968", "ALTA", "1", "90")
	order("canales", "CS-905968", "ESTADO", "1", "90")
	order("canales", "CS-1", "ALTA", "HBO", "404")
	if _, err := s.TVPlatforms.Set("CS-905968", tvplatforms.Setting{Technology: "HFC", Refuses: []string{"CNN"}}); err != nil {
		t.Fatal(err)
	}
	order("canales", "CS-905968", "ALTA", "CNN", "21")

	says(t, s, "PUT", accounts+"CS-905969/profile", `{"status":"1"}`, 200, `{"status":"1"}`)
	says(t, s, "PUT", accounts+"CS-905969/profile", `{"status":"1"}`, 200, `{"status":"1"}`)
	const now = `{"items":[{"id":"HBO","status":"ACTIVE"},{"id":"CNN","status":"ACTIVE"},{"id":"FOX","status":"CEASED"}]}`
	for range 2 {
		says(t, s, "PATCH", accounts+"CS-905969/packages", `{"add":["CNN","HBO"],"remove":["FOX"]}`, 200, now)
	}
	if _, err := s.TVPlatforms.Set("CS-905969", tvplatforms.Setting{Technology: "IPTV", Refuses: []string{"WIN"}}); err != nil {
		t.Fatal(err)
	}
	says(t, s, "PATCH", accounts+"CS-905969/packages", `{"add":["FOX","WIN"],"remove":["HBO"]}`, 422, `{"error":"the platform does not make this change"}`)
	says(t, s, "GET", accounts+"CS-905969/packages", "", 200, now) // all or nothing
	says(t, s, "PATCH", accounts+"CS-905969/packages", `{}`, 400, `{"error":"nothing to change"}`)
	says(t, s, "PATCH", accounts+"CS-1/packages", `{"add":["HBO"]}`, 404, `{"error":"unknown account"}`)

	var ledger struct {
		Changes []tvplatforms.Change `json:"changes"`
	}
	if got := call(t.Context(), "GET", s.URL+"/_sandbox/ledger/tvplatforms", ""); json.Unmarshal([]byte(got.body), &ledger) != nil {
		t.Fatal(got.body)
	}
	var made []string
	for _, c := range ledger.Changes {
		made = append(made, strings.Join([]string{c.Technology, c.Account[7:], c.Platform, c.Action, c.Item, c.CorrelationID}, " "))
	}
	if want := []string{
		"FTTH 67 SERVICES ADD GRABACION c-1", "FTTH 67 SUBSCRIBERS STATE 0 c-1", "FTTH 67 CHANNELS REMOVE FOX c-1",
		"HFC 68 CHANNELS REMOVE FOX c-1", "HFC 68 DEVICES ADD 00-1A-2B-3C-4D-61 c-1",
		"IPTV 69 SUBSCRIBERS STATE 1 c-1", "IPTV 69 CHANNELS ADD CNN c-1", "IPTV 69 CHANNELS REMOVE FOX c-1",
	}; !reflect.DeepEqual(made, want) {
		t.Errorf("ledger %q", made)
	}
	if h, ok := s.TVPlatforms.Holding("FTTH", "CS-905967"); !ok || h.State != "0" || !reflect.DeepEqual(h.Channels, []string{"HBO"}) || len(h.Devices) != 2 {
		t.Errorf("%+v", h)
	}
	if err := s.Reset(); err != nil || len(s.TVPlatforms.Changes()) != 0 {
		t.Fatal(err)
	}
	says(t, s, "GET", accounts+"CS-905969/profile", "", 200, `{"status":"0"}`)
}

// How holdings drift.
func TestTelevisionPlatformsAreSet(t *testing.T) {
	s := operator(t)
	const control = "/_sandbox/tvplatforms/"
	says(t, s, "POST", control+"CS-1", `{"technology":"HFC"}`, 200,
		`{"technology":"HFC","account":"CS-1","state":"1","channels":[],"services":[],"devices":[],"refuses":[]}`)
	says(t, s, "POST", control+"CS-1", `{"technology":"HFC","state":"0","channels":["HBO"]}`, 200,
		`{"technology":"HFC","account":"CS-1","state":"0","channels":["HBO"],"services":[],"devices":[],"refuses":[]}`)
	says(t, s, "POST", control+"CS-1", `{"technology":"HFC","channels":[],"devices":["x"]}`, 200,
		`{"technology":"HFC","account":"CS-1","state":"0","channels":[],"services":[],"devices":["x"],"refuses":[]}`)
	for body, part := range map[string]string{
		`{}`: `"path":"technology"`, `{"technology":"LTE"}`: `"path":"technology"`, `{"technology":"HFC","canales":[]}`: "canales", `x`: "must be a holding",
	} {
		if got := call(t.Context(), "POST", s.URL+control+"CS-2", body); got.status != 400 || !strings.Contains(got.body, part) {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
	var all []tvplatforms.Holding
	if got := call(t.Context(), "GET", s.URL+"/_sandbox/tvplatforms", ""); json.Unmarshal([]byte(got.body), &all) != nil || len(all) != 5 || all[4].Account != "CS-1" {
		t.Errorf("%s", got.body)
	}
	if n := len(s.TVPlatforms.Changes()); n != 0 {
		t.Errorf("%d changes by the control", n)
	}
}

// A fault strikes the one platform that it names, and its changes apart from its questions.
func TestFaultsOfTelevisionPlatforms(t *testing.T) {
	s := operator(t)
	s.Fault(t, fault.Fault{System: "tvplatforms", Operation: "ftth_channels", Kind: fault.Status, Status: 503})
	s.Fault(t, fault.Fault{System: "tvplatforms", Operation: "ftth_services_change", Kind: fault.HangAfterCommit})
	if got := call(t.Context(), "GET", s.URL+suscriptores+"CS-905967/canales", ""); got.status != 503 {
		t.Errorf("%d %s", got.status, got.body)
	}
	says(t, s, "PUT", suscriptores+"CS-905967/canales/CNN", "", 204, "")
	says(t, s, "GET", suscriptores+"CS-905967/servicios", "", 200, `{"servicios":["TIMESHIFT"]}`)
	says(t, s, "POST", hfc+"canales/consulta", `{"cuenta":"CS-905968"}`, 200, `{"codigoRetorno":"0","lista":"HBO;FOX"}`)
	ctx, leave := context.WithCancel(t.Context())
	over := make(chan answer, 1)
	go func() { over <- call(ctx, "DELETE", s.URL+suscriptores+"CS-905967/servicios/TIMESHIFT", "") }()
	if _, err := s.Await(t.Context(), sandbox.Filter{Operation: "ftth_services_change"}, struck(fault.HangAfterCommit)); err != nil {
		t.Fatal(err)
	}
	for len(s.TVPlatforms.Changes()) < 2 { // it struck, and is at work
		call(t.Context(), "GET", s.URL+suscriptores+"CS-905967/servicios", "")
	}
	leave()
	<-over
	says(t, s, "GET", suscriptores+"CS-905967/servicios", "", 200, `{"servicios":[]}`)
}
