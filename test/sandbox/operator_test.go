package sandbox_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"puente/test/sandbox"
	"puente/test/sandbox/fault"
	"puente/test/sandbox/inventory"
	"puente/test/sandbox/orders"
	"puente/test/sandbox/pqr"
	"puente/test/sandbox/sandboxtest"
)

const (
	connections = "/inventory/mss/v1/connections/"
	reconnect   = "/orders/om/v1/reconexiones"
	casos       = "/pqr/pqr/v1/casos"
)

// now is a clock that stands still.
var now = time.Date(2025, 7, 31, 9, 26, 10, 0, time.UTC)

func operator(t *testing.T) *sandboxtest.Sandbox {
	return sandboxtest.Start(t, sandbox.Config{Now: func() time.Time { return now }})
}

// says calls the sandbox and compares what it answers.
func says(t *testing.T, s *sandboxtest.Sandbox, method, path, body string, status int, want string) {
	t.Helper()
	got := call(t.Context(), method, s.URL+path, body, "X-Correlation-ID", "c-1")
	if got.err != nil || got.status != status || strings.TrimSpace(got.body) != want {
		t.Errorf("%s %s %s: %d %s%v\nwant %d %s", method, path, body, got.status, got.body, got.err, status, want)
	}
}

func order(reference, connection string) string {
	return fmt.Sprintf(`{"referencia":%q,"conexion":%q,"tipo":"VOLUNTARIA_LTE"}`, reference, connection)
}

func caso(reference, connection, reason string) string {
	return fmt.Sprintf(`{"referencia":%q,"conexion":%q,"tipoDocumento":"CC","numeroDocumento":"1026578508","motivo":%q}`, reference, connection, reason)
}

// The lines that the package comment and the README name.
func TestLines(t *testing.T) {
	s := operator(t)
	says(t, s, "GET", connections+"SR-50452171", "", 200, `{"CONEXION":"SR-50452171","CUENTA":"CS-50452171","TECNOLOGIA":"LTE","ESTADO":"SUSPENDIDO",`+
		`"SUSPENSION":{"ID":"SUS-50452171-1","MOTIVO":"PERDIDA","FECHA":"2025-07-30T05:00:00-05:00"}}`)
	says(t, s, "GET", connections+"SR-50452171/titular", "", 200, `{"TIPO_DOCUMENTO":"CC","NUMERO_DOCUMENTO":"1026578508"}`)
	says(t, s, "GET", connections+"3057000407", "", 200, `{"CONEXION":"3057000407","CUENTA":"CS-3057000407","TECNOLOGIA":"LTE","ESTADO":"ACTIVO","SUSPENSION":null}`)
	const unknown = `{"codigo":"NO_EXISTE","mensaje":"La conexión no existe"}`
	says(t, s, "GET", connections+"3057000428", "", 404, unknown)
	says(t, s, "GET", connections+"3057000428/titular", "", 404, unknown)
	got := map[string]string{}
	for _, l := range s.Inventory.Lines() {
		text := l.Technology + " " + l.State
		if l.Suspension != nil {
			text += " " + l.Suspension.Reason
		}
		for flag, set := range map[string]bool{" owes": !l.Settled(), " refuses": l.RefusesOrders, " fails": l.FailsPQR, " accountless": l.Account == ""} {
			if set && flag != " refuses" || set && !l.FailsPQR {
				text += flag
			}
		}
		if l.Television != nil {
			text += " television of " + l.Account
		}
		if l.Holder.DocumentNumber != "1026578508" {
			text += " of " + l.Holder.DocumentType + " " + l.Holder.DocumentNumber
		}
		got[l.Connection] = text
	}
	want := map[string]string{
		"SR-50452171": "LTE SUSPENDIDO PERDIDA", "3057000407": "LTE ACTIVO", "3057000409": "LTE SUSPENDIDO FRAUDE", "3057000410": "LTE RETIRADO",
		"3057000411": "LTE SUSPENDIDO MORA", "3057000412": "LTE SUSPENDIDO MORA owes", "3057000413": "LTE SUSPENDIDO ROBO refuses",
		"3057000414": "LTE SUSPENDIDO ROBO fails", "3057000415": "LTE SUSPENDIDO VOLUNTARIA accountless", "6012450002": "FTTH SUSPENDIDO VOLUNTARIA",
		"6012450003": "HFC SUSPENDIDO MORA of NIT 900.123.456-7", "6012450004": "COBRE SUSPENDIDO VOLUNTARIA of CC 0012345678",
		"6012450001": "FTTH ACTIVO television of CS-905967", "6012450005": "HFC ACTIVO television of CS-905968",
		"6012450006": "IPTV ACTIVO television of CS-905969", "6012450007": "FTTH ACTIVO accountless", "6012450008": "FTTH ACTIVO television of CS-905970",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestLinesAreSet(t *testing.T) {
	s := operator(t)
	const control = "/_sandbox/inventory/lines"
	line := func(connection, rest, technology, balance string) string {
		return `{"connection":"` + connection + `","account":"CS-` + connection + `","technology":"` + technology + `",` + rest +
			`,"holder":{"documentType":"CC","documentNumber":"1026578508"},"balance":"` + balance + `","refusesOrders":false,"failsPQR":false}`
	}
	says(t, s, "POST", control, `{"connection":"3157000001"}`, 200, line("3157000001", `"state":"ACTIVO","suspension":null`, "LTE", "0.00"))
	says(t, s, "POST", control, `{"connection":"3157000001","suspension":{"reason":"MORA"},"balance":"5.00"}`, 200,
		line("3157000001", `"state":"SUSPENDIDO","suspension":{"id":"SUS-3157000001-S1","reason":"MORA","since":"2025-07-31T09:26:10Z"}`, "LTE", "5.00"))
	says(t, s, "POST", control, `{"connection":"3157000001","technology":"SATELITE"}`, 200, // all else stays
		line("3157000001", `"state":"SUSPENDIDO","suspension":{"id":"SUS-3157000001-S1","reason":"MORA","since":"2025-07-31T09:26:10Z"}`, "SATELITE", "5.00"))
	says(t, s, "POST", control, `{"connection":"3157000001","suspension":{"id":"mine","reason":"ROBO","since":"2025-01-01T00:00:00Z"}}`, 200,
		line("3157000001", `"state":"SUSPENDIDO","suspension":{"id":"mine","reason":"ROBO","since":"2025-01-01T00:00:00Z"}`, "SATELITE", "5.00"))
	says(t, s, "POST", control, `{"connection":"3157000001","state":"ACTIVO"}`, 200, line("3157000001", `"state":"ACTIVO","suspension":null`, "SATELITE", "5.00"))

	var many []string
	for i := range 600 {
		many = append(many, fmt.Sprintf(`{"connection":"32%08d","suspension":{"reason":"PERDIDA"}}`, i))
	}
	if got := call(t.Context(), "POST", s.URL+control, "["+strings.Join(many, ",")+"]"); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	var all []inventory.Line
	if got := call(t.Context(), "GET", s.URL+control, ""); json.Unmarshal([]byte(got.body), &all) != nil || len(all) != 17+1+600 {
		t.Errorf("%d lines", len(all))
	}
	for body, part := range map[string]string{
		`{}`: `"path":"connection"`, `{"connection":"1","suspension":{"motivo":"MORA"}}`: `"path":"suspension"`,
		`{"connection":"1","estado":"ACTIVO"}`: "estado", `[{"connection":"4000000001"},{}]`: `"path":"connection"`, `x`: "a line or a list", ``: "a line or a list",
	} {
		if got := call(t.Context(), "POST", s.URL+control, body); got.status != 400 || !strings.Contains(got.body, part) {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
	if _, ok := s.Inventory.Line("4000000001"); ok {
		t.Error("a list that is not valid was set in part")
	}
	if err := s.Reset(); err != nil || len(s.Inventory.Lines()) != 17 {
		t.Errorf("after a reset %d lines, %v", len(s.Inventory.Lines()), err)
	}
}

func TestOrders(t *testing.T) {
	s := operator(t)
	const first = `{"numeroOrden":"ORD987654321","cun":"CUN123456789","referencia":"rx-1","estado":"ABIERTA","fecha":"2025-07-31T09:26:10Z"}`
	says(t, s, "GET", reconnect+"?referencia=rx-1", "", 404, `{"codigo":"NO_EXISTE","mensaje":"La orden no existe"}`)
	says(t, s, "POST", reconnect, order("rx-1", "SR-50452171"), 201, first)
	says(t, s, "POST", reconnect, order("rx-1", "SR-50452171"), 201, strings.NewReplacer("4321", "4322", "6789", "6790").Replace(first)) // not idempotent
	says(t, s, "GET", reconnect+"?referencia=rx-1", "", 200, first)
	says(t, s, "GET", "/orders/om/v1/ordenes/ORD987654321", "", 200, first)
	says(t, s, "GET", "/orders/om/v1/ordenes/ORD1", "", 404, `{"codigo":"NO_EXISTE","mensaje":"La orden no existe"}`)
	const refused = `{"codigo":"OM-1042","mensaje":"La línea 3057000413 no admite órdenes (OM_TRAMITES.ESTADO)"}`
	says(t, s, "POST", reconnect, order("rx-2", "3057000413"), 422, refused)
	says(t, s, "POST", reconnect, order("rx-2", "3057000428"), 422, strings.ReplaceAll(refused, "413", "428"))
	for _, bad := range []string{`{`, `{}`, `{"referencia":"r","conexion":"3057000411","tipo":"OTRA"}`, `{"referencia":"r","conexion":"3057000411","tipo":"PAGO","x":1}`,
		`{"referencia":"r","conexion":"6012450002","tipo":"VOLUNTARIA"}`, order("r", "3057000411") + "{}"} {
		if got := call(t.Context(), "POST", s.URL+reconnect, bad); got.status != 400 {
			t.Errorf("%s: %d %s", bad, got.status, got.body)
		}
	}
	filed := s.Orders.Orders()
	want := orders.Order{
		Number: "ORD987654321", CUN: "CUN123456789", Reference: "rx-1", Connection: "SR-50452171", Suspension: "SUS-50452171-1",
		Type: "VOLUNTARIA_LTE", CorrelationID: "c-1", State: "ABIERTA", FiledAt: now,
	}
	if len(filed) != 2 || filed[0] != want || filed[1].Suspension != want.Suspension {
		t.Errorf("ledger %+v", filed)
	}
	says(t, s, "POST", "/_sandbox/orders/ORD1", `{"state":"COMPLETADA"}`, 404, `{"type":"about:blank","title":"Not Found","status":404,"detail":"no such order","kind":"not_found"}`)
	if got := call(t.Context(), "POST", s.URL+"/_sandbox/orders/ORD987654321", `{"state":"LISTA"}`); got.status != 400 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := call(t.Context(), "POST", s.URL+"/_sandbox/orders/ORD987654321", `{"state":"COMPLETADA"}`); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	says(t, s, "GET", reconnect+"?referencia=rx-1", "", 200, strings.NewReplacer("ABIERTA", "COMPLETADA", `Z"}`, `Z","fechaCierre":"2025-07-31T09:26:10Z"}`).Replace(first))
	if l, _ := s.Inventory.Line("SR-50452171"); l.State != inventory.Suspended {
		t.Errorf("the line is %s although nobody said so", l.State)
	}
	if err := s.Reset(); err != nil {
		t.Fatal(err)
	}
	says(t, s, "POST", reconnect, order("rx-1", "SR-50452171"), 201, first)
}

func TestBilling(t *testing.T) {
	s := operator(t)
	for connection, want := range map[string]string{
		"3057000411": `{"alDia":true,"saldo":"0.00","moneda":"COP"}`, "3057000412": `{"alDia":false,"saldo":"85900.00","moneda":"COP"}`,
	} {
		says(t, s, "GET", "/orders/om/v1/lineas/"+connection+"/facturacion", "", 200, want)
	}
	says(t, s, "GET", "/orders/om/v1/lineas/3057000428/facturacion", "", 404, `{"codigo":"NO_EXISTE","mensaje":"La línea no existe"}`)
}

func TestPQR(t *testing.T) {
	s := operator(t)
	const first = `{"numero":"PQR-000001","referencia":"rx-1","motivo":"DEUDA_PENDIENTE","estado":"ABIERTO","fecha":"2025-07-31T09:26:10Z"}`
	says(t, s, "POST", casos, caso("rx-1", "3057000412", "DEUDA_PENDIENTE"), 201, first)
	says(t, s, "POST", casos, caso("rx-1", "3057000413", "ORDEN_NO_POSIBLE"), 201, // not idempotent
		`{"numero":"PQR-000002","cun":"CUN900000002","referencia":"rx-1","motivo":"ORDEN_NO_POSIBLE","estado":"ABIERTO","fecha":"2025-07-31T09:26:10Z"}`)
	says(t, s, "POST", casos, caso("rx-2", "3057000414", "ORDEN_NO_POSIBLE"), 500, `{"codigo":"PQR-0500","mensaje":"ORA-12541: no listener"}`)
	says(t, s, "GET", casos+"?referencia=rx-1", "", 200, first)
	says(t, s, "GET", casos+"/PQR-000001", "", 200, first)
	says(t, s, "GET", casos+"?referencia=rx-2", "", 404, `{"codigo":"NO_EXISTE","mensaje":"El caso no existe"}`)
	for _, bad := range []string{`{`, `{}`, caso("r", "3057000412", "OTRO"), caso("", "3057000412", "DEUDA_PENDIENTE")} {
		if got := call(t.Context(), "POST", s.URL+casos, bad); got.status != 400 {
			t.Errorf("%s: %d %s", bad, got.status, got.body)
		}
	}
	want := pqr.Case{
		Number: "PQR-000001", Reference: "rx-1", Connection: "3057000412", Suspension: "SUS-3057000412-1", DocumentType: "CC",
		DocumentNumber: "1026578508", Reason: "DEUDA_PENDIENTE", CorrelationID: "c-1", State: "ABIERTO", FiledAt: now,
	}
	if filed := s.PQR.Cases(); len(filed) != 2 || filed[0] != want {
		t.Errorf("ledger %+v", filed)
	}
	for state, shown := range map[string]string{"EN_GESTION": "", "RESUELTO": `,"fechaSolucion":"2025-07-31T09:26:10Z"`} {
		if got := call(t.Context(), "POST", s.URL+"/_sandbox/pqr/PQR-000001", `{"state":"`+state+`"}`); got.status != 200 {
			t.Errorf("%d %s", got.status, got.body)
		}
		says(t, s, "GET", casos+"/PQR-000001", "", 200, strings.NewReplacer("ABIERTO", state, `Z"}`, `Z"`+shown+`}`).Replace(first))
	}
}

// Whatever a fault does to the answer, the ledger tells whether the work was done.
func TestFaultsOfOrders(t *testing.T) {
	s := operator(t)
	for kind, done := range map[fault.Kind]int{fault.HangAfterCommit: 1, fault.Hang: 0, fault.Reset: 1, fault.Garbage: 0} {
		if err := s.Reset(); err != nil {
			t.Fatal(err)
		}
		s.Fault(t, fault.Fault{System: "orders", Operation: "create", Kind: kind, Times: 1})
		ctx, leave := context.WithCancel(t.Context())
		over := make(chan answer, 1)
		go func() { over <- call(ctx, "POST", s.URL+reconnect, order("rx-1", "SR-50452171")) }()
		if _, err := s.Await(t.Context(), sandbox.Filter{System: "orders"}, struck(kind)); err != nil {
			t.Fatal(err)
		}
		if kind == fault.HangAfterCommit {
			for len(s.Orders.Orders()) == 0 { // it struck, and is at work
				runtime.Gosched()
			}
		}
		if kind == fault.Hang || kind == fault.HangAfterCommit {
			leave()
		}
		<-over
		leave()
		if n := len(s.Orders.Orders()); n != done {
			t.Errorf("%s: %d orders", kind, n)
		}
	}
}

func TestOrdersFiledAtOnceHaveNumbersOfTheirOwn(t *testing.T) {
	s := operator(t)
	var all sync.WaitGroup
	for i := range 32 {
		all.Go(func() { call(t.Context(), "POST", s.URL+reconnect, order(fmt.Sprint("rx-", i), "SR-50452171")) })
	}
	all.Wait()
	numbers := map[string]bool{}
	for _, o := range s.Orders.Orders() {
		numbers[o.Number] = true
	}
	if len(numbers) != 32 {
		t.Errorf("%d numbers", len(numbers))
	}
}

// The ledgers of orders and PQRs outlive a restart of the sandbox, beside BotService's.
func TestLedgersOutliveARestart(t *testing.T) {
	cfg := sandbox.Config{Journal: filepath.Join(t.TempDir(), "ledger.jsonl"), Now: func() time.Time { return now }}
	t.Run("first", func(t *testing.T) {
		s := sandboxtest.Start(t, cfg)
		call(t.Context(), "POST", s.URL+reconnect, order("rx-1", "SR-50452171"))
		call(t.Context(), "POST", s.URL+casos, caso("rx-2", "3057000412", "DEUDA_PENDIENTE"))
		if _, _, err := s.Orders.SetState("ORD987654321", orders.Cancelled); err != nil {
			t.Fatal(err)
		}
	})
	s := sandboxtest.Start(t, cfg)
	if o, c := s.Orders.Orders(), s.PQR.Cases(); len(o) != 1 || o[0].State != orders.Cancelled || len(c) != 1 || c[0].Reference != "rx-2" {
		t.Errorf("after a restart %+v %+v", o, c)
	}
}
