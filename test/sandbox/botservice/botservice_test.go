package botservice_test

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"puente/test/sandbox/botservice"
)

const path = "/botservice/api/saleorder/v1/portability"

// peer is a BotService that listens.
type peer struct {
	*botservice.Service
	t   testing.TB
	url string
}

func start(t testing.TB, cfg botservice.Config) peer {
	t.Helper()
	s, err := botservice.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	s.Mount(func(_, pattern string, handler http.HandlerFunc) { mux.Handle(pattern, handler) })
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return peer{s, t, server.URL}
}

// sample is the documents' request with some members changed; nil removes one.
func sample(changes map[string]any) string {
	body := map[string]any{
		"date": "2025-05-25T00:00:00", "nip": "", "numOrder": "MDM-PLTE-022944", "operator": "FAKE",
		"operatorCode": "00036", "planType": "2", "phone": "3000000019", "resend": false,
		"extendedMonth": true, "order": map[string]any{"flow": "LTE"},
	}
	maps.Copy(body, changes)
	maps.DeleteFunc(body, func(_ string, v any) bool { return v == nil })
	text, _ := json.Marshal(body)
	return string(text)
}

func (p peer) post(correlation, body string) (int, string) {
	p.t.Helper()
	r, err := http.NewRequest("POST", p.url+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("X-Correlation-ID", correlation)
	return p.do(r)
}

func (p peer) inquire(query string) (int, string) {
	p.t.Helper()
	r, err := http.NewRequest("GET", p.url+path+"?"+query, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.do(r)
}

func (p peer) do(r *http.Request) (int, string) {
	p.t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSpace(string(body))
}

func TestPortIn(t *testing.T) {
	now := time.Date(2025, 5, 25, 12, 0, 0, 0, time.UTC)
	p := start(t, botservice.Config{Now: func() time.Time { return now }})
	const nip = "76819" // as the package comment says
	for _, step := range []struct {
		correlation, body string
		status            int
		want              string
	}{
		{"c-1", sample(nil), 200,
			`{"success":true,"state":"NIP_REQUESTED","requestId":"PR-000001","phone":"3000000019","numOrder":"MDM-PLTE-022944"}`},
		{"c-2", sample(map[string]any{"resend": true}), 200,
			`{"success":true,"state":"NIP_RESENT","requestId":"PR-000002","phone":"3000000019","numOrder":"MDM-PLTE-022944"}`},
		{"c-3", sample(map[string]any{"nip": "00000"}), 400,
			`[{"message":"The NIP is not the current NIP of the line","errorCode":"INVALID_NIP"}]`},
		{"c-4", sample(map[string]any{"nip": nip}), 200,
			`{"success":true,"state":"PORT_IN_FILED","requestId":"PR-000003","phone":"3000000019","numOrder":"MDM-PLTE-022944"}`},
		{"c-4", sample(map[string]any{"nip": nip}), 200, // not idempotent: filed again
			`{"success":true,"state":"PORT_IN_FILED","requestId":"PR-000004","phone":"3000000019","numOrder":"MDM-PLTE-022944"}`},
	} {
		if status, body := p.post(step.correlation, step.body); status != step.status || body != step.want {
			t.Fatalf("%s: %d %s", step.correlation, status, body)
		}
	}

	sms := botservice.NIP{
		RequestID: "PR-000001", Phone: "3000000019", NumOrder: "MDM-PLTE-022944", NIP: nip, CorrelationID: "c-1", RequestedAt: now,
	}
	again := sms
	again.RequestID, again.CorrelationID, again.Resend = "PR-000002", "c-2", true
	filed := botservice.PortIn{
		RequestID: "PR-000003", Phone: "3000000019", NumOrder: "MDM-PLTE-022944", NIP: nip, CorrelationID: "c-4",
		FiledAt: now, State: botservice.PortInFiled,
	}
	twice := filed
	twice.RequestID = "PR-000004"
	want := botservice.Ledger{NIPs: []botservice.NIP{sms, again}, PortIns: []botservice.PortIn{filed, twice}}
	if got := p.Effects(); !reflect.DeepEqual(got, want) {
		t.Errorf("ledger %+v", got)
	}

	const answer = `{"phone":"3000000019","numOrder":"MDM-PLTE-022944","state":"PORT_IN_FILED","requestId":"PR-000004",` +
		`"nipRequests":[{"correlationId":"c-1","requestedAt":"2025-05-25T12:00:00Z","resend":false},` +
		`{"correlationId":"c-2","requestedAt":"2025-05-25T12:00:00Z","resend":true}],` +
		`"portIns":[{"requestId":"PR-000003","numOrder":"MDM-PLTE-022944","nip":"NIP","correlationId":"c-4","filedAt":"2025-05-25T12:00:00Z","state":"PORT_IN_FILED"},` +
		`{"requestId":"PR-000004","numOrder":"MDM-PLTE-022944","nip":"NIP","correlationId":"c-4","filedAt":"2025-05-25T12:00:00Z","state":"PORT_IN_FILED"}]}`
	for _, query := range []string{"phone=3000000019", "phone=3000000019&numOrder=MDM-PLTE-022944"} {
		if status, body := p.inquire(query); status != 200 || body != strings.ReplaceAll(answer, "NIP\"", nip+"\"") {
			t.Errorf("%s: %d %s", query, status, body)
		}
	}
}

func TestInquiryOfNothing(t *testing.T) {
	p := start(t, botservice.Config{})
	p.post("c-1", sample(nil))
	for query, want := range map[string]int{
		"phone=3000000018": 404, "phone=3000000019&numOrder=OTHER": 404, "": 400, "phone=3000000019": 200,
	} {
		if status, body := p.inquire(query); status != want {
			t.Errorf("%q: %d %s", query, status, body)
		}
	}
}

func TestRejections(t *testing.T) {
	p := start(t, botservice.Config{})
	for _, c := range []struct {
		name, body, code string
	}{
		{"not JSON", `{`, "JSON_PARSER_ERROR"},
		{"null", `null`, "REQUIRED_FIELD_MISSING"},
		{"trailing data", sample(nil) + `{}`, "JSON_PARSER_ERROR"},
		{"wrong type", sample(map[string]any{"resend": "false"}), "JSON_PARSER_ERROR"},
		{"unknown column", sample(map[string]any{"Segmento": "x"}), "INVALID_FIELD"},
		{"no phone", sample(map[string]any{"phone": nil}), "REQUIRED_FIELD_MISSING"},
		{"no flow", sample(map[string]any{"order": map[string]any{}}), "REQUIRED_FIELD_MISSING"},
		{"not a mobile", sample(map[string]any{"phone": "6012450001"}), "INVALID_FIELD"},
		{"NIP and resend", sample(map[string]any{"nip": "12345", "resend": true}), "INVALID_FIELD"},
		{"NIP never made", sample(map[string]any{"nip": "12345"}), "INVALID_NIP"},
		{"resend of nothing", sample(map[string]any{"resend": true}), "INVALID_NIP"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, body := p.post("c", c.body)
			var errs []struct{ Message, ErrorCode string }
			if err := json.Unmarshal([]byte(body), &errs); err != nil || len(errs) != 1 {
				t.Fatalf("%d %s", status, body)
			}
			if status != 400 || errs[0].ErrorCode != c.code || errs[0].Message == "" {
				t.Errorf("%d %s", status, body)
			}
		})
	}
	if l := p.Effects(); len(l.NIPs)+len(l.PortIns) > 0 {
		t.Errorf("a rejected request left %+v", l)
	}
	if status, body := p.post("c", sample(map[string]any{"numOrder": nil})); status != 200 {
		t.Errorf("numOrder is optional, yet %d %s", status, body)
	}
}

// What needs a connection or a clock of its own is tested with the host.
func TestMagicAnswers(t *testing.T) {
	p := start(t, botservice.Config{})
	for phone, want := range map[string]struct {
		status int
		part   string
	}{
		"3000000409": {400, `"message":"ERROR at Row:1:Column:212 No such column 'Segmento' on entity 'Account'.","errorCode":"INVALID_FIELD"`},
		"3000000500": {500, `"errorCode":"UNKNOWN_EXCEPTION"`},
		"3000000502": {200, `<html>`},
		"3000000503": {503, `"errorCode":"SERVER_UNAVAILABLE"`},
	} {
		status, body := p.post("c", sample(map[string]any{"phone": phone}))
		if status != want.status || !strings.Contains(body, want.part) {
			t.Errorf("%s: %d %s", phone, status, body)
		}
		if status, _ := p.inquire("phone=" + phone); status != 404 {
			t.Errorf("%s: the inquiry knows of work: %d", phone, status)
		}
	}
}

func TestJournalOutlivesTheProcess(t *testing.T) {
	file := filepath.Join(t.TempDir(), "botservice.jsonl")
	first := start(t, botservice.Config{Journal: file})
	first.post("c-1", sample(nil))
	first.post("c-2", sample(map[string]any{"nip": botservice.NIPFor("3000000019", 1)}))
	want := first.Effects()

	torn, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	torn.WriteString(`{"sequence":3,"phone":"30000`) // the process died within a write
	torn.Close()

	second := start(t, botservice.Config{Journal: file})
	if got := second.Effects(); !reflect.DeepEqual(got, want) {
		t.Fatalf("after a restart %+v", got)
	}
	if _, body := second.post("c-3", sample(map[string]any{"resend": true})); !strings.Contains(body, "PR-000003") {
		t.Errorf("goes on with %s", body)
	}
	want = second.Effects()
	third := start(t, botservice.Config{Journal: file})
	if got := third.Effects(); !reflect.DeepEqual(got, want) {
		t.Errorf("after two restarts %+v", got)
	}
	if err := third.Reset(); err != nil {
		t.Fatal(err)
	}
	if got := start(t, botservice.Config{Journal: file}).Effects(); len(got.NIPs)+len(got.PortIns) > 0 {
		t.Errorf("after a reset %+v", got)
	}
}

func TestJournalThatIsNone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "botservice.jsonl")
	if err := os.WriteFile(file, []byte("{}\nhello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := botservice.New(botservice.Config{Journal: file}); err == nil || !strings.Contains(err.Error(), file+":2") {
		t.Errorf("got %v", err)
	}
}

// Memory and journal are bounded: the oldest events are forgotten, and with them their phones.
func TestBounded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "botservice.jsonl")
	const limit = 5
	p := start(t, botservice.Config{Journal: file, Events: limit})
	rapid.Check(t, func(t *rapid.T) {
		for range rapid.IntRange(1, 3*limit).Draw(t, "requests") {
			phone := rapid.SampledFrom([]string{"3000000001", "3000000002", "3000000003"}).Draw(t, "phone")
			p.post("c", sample(map[string]any{"phone": phone}))
		}
		memory := p.Effects()
		if len(memory.NIPs) > limit {
			t.Fatalf("%d events are remembered", len(memory.NIPs))
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(string(text), "\n"); lines > 2*limit {
			t.Fatalf("the journal has %d lines", lines)
		}
		again, err := botservice.New(botservice.Config{Journal: file, Events: limit})
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		if got := again.Effects(); !reflect.DeepEqual(got, memory) {
			t.Fatalf("the journal holds %+v, memory %+v", got, memory)
		}
	})
}

func TestNIPsOfALineDiffer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		phone := rapid.StringMatching(`3[0-9]{9}`).Draw(t, "phone")
		n := rapid.IntRange(1, 1_000_000).Draw(t, "n")
		nip := botservice.NIPFor(phone, n)
		if len(nip) != 5 || nip == botservice.NIPFor(phone, n+1) {
			t.Fatalf("%s, then %s", nip, botservice.NIPFor(phone, n+1))
		}
	})
}
