package sandbox_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"puente/test/sandbox/fault"
	"puente/test/sandbox/subscriber"
)

const (
	lineas  = "/subscriber/abonados/v1/lineas/"
	eventos = "/subscriber/abonados/v1/eventos"
)

// The numbers that the package comment and the README name.
func TestMagicNumbers(t *testing.T) {
	s := operator(t)
	own := func(msisdn, userType string, barred bool) string {
		return fmt.Sprintf(`{"MSISDN":%q,"OPERADOR":"ENTEL","TIPO_USUARIO":%q,"SEGMENTO":"PERSONA","ACCESO":"MOVIL","ESTADO":"ACTIVA","BLOQUEO_CONTENIDOS":%t,"TITULARIDAD":"T-1"}`, msisdn, userType, barred)
	}
	for msisdn, want := range map[string]string{
		"56900010000": own("56900010000", "POSPAGO", false), "56910010000": own("56910010000", "CUENTA_CONTROLADA", false),
		"56920010000": own("56920010000", "PREPAGO", false), "56900011403": own("56900011403", "POSPAGO", true),
		"56912345678": own("56912345678", "PREPAGO", false), "56912345679": own("56912345679", "CUENTA_CONTROLADA", false),
		"56920011405": `{"MSISDN":"56920011405","OPERADOR":"MOVISTAR","TIPO_USUARIO":null,"SEGMENTO":null,"ACCESO":null,"ESTADO":"ACTIVA","BLOQUEO_CONTENIDOS":null,"TITULARIDAD":null}`,
	} {
		says(t, s, "GET", lineas+msisdn, "", 200, want)
	}
	for _, ending := range []string{"1402", "1408", "1409", "1429", "1500", "1503", "2402", "3000", "3001", "3002"} { // of billing and messages
		says(t, s, "GET", lineas+"5692000"+ending, "", 200, own("5692000"+ending, "PREPAGO", false))
	}
	for _, msisdn := range []string{"56920011404", "56930010000", "51920010000", "5692001000", "569200100000", "56220010000", "x"} {
		says(t, s, "GET", lineas+msisdn, "", 404, `{"codigo":"NO_EXISTE","mensaje":"La línea no existe"}`)
	}
	if lines := s.Subscriber.Lines(); len(lines) != 1 || lines[0].MSISDN != "56912345678" {
		t.Errorf("who asks for a line sets it: %+v", lines)
	}
}

func TestDirectoryIsSet(t *testing.T) {
	s := operator(t)
	const control = "/_sandbox/subscriber/lines"
	line := func(msisdn, userType, rest string) string {
		return fmt.Sprintf(`{"msisdn":%q,"operator":"ENTEL","userType":%q,"segment":"PERSONA","access":"MOVIL",%s,"unknown":false}`, msisdn, userType, rest)
	}
	says(t, s, "POST", control, `{"msisdn":"51920000001"}`, 200, line("51920000001", "PREPAGO", `"state":"ACTIVA","contentBarred":false,"owner":"T-1"`))
	says(t, s, "POST", control, `{"msisdn":"56900001403","state":"BAJA"}`, 200, line("56900001403", "POSPAGO", `"state":"BAJA","contentBarred":true,"owner":"T-1"`))
	says(t, s, "POST", control, `{"msisdn":"56900001403","owner":"T-2"}`, 200, line("56900001403", "POSPAGO", `"state":"BAJA","contentBarred":true,"owner":"T-2"`)) // all else stays
	says(t, s, "GET", lineas+"56900001403", "", 200,
		`{"MSISDN":"56900001403","OPERADOR":"ENTEL","TIPO_USUARIO":"POSPAGO","SEGMENTO":"PERSONA","ACCESO":"MOVIL","ESTADO":"BAJA","BLOQUEO_CONTENIDOS":true,"TITULARIDAD":"T-2"}`)
	if got := call(t.Context(), "POST", s.URL+control, `[{"msisdn":"56920000001","unknown":true},{"msisdn":"56920001404"}]`); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	for msisdn, known := range map[string]bool{"56920000001": false, "56920001404": true} {
		if _, ok := s.Subscriber.Line(msisdn); ok != known {
			t.Errorf("%s: %t", msisdn, ok)
		}
	}
	says(t, s, "POST", control, `[]`, 200, `[]`)
	for body, part := range map[string]string{
		`{}`: `"path":"msisdn"`, `{"msisdn":"1","estado":"BAJA"}`: "estado", `[{"msisdn":"56920000002","state":"BAJA"},{}]`: `"path":"msisdn"`, `x`: "a line or a list", ``: "a line or a list",
	} {
		if got := call(t.Context(), "POST", s.URL+control, body); got.status != 400 || !strings.Contains(got.body, part) {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
	if l, _ := s.Subscriber.Line("56920000002"); l.State != subscriber.Active {
		t.Error("a list that is not valid was set in part")
	}
	if n := len(s.Subscriber.Events()); n != 0 {
		t.Errorf("%d events of lines that were set", n)
	}
	if err := s.Reset(); err != nil || len(s.Subscriber.Lines()) != 1 {
		t.Errorf("after a reset %+v %v", s.Subscriber.Lines(), err)
	}
}

func TestLineEvents(t *testing.T) {
	s := operator(t) // whose clock stands still
	const control = "/_sandbox/subscriber/events"
	event := func(n int, kind, owner string) string {
		return fmt.Sprintf(`{"SECUENCIA":%d,"MSISDN":"56920000001","TIPO":%q,"FECHA":"2025-07-31T09:26:10Z","TITULARIDAD":%q}`, now.UnixMicro()+int64(n), kind, owner)
	}
	page := func(events ...string) string { return `{"EVENTOS":[` + strings.Join(events, ",") + `]}` }
	says(t, s, "GET", eventos, "", 200, page())
	happens := func(kind string) string { return `{"msisdn":"56920000001","type":"` + kind + `"}` }
	owner, barred, plan := event(0, "CAMBIO_TITULAR", "T-S1"), event(1, "BLOQUEO_CONTENIDOS", "T-S1"), event(2, "CAMBIO_PLAN", "T-S1")
	says(t, s, "POST", control, happens("CAMBIO_TITULAR"), 200, owner)
	says(t, s, "POST", control, "["+happens("BLOQUEO_CONTENIDOS")+","+happens("CAMBIO_PLAN")+"]", 200, "["+barred+","+plan+"]")
	if l, _ := s.Subscriber.Line("56920000001"); l.Owner != "T-S1" || !l.ContentBarred || l.State != subscriber.Active {
		t.Errorf("%+v", l)
	}
	says(t, s, "GET", eventos, "", 200, page(owner, barred, plan))
	says(t, s, "GET", fmt.Sprintf("%s?desde=%d&limite=1", eventos, now.UnixMicro()), "", 200, page(barred))
	says(t, s, "GET", fmt.Sprintf("%s?desde=%d", eventos, now.UnixMicro()+2), "", 200, page())
	for _, query := range []string{"?desde=x", "?limite=0", "?limite=1001", "?limite=x"} {
		says(t, s, "GET", eventos+query, "", 400, `{"codigo":"PARAMETRO","mensaje":"desde o limite no es válido"}`)
	}
	for body, part := range map[string]string{`{}`: `"path":"msisdn"`, `{"msisdn":"56920000001"}`: `"path":"type"`, `[`: "an event or a list"} {
		if got := call(t.Context(), "POST", s.URL+control, body); got.status != 400 || !strings.Contains(got.body, part) {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
	for _, test := range []struct{ kind, state, operator string }{
		{subscriber.EventTerminated, subscriber.Terminated, subscriber.Own}, {subscriber.EventPortedOut, subscriber.PortedOut, subscriber.Other},
	} {
		call(t.Context(), "POST", s.URL+control, `{"msisdn":"56920000002","type":"`+test.kind+`"}`)
		if l, _ := s.Subscriber.Line("56920000002"); l.State != test.state || l.Operator != test.operator {
			t.Errorf("%s: %+v", test.kind, l)
		}
	}
	var ledger struct{ Events []subscriber.Event }
	if got := call(t.Context(), "GET", s.URL+"/_sandbox/ledger/subscriber", ""); json.Unmarshal([]byte(got.body), &ledger) != nil || !reflect.DeepEqual(ledger.Events, s.Subscriber.Events()) || len(ledger.Events) != 5 {
		t.Errorf("ledger %s", got.body)
	}
}

// A cursor is good beyond a reset, and one whose events are gone is told so.
func TestCursorsOfLineEvents(t *testing.T) {
	s := operator(t)
	happen := func(n int) []subscriber.Event {
		made, err := s.Subscriber.Happen(slices.Repeat([]subscriber.Happening{{MSISDN: "56920000009", Type: "CAMBIO_PLAN"}}, n)...)
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	before := happen(1)[0].Sequence
	if err := s.Reset(); err != nil || len(s.Subscriber.Events()) != 0 {
		t.Fatal(err)
	}
	after := happen(1)[0].Sequence
	if after <= before {
		t.Errorf("%d after %d", after, before)
	}
	happen(10_000)
	const gone = `{"codigo":"CURSOR_VENCIDO","mensaje":"Los eventos posteriores ya no se conservan"}`
	says(t, s, "GET", fmt.Sprintf("%s?desde=%d", eventos, before), "", 410, gone)
	for _, query := range []string{fmt.Sprintf("?desde=%d&limite=1", after), "?limite=1"} {
		if got := call(t.Context(), "GET", s.URL+eventos+query, ""); got.status != 200 || !strings.Contains(got.body, fmt.Sprint(after+1)) {
			t.Errorf("%s: %d %s", query, got.status, got.body)
		}
	}
}

func TestFaultsOfTheDirectory(t *testing.T) {
	s := operator(t)
	s.Fault(t, fault.Fault{System: "subscriber", Operation: "events", Kind: fault.Status, Status: 503})
	if got := call(t.Context(), "GET", s.URL+eventos, ""); got.status != 503 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := call(t.Context(), "GET", s.URL+lineas+"56920000000", ""); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if err := s.SetFault(fault.Fault{System: "subscriber", Operation: "holder", Kind: fault.Hang}); err == nil {
		t.Error("a fault of an operation that there is not")
	}
}
