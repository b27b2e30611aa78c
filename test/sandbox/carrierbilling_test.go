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
	"puente/test/sandbox/carrierbilling"
	"puente/test/sandbox/fault"
	"puente/test/sandbox/sandboxtest"
)

const cobros = "/carrierbilling/dcb/v1/cobros"

func cobro(txID, msisdn string, amount int64) string {
	return fmt.Sprintf(`{"txId":%q,"msisdn":%q,"monto":%d,"moneda":"CLP","descripcion":"Juegos","idSocio":52272,"idProducto":1000000001,"idPuntoPrecio":201507,"contexto":"RENOVACION"}`, txID, msisdn, amount)
}

// shownCharge is a charge of 990 as it is answered, with what else is to be said of it.
func shownCharge(txID, operation, state, reason, refunds string) string {
	if operation != "" {
		operation = `"idOperacion":"` + operation + `",`
	}
	if reason != "" {
		reason = `"motivo":"` + reason + `",`
	}
	return fmt.Sprintf(`{"txId":%q,%s"estado":%q,%s"monto":990,"moneda":"CLP","fecha":"2025-07-31T09:26:10Z","devoluciones":[%s]}`, txID, operation, state, reason, refunds)
}

const noCharge = `{"codigo":"NO_EXISTE","mensaje":"La transacción no existe"}`

// What each magic MSISDN does to a charge, and what the inquiry and the ledger have of it afterwards.
func TestChargesOfMagicLines(t *testing.T) {
	for msisdn, want := range map[string]struct {
		status        int
		state, reason string // of what is filed; empty: nothing is
		body          string // where nothing is filed
	}{
		"56921110000": {201, "COBRADO", "", ""},
		"56901110000": {201, "COBRADO", "", ""},
		"56912345678": {201, "COBRADO", "", ""},
		"5611111111":  {201, "COBRADO", "", ""}, // the documents' dummy, of 10 digits
		"56921111402": {402, "RECHAZADO", "SALDO_INSUFICIENTE", ""},
		"56901111402": {402, "RECHAZADO", "SALDO_INSUFICIENTE", ""},
		"56921111403": {402, "RECHAZADO", "LINEA_BLOQUEADA", ""},
		"56921111404": {402, "RECHAZADO", "MSISDN_DESCONOCIDO", ""},
		"56921111405": {402, "RECHAZADO", "MSISDN_DESCONOCIDO", ""},
		"56931111402": {201, "COBRADO", "", ""}, // U is 3
		"56921111429": {429, "", "", `{"codigo":"DCB-0429","mensaje":"Demasiadas solicitudes"}`},
		"56921111500": {500, "", "", `{"codigo":"DCB-0500","mensaje":"Error interno"}`},
		"56921111503": {503, "", "", shownCharge("t-1", "", "RECHAZADO", "NO_DISPONIBLE", "")},
	} {
		t.Run(msisdn, func(t *testing.T) {
			s := operator(t)
			if want.state == "" {
				says(t, s, "POST", cobros, cobro("t-1", msisdn, 990), want.status, want.body)
				says(t, s, "GET", cobros+"/t-1", "", 404, noCharge)
				return
			}
			shown := shownCharge("t-1", "DCB000000001", want.state, want.reason, "")
			says(t, s, "POST", cobros, cobro("t-1", msisdn, 990), want.status, shown)
			says(t, s, "GET", cobros+"/t-1", "", 200, shown)
			if all := s.CarrierBilling.Charges(); len(all) != 1 || all[0].MSISDN != msisdn || all[0].CorrelationID != "c-1" || (all[0].Net() == 990) != (want.state == "COBRADO") {
				t.Errorf("%+v", all)
			}
		})
	}
}

func TestChargesThatHang(t *testing.T) {
	s := operator(t)
	for msisdn, want := range map[string]struct {
		kind fault.Kind
		done int
	}{"56921111408": {fault.HangAfterCommit, 1}, "56921111409": {fault.Hang, 0}} {
		if err := s.Reset(); err != nil {
			t.Fatal(err)
		}
		ctx, leave := context.WithCancel(t.Context())
		over := make(chan answer, 1)
		go func() { over <- call(ctx, "POST", s.URL+cobros, cobro("t-1", msisdn, 990)) }()
		if _, err := s.Await(t.Context(), sandbox.Filter{}, struck(want.kind)); err != nil {
			t.Fatal(err)
		}
		for len(s.CarrierBilling.Charges()) < want.done { // it struck, and is at work
			runtime.Gosched()
		}
		leave()
		if got := <-over; got.err == nil {
			t.Errorf("%s answers %+v", msisdn, got)
		}
		if _, err := s.Await(t.Context(), sandbox.Filter{}, abandoned); err != nil {
			t.Fatal(err)
		}
		n := len(s.CarrierBilling.Charges())
		if n != want.done {
			t.Errorf("%s: %d charges", msisdn, n)
		}
	}
}

// It charges as often as it is told to, unless keys are kept.
func TestChargesTwice(t *testing.T) {
	s := operator(t)
	first, second := shownCharge("t-1", "DCB000000001", "COBRADO", "", ""), shownCharge("t-1", "DCB000000002", "COBRADO", "", "")
	says(t, s, "POST", cobros, cobro("t-1", "56921110000", 990), 201, first)
	says(t, s, "POST", cobros, cobro("t-1", "56921110000", 990), 201, second)
	says(t, s, "GET", cobros+"/t-1", "", 200, first)
	if got := call(t.Context(), "POST", s.URL+cobros, cobro("t-1", "56921110000", 990), "Idempotency-Key", "t-1"); got.status != 201 || strings.TrimSpace(got.body) != first {
		t.Errorf("with a key: %+v", got)
	}
	const settings = "/_sandbox/carrierbilling/settings"
	says(t, s, "POST", settings, `{"idempotent":true}`, 200, `{"idempotent":true,"pending":false,"insufficient":2,"perSecond":0}`)
	says(t, s, "POST", cobros, cobro("t-1", "56921110000", 990), 201, first)
	says(t, s, "POST", cobros, cobro("t-1", "56921110000", 991), 409, `{"codigo":"TX_DISTINTA","mensaje":"La transacción existe con otros valores"}`)
	says(t, s, "POST", cobros, cobro("t-2", "56921111403", 990), 402, shownCharge("t-2", "DCB000000003", "RECHAZADO", "LINEA_BLOQUEADA", ""))
	says(t, s, "POST", cobros, cobro("t-2", "56921111403", 990), 402, shownCharge("t-2", "DCB000000003", "RECHAZADO", "LINEA_BLOQUEADA", ""))
	if n := len(s.CarrierBilling.Charges()); n != 3 {
		t.Errorf("%d charges", n)
	}
	says(t, s, "GET", "/_sandbox/carrierbilling/lines", "", 200, `[{"msisdn":"56921110000","balance":98020},{"msisdn":"56921111403","balance":100000}]`)
}

func TestBalances(t *testing.T) {
	s := operator(t)
	const line = "/_sandbox/carrierbilling/lines/56921110000"
	says(t, s, "POST", line, `{"balance":1000}`, 200, `{"msisdn":"56921110000","balance":1000}`)
	says(t, s, "POST", cobros, cobro("t-1", "56921110000", 990), 201, shownCharge("t-1", "DCB000000001", "COBRADO", "", ""))
	says(t, s, "POST", cobros, cobro("t-2", "56921110000", 990), 402, shownCharge("t-2", "DCB000000002", "RECHAZADO", "SALDO_INSUFICIENTE", ""))
	says(t, s, "POST", line, `{"balance":990}`, 200, `{"msisdn":"56921110000","balance":990}`)
	says(t, s, "POST", cobros, cobro("t-2", "56921110000", 990), 201, shownCharge("t-2", "DCB000000003", "COBRADO", "", ""))
	says(t, s, "GET", cobros+"/t-2", "", 200, shownCharge("t-2", "DCB000000003", "COBRADO", "", "")) // not the decline before it
	for _, reason := range []string{"LISTA_NEGRA", "LIMITE_EXCEDIDO", "RECHAZADO"} {
		says(t, s, "POST", line, `{"balance":990,"declines":"`+reason+`"}`, 200, `{"msisdn":"56921110000","balance":990,"declines":"`+reason+`"}`)
		if got := call(t.Context(), "POST", s.URL+cobros, cobro("t-3", "56921110000", 990)); got.status != 402 || !strings.Contains(got.body, `"motivo":"`+reason+`"`) {
			t.Errorf("%+v", got)
		}
	}
	says(t, s, "POST", line, `{"balance":null,"declines":""}`, 200, `{"msisdn":"56921110000","balance":null}`)
	if got := call(t.Context(), "POST", s.URL+cobros, cobro("t-4", "56921110000", 1_000_000)); got.status != 201 {
		t.Errorf("without a balance: %+v", got)
	}
	says(t, s, "POST", "/_sandbox/carrierbilling/lines/56901110000", `{"balance":0}`, 200, `{"msisdn":"56901110000","balance":0}`) // a postpaid line
	if got := call(t.Context(), "POST", s.URL+cobros, cobro("t-5", "56901110000", 1)); got.status != 402 {
		t.Errorf("postpaid with a balance: %+v", got)
	}
	for _, bad := range []string{`{"balance":"1"}`, `{"declines":"NO_DISPONIBLE"}`, `{"declines":"x"}`, `{"saldo":1}`, ``} {
		if got := call(t.Context(), "POST", s.URL+line, bad); got.status != 400 {
			t.Errorf("%s: %+v", bad, got)
		}
	}
	if got := call(t.Context(), "POST", s.URL+line+"x", `{"balance":1}`); got.status != 400 {
		t.Errorf("not an MSISDN: %+v", got)
	}
}

func TestInsufficientAtFirst(t *testing.T) {
	s := operator(t)
	says(t, s, "POST", "/_sandbox/carrierbilling/settings", `{"insufficient":3}`, 200, `{"idempotent":false,"pending":false,"insufficient":3,"perSecond":0}`)
	for i := range 5 {
		want := 402
		if i >= 3 {
			want = 201
		}
		if got := call(t.Context(), "POST", s.URL+cobros, cobro(fmt.Sprint("t-", i), "56921112402", 990)); got.status != want {
			t.Errorf("%d: %+v", i, got)
		}
	}
	if got := call(t.Context(), "POST", s.URL+cobros, cobro("t-9", "56921122402", 990)); got.status != 402 { // each line has its own
		t.Errorf("another line: %+v", got)
	}
}

func TestPendingCharges(t *testing.T) {
	s := operator(t)
	says(t, s, "POST", "/_sandbox/carrierbilling/settings", `{"pending":true}`, 200, `{"idempotent":false,"pending":true,"insufficient":2,"perSecond":0}`)
	says(t, s, "POST", cobros, cobro("t-1", "56921110000", 990), 202, shownCharge("t-1", "DCB000000001", "PENDIENTE", "", ""))
	says(t, s, "POST", cobros, cobro("t-2", "56921110000", 990), 202, shownCharge("t-2", "DCB000000002", "PENDIENTE", "", ""))
	says(t, s, "GET", "/_sandbox/carrierbilling/lines", "", 200, `[{"msisdn":"56921110000","balance":100000}]`)
	const decide = "/_sandbox/carrierbilling/charges/"
	for body, status := range map[string]int{`{"state":"COBRADO"}`: 200, `{"state":"PENDIENTE"}`: 400, `{"state":"RECHAZADO"}`: 400, `{"state":"COBRADO","reason":"LISTA_NEGRA"}`: 400, `x`: 400} {
		if got := call(t.Context(), "POST", s.URL+decide+"DCB000000001", body); got.status != status {
			t.Errorf("%s: %+v", body, got)
		}
	}
	if got := call(t.Context(), "POST", s.URL+decide+"DCB000000009", `{"state":"COBRADO"}`); got.status != 404 {
		t.Errorf("%+v", got)
	}
	if got := call(t.Context(), "POST", s.URL+decide+"DCB000000002", `{"state":"RECHAZADO","reason":"LISTA_NEGRA"}`); got.status != 200 {
		t.Errorf("%+v", got)
	}
	says(t, s, "GET", cobros+"/t-1", "", 200, shownCharge("t-1", "DCB000000001", "COBRADO", "", ""))
	says(t, s, "GET", cobros+"/t-2", "", 200, shownCharge("t-2", "DCB000000002", "RECHAZADO", "LISTA_NEGRA", ""))
	says(t, s, "GET", "/_sandbox/carrierbilling/lines", "", 200, `[{"msisdn":"56921110000","balance":99010}]`)
}

func TestRefunds(t *testing.T) {
	s := operator(t)
	const (
		devoluciones = cobros + "/t-1/devoluciones"
		impossible   = `{"codigo":"NO_DEVOLVIBLE","mensaje":"El cobro no admite esa devolución"}`
	)
	says(t, s, "POST", devoluciones, `{"idDevolucion":"r-1","monto":990}`, 404, noCharge)
	call(t.Context(), "POST", s.URL+cobros, cobro("t-1", "56921110000", 990))
	says(t, s, "POST", devoluciones, `{"idDevolucion":"r-1","monto":991}`, 422, impossible)
	says(t, s, "POST", devoluciones, `{"idDevolucion":"r-1","monto":0}`, 400, `{"codigo":"DCB-0400","mensaje":"El cuerpo no es una devolución"}`)
	made := func(n int) string {
		return fmt.Sprintf(`"idDevolucion":"r-1","idOperacion":"DEV00000000%d","monto":400,"moneda":"CLP","fecha":"2025-07-31T09:26:10Z"}`, n)
	}
	says(t, s, "POST", devoluciones, `{"idDevolucion":"r-1","monto":400}`, 201, `{"txId":"t-1",`+made(1))
	says(t, s, "POST", devoluciones, `{"idDevolucion":"r-1","monto":400}`, 201, `{"txId":"t-1",`+made(2)) // it is told to
	if got := call(t.Context(), "POST", s.URL+devoluciones, `{"idDevolucion":"r-1","monto":400}`, "Idempotency-Key", "r-1"); got.status != 201 || !strings.Contains(got.body, "DEV000000001") {
		t.Errorf("with a key: %+v", got)
	}
	says(t, s, "POST", devoluciones, `{"idDevolucion":"r-2","monto":400}`, 422, impossible) // 190 are left
	says(t, s, "GET", cobros+"/t-1", "", 200, shownCharge("t-1", "DCB000000001", "COBRADO", "", "{"+made(1)+",{"+made(2)))
	says(t, s, "GET", "/_sandbox/carrierbilling/lines", "", 200, `[{"msisdn":"56921110000","balance":99810}]`)
	call(t.Context(), "POST", s.URL+cobros, cobro("t-2", "56921111403", 990))
	says(t, s, "POST", cobros+"/t-2/devoluciones", `{"idDevolucion":"r-1","monto":1}`, 422, impossible)
}

func TestChargesThatAreNone(t *testing.T) {
	s := operator(t)
	good := cobro("t-1", "56921110000", 990)
	for _, bad := range []string{
		"", "[]", good + "x", strings.Replace(good, `"txId":"t-1",`, "", 1), strings.Replace(good, "990", "0", 1), strings.Replace(good, "990", "9.5", 1),
		strings.Replace(good, "990", `"990"`, 1), strings.Replace(good, "CLP", "clp", 1), strings.Replace(good, "RENOVACION", "RENEWAL", 1),
		strings.Replace(good, "56921110000", "+56921110000", 1), strings.Replace(good, `"monto"`, `"importe"`, 1), strings.Replace(good, "52272", "0", 1),
	} {
		says(t, s, "POST", cobros, bad, 400, `{"codigo":"DCB-0400","mensaje":"El cuerpo no es un cobro"}`)
	}
	if n := len(s.CarrierBilling.Charges()); n != 0 {
		t.Errorf("%d charges", n)
	}
}

// No two at once take more than there is.
func TestChargesAtOnce(t *testing.T) {
	s := operator(t)
	if _, err := s.CarrierBilling.Set("56921110000", carrierbilling.LineChange{Balance: carrierbilling.Of(9 * 990)}); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 32 {
		all.Go(func() { call(t.Context(), "POST", s.URL+cobros, cobro(fmt.Sprint("t-", i), "56921110000", 990)) })
	}
	all.Wait()
	operations, made := map[string]bool{}, 0
	for _, c := range s.CarrierBilling.Charges() {
		operations[c.Operation] = true
		if c.Net() > 0 {
			made++
		}
	}
	if len(operations) != 32 || made != 9 {
		t.Errorf("%d operations, %d made", len(operations), made)
	}
}

// Charges, refunds, balances and what was declined of a line outlive a restart of the sandbox.
func TestChargesOutliveARestart(t *testing.T) {
	cfg := sandbox.Config{Journal: filepath.Join(t.TempDir(), "ledger.jsonl"), Now: func() time.Time { return now }}
	var before []carrierbilling.Charge
	var lines []carrierbilling.Line
	t.Run("first", func(t *testing.T) {
		s := sandboxtest.Start(t, cfg)
		for msisdn, balance := range map[string]int64{"56921110000": 5000, "56921110001": 10} {
			if _, err := s.CarrierBilling.Set(msisdn, carrierbilling.LineChange{Balance: carrierbilling.Of(balance)}); err != nil {
				t.Fatal(err)
			}
		}
		call(t.Context(), "POST", s.URL+cobros, cobro("t-1", "56921110000", 990))
		call(t.Context(), "POST", s.URL+cobros, cobro("t-2", "56921112402", 990))
		call(t.Context(), "POST", s.URL+cobros+"/t-1/devoluciones", `{"idDevolucion":"r-1","monto":90}`)
		call(t.Context(), "POST", s.URL+"/_sandbox/carrierbilling/lines/56921110000", `{"balance":4000}`)
		call(t.Context(), "POST", s.URL+cobros, cobro("t-3", "56921110000", 990))
		before, lines = s.CarrierBilling.Charges(), s.CarrierBilling.Lines()
	})
	s := sandboxtest.Start(t, cfg)
	if after := s.CarrierBilling.Charges(); len(after) != 3 || !reflect.DeepEqual(after, before) {
		t.Errorf("after a restart %+v, before it %+v", after, before)
	}
	balances := func(lines []carrierbilling.Line) map[string]int64 {
		of := map[string]int64{}
		for _, l := range lines {
			of[l.MSISDN] = *l.Balance
		}
		return of
	}
	if got, want := balances(s.CarrierBilling.Lines()), balances(lines); !reflect.DeepEqual(got, want) || got["56921110000"] != 3010 || got["56921110001"] != 10 {
		t.Errorf("after a restart %v, before it %v", got, want)
	}
	for i, want := range []int{402, 201} { // the first of two was before
		if got := call(t.Context(), "POST", s.URL+cobros, cobro("t-4", "56921112402", 990)); got.status != want {
			t.Errorf("%d: %+v", i, got)
		}
	}
	if got := call(t.Context(), "POST", s.URL+cobros+"/t-1/devoluciones", `{"idDevolucion":"r-2","monto":1}`); !strings.Contains(got.body, "DEV000000002") {
		t.Errorf("%+v", got)
	}
	if err := s.Reset(); err != nil {
		t.Fatal(err)
	}
	if n := len(s.CarrierBilling.Charges()) + len(s.CarrierBilling.Lines()); n != 0 {
		t.Errorf("%d after a reset", n)
	}
}

func TestFaultsOfCarrierBilling(t *testing.T) {
	s := operator(t)
	call(t.Context(), "POST", s.URL+cobros, cobro("t-1", "56921110000", 990))
	for operation, request := range map[string][2]string{
		"charge": {"POST " + cobros, cobro("t-1", "56921110000", 990)}, "query": {"GET " + cobros + "/t-1", ""},
		"refund": {"POST " + cobros + "/t-1/devoluciones", `{"idDevolucion":"r-1","monto":1}`},
	} {
		s.Fault(t, fault.Fault{System: "carrierbilling", Operation: operation, Kind: fault.Status, Status: 418, Times: 1})
		method, path, _ := strings.Cut(request[0], " ")
		if got := call(t.Context(), method, s.URL+path, request[1]); got.status != 418 {
			t.Errorf("%s: %+v", operation, got)
		}
	}
	got := call(t.Context(), "GET", s.URL+"/_sandbox/ledger/carrierbilling", "")
	var ledger struct{ Charges []carrierbilling.Charge }
	if err := json.Unmarshal([]byte(got.body), &ledger); err != nil || len(ledger.Charges) != 1 || len(ledger.Charges[0].Refunds) != 0 {
		t.Errorf("%v %s", err, got.body)
	}
}

func TestChargesPerSecond(t *testing.T) {
	s := sandboxtest.Start(t, sandbox.Config{})
	s.CarrierBilling.Configure(func(now *carrierbilling.Settings) { now.PerSecond = 2 })
	taken, refused := 0, 0
	for i := range 5 {
		body := fmt.Sprintf(`{"txId":"t-%d","msisdn":"56900000000","monto":990,"moneda":"CLP","descripcion":"Juegos","idSocio":1,"idProducto":2,"idPuntoPrecio":3,"contexto":"RENOVACION"}`, i)
		switch got := call(t.Context(), "POST", s.URL+"/carrierbilling/dcb/v1/cobros", body); got.status {
		case 201:
			taken++
		case 429:
			refused++
		}
	}
	if taken+refused != 5 || refused == 0 || len(s.CarrierBilling.Charges()) != taken {
		t.Errorf("%d taken, %d refused, %d filed", taken, refused, len(s.CarrierBilling.Charges()))
	}
}
