package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"puente/contracts/xapi/portabilities"
	"puente/contracts/xapi/reconexion"
	"puente/contracts/xapi/validatetv"
	"puente/shared/contract"
	"puente/shared/hop"
)

// What the bench asks must be what the contract takes, or it would measure refusals.
func TestBodiesKeepTheContract(t *testing.T) {
	for row, id := range map[string]string{rowRead: portabilities.GetPortabilityStatus.ID, rowWrite: portabilities.CreatePortability.ID} {
		doc, err := portabilities.Contract.Document()
		if err != nil {
			t.Fatal(err)
		}
		r := newRequest(row, "127.0.0.1:1", "token")
		r.number(1234567890123456)
		head, body, _ := strings.Cut(string(r.text), "\r\n\r\n")
		if len(body) != bodyBytes {
			t.Errorf("%s: %d bytes", row, len(body))
		}
		if !strings.Contains(head, "X-Correlation-ID: BENCH-220520251453-567890123456\r\n") {
			t.Errorf("%s: head %q", row, head)
		}
		if _, broken := doc.Operation(id).Body.Read([]byte(body), contract.Limits{}); len(broken) > 0 {
			t.Errorf("%s: %v", row, broken)
		}
		var in portabilities.StatusRequest
		if err := json.Unmarshal([]byte(body), &in); err != nil || in.Phone != "3890123456" {
			t.Errorf("%s: phone %q, %v", row, in.Phone, err)
		}
	}
}

// The same of the rows in the envelope.
func TestEnvelopesKeepTheContract(t *testing.T) {
	for row, want := range map[string]struct {
		contract *hop.Contract
		id       string
		phone    string
	}{
		rowReconexion: {&reconexion.Contract, reconexion.Reconnect.ID, "3890123456"},
		rowFanOut:     {&validatetv.Contract, validatetv.ValidateTV.ID, "6000000000"}, // 1234567890123456 is a multiple of 16
		rowUncached:   {&validatetv.Contract, validatetv.ValidateTV.ID, "6090123456"},
	} {
		doc, err := want.contract.Document()
		if err != nil {
			t.Fatal(err)
		}
		r := newRequest(row, "127.0.0.1:1", "token")
		r.number(1234567890123456)
		_, body, _ := strings.Cut(string(r.text), "\r\n\r\n")
		if len(body) != bodyBytes {
			t.Errorf("%s: %d bytes", row, len(body))
		}
		var envelope struct {
			Body jsontext.Value `json:"WSRequestBody"`
		}
		if err := json.Unmarshal([]byte(body), &envelope); err != nil {
			t.Fatal(err)
		}
		if _, broken := doc.Operation(want.id).Body.Read(envelope.Body, contract.Limits{}); len(broken) > 0 {
			t.Errorf("%s: %v", row, broken)
		}
		if !strings.Contains(body, `"correlationID":"BENCH-220520251453-567890123456"`) || !strings.Contains(body, `"Phone":"`+want.phone+`"`) {
			t.Error(body)
		}
	}
}

// The operator's systems echo what they were asked for, as the system APIs want it; each order is a new one.
func TestOperatorEchoes(t *testing.T) {
	mux := http.NewServeMux()
	playOperator(mux.Handle)
	playTelevision(mux, mux.Handle)
	server := httptest.NewServer(mux)
	defer server.Close()
	if chain, err := chainOf(t.Context(), server.URL); err != nil || chain <= 0 {
		t.Errorf("%s, %v", chain, err)
	}
	for _, one := range []struct{ method, path, body, want string }{
		{"GET", inventoryPath + "/mss/v1/connections/3000000001", "", `{"CONEXION":"3000000001",`},
		{"GET", inventoryPath + "/mss/v1/connections/3000000001/titular", "", `{"TIPO_DOCUMENTO":"CC","NUMERO_DOCUMENTO":"1026578508",`},
		{"GET", inventoryPath + "/mss/v1/connections/6000000001", "", `{"CONEXION":"6000000001","CUENTA":"CS-905967","TECNOLOGIA":"FTTH",`},
		{"GET", inventoryPath + "/mss/v1/cuentas/CS-905967/canales", "", `{"CUENTA":"CS-905967","CANALES":[`},
		{"GET", platformsPath + "/asap/v1/suscriptores/CS-905967/decos", "", `{"decos":[`},
		{"POST", ordersPath + "/om/v1/reconexiones", `{"referencia":"RX-2","conexion":"3000000001"}`, `{"numeroOrden":"ORD52","cun":"CUN52","referencia":"RX-2",`},
	} {
		req, err := http.NewRequestWithContext(t.Context(), one.method, server.URL+one.path, strings.NewReader(one.body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || !strings.HasPrefix(string(text), one.want) || json.Unmarshal(text, new(map[string]any)) != nil {
			t.Errorf("%s: %v %s", one.path, err, text)
		}
	}
}

// An error in the envelope has status 200.
func TestErrorInTheEnvelopeFailsTheRun(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"WSResponseHeader":{"Service":{"Status":"ERROR","Code":"ERROR_10"}}}`)
	}))
	defer server.Close()
	done := run(t.Context(), job{Addr: server.Listener.Addr().String(), Row: rowReconexion, Connections: 2, Duration: time.Minute})
	if !strings.Contains(done.Failure, "ERROR_10") {
		t.Errorf("%+v", done)
	}
}

func TestNoRequestIsARepetition(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if seen[string(text)] {
			w.WriteHeader(http.StatusConflict)
		}
		seen[string(text)] = true
		_, _ = io.WriteString(w, "done")
	}))
	defer server.Close()
	done := run(t.Context(), job{Addr: server.Listener.Addr().String(), Row: rowWrite, Connections: 4, Duration: 50 * time.Millisecond})
	if done.Failure != "" || done.Requests == 0 || done.Requests != len(seen) || done.Answer != len("done") || done.P50 > done.P99 {
		t.Errorf("%+v, %d seen", done, len(seen))
	}
}

func TestAnyOtherAnswerFailsTheRun(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "too many", http.StatusTooManyRequests)
	}))
	defer server.Close()
	done := run(t.Context(), job{Addr: server.Listener.Addr().String(), Row: rowRead, Connections: 2, Duration: time.Minute})
	if !strings.Contains(done.Failure, "status 429: too many") {
		t.Errorf("%+v", done)
	}
}

func TestProxyForwards(t *testing.T) {
	backend := httptest.NewServer(ready(`{"note":"%s"}`))
	defer backend.Close()
	proxy, err := newProxy(backend.URL)
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(proxy)
	defer front.Close()
	done := run(t.Context(), job{Addr: front.Listener.Addr().String(), Row: rowForward, Connections: 2, Duration: 20 * time.Millisecond})
	if done.Failure != "" || done.Answer != answerBytes {
		t.Errorf("%+v", done)
	}
}

func TestParseStat(t *testing.T) {
	u, err := parseStat([]byte("42 (a) b (c) S 7 1 1 0 -1 4194560 1 2 3 4 10 20 3 4 20 0 5 0 99 1 1"))
	if err != nil || u.parent != 7 || u.cpu != 370*time.Millisecond {
		t.Errorf("%+v, %v", u, err)
	}
	if _, err := parseStat([]byte("42 (a) S 7")); err == nil {
		t.Error("half a line was read")
	}
}

func TestLinesSumUp(t *testing.T) {
	var samples []sample
	for i, ratio := range []float64{1.5, 1.2, 9} {
		samples = append(samples,
			sample{Round: i, Row: rowForward, Shape: shapeProxy, Ratio: 1},
			sample{Round: i, Row: rowRead, Shape: shapeTyped, Ratio: ratio})
	}
	lines := linesOf(samples)
	if len(lines) != 2 || lines[0].Shape != shapeProxy || lines[0].Goal != 0 {
		t.Fatalf("%+v", lines)
	}
	if got := lines[1]; got.Ratio != (spread{1.5, 1.2, 9}) || got.Goal != goals[rowRead] {
		t.Errorf("%+v", got)
	}
}

func TestChosen(t *testing.T) {
	if got, err := chosen("-shapes", "layers,typed", shapeNames); err != nil || strings.Join(got, " ") != "typed layers" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := chosen("-rows", "read,delete", rowNames); err == nil {
		t.Error("an unknown row was taken")
	}
}
