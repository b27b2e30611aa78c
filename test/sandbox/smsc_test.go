package sandbox_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"puente/test/sandbox"
	"puente/test/sandbox/fault"
	"puente/test/sandbox/sandboxtest"
	"puente/test/sandbox/smsc"
)

const sendsms = "/smsc/cgi-bin/sendsms"

// gatewayClient is what the gateway calls back: it answers the statuses in turn, the last for ever.
func gatewayClient(t *testing.T, statuses ...int) (at string, got chan url.Values) {
	t.Helper()
	got = make(chan url.Values, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := statuses[0]
		if len(statuses) > 1 {
			statuses = statuses[1:]
		}
		got <- r.URL.Query()
		w.WriteHeader(status)
	}))
	t.Cleanup(server.Close)
	return server.URL, got
}

// next is the next call back.
func next(t *testing.T, got chan url.Values) url.Values {
	t.Helper()
	select {
	case v := <-got:
		return v
	case <-time.After(10 * time.Second):
		t.Fatal("no call back")
		return nil
	}
}

func sms(to, text string, more ...string) string {
	v := url.Values{"username": {"u"}, "password": {"p"}, "from": {"2200"}, "to": {to}, "text": {text}}
	for i := 0; i < len(more); i += 2 {
		v.Set(more[i], more[i+1])
	}
	return sendsms + "?" + v.Encode()
}

func TestSendsms(t *testing.T) {
	s := operator(t)
	says(t, s, "GET", sms("56912345678", "Su PIN es 4711"), "", 202, "0: Accepted for delivery")
	posted := call(t.Context(), "POST", s.URL+sendsms, "Canci\xf3n", "X-Kannel-From", "2200", "X-Kannel-To", "+56912345678", "X-Kannel-Coding", "2", "X-Kannel-Validity", "5",
		"Content-Type", "text/plain; charset=ISO-8859-1", "X-Correlation-ID", "c-2")
	if posted.status != 202 {
		t.Errorf("%d %s", posted.status, posted.body)
	}
	want := []smsc.Message{
		{Number: "MT000000001", From: "2200", To: "56912345678", Text: "Su PIN es 4711", Reports: []int{}, CorrelationID: "c-1", SentAt: now},
		{Number: "MT000000002", From: "2200", To: "56912345678", Text: "Canción", Coding: "2", Validity: "5", Reports: []int{}, CorrelationID: "c-2", SentAt: now},
	}
	says(t, s, "GET", sms("56911111111", "x"), "", 202, "0: Accepted for delivery")
	var got []smsc.Message
	if shown := call(t.Context(), "GET", s.URL+"/_sandbox/smsc/messages?to=56912345678", ""); json.Unmarshal([]byte(shown.body), &got) != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%s", shown.body)
	}
	for target, said := range map[string]string{
		sms("", "x"):                            "Missing receiver number, rejected",
		sms("56912345678", "x", "from", ""):     "Sender missing and no global set, rejected",
		sms("56912345678", "x", "charset", "?"): "Charset or body misformed, rejected",
	} {
		says(t, s, "GET", target, "", 400, said)
	}
	if n := len(s.SMSC.Messages("")); n != 3 {
		t.Errorf("%d sent", n)
	}
}

func TestSettingsOfTheGateway(t *testing.T) {
	s := operator(t)
	const control = "/_sandbox/smsc/settings"
	for answer, said := range map[string]string{"queued": "202 3: Queued for later delivery", "unroutable": "403 Not routable. Do not try again.", "temporal": "503 Temporal failure, try again later."} {
		call(t.Context(), "POST", s.URL+control, `{"answer":"`+answer+`"}`)
		if got := call(t.Context(), "GET", s.URL+sms("56912345678", "x"), ""); fmt.Sprint(got.status, " ", got.body) != said {
			t.Errorf("%s: %d %s", answer, got.status, got.body)
		}
	}
	call(t.Context(), "POST", s.URL+control, `{"answer":"","username":"u","password":"other"}`)
	says(t, s, "GET", sms("56912345678", "x"), "", 403, "Authorization failed for sendsms")
	for body, part := range map[string]string{`{"answer":"no"}`: `"path":"answer"`, `{"late":"x"}`: `"path":"late"`, `{"moUrl":"x"}`: `"path":"moUrl"`, `{"no":1}`: "not what this control takes", ``: "not what this control takes"} {
		if got := call(t.Context(), "POST", s.URL+control, body); got.status != 400 || !strings.Contains(got.body, part) {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
	call(t.Context(), "POST", s.URL+control, `{"moUrl":"http://127.0.0.1:1/?from=%p"}`)
	if err := s.Reset(); err != nil {
		t.Fatal(err)
	}
	says(t, s, "GET", control, "", 200, `{"moUrl":"http://127.0.0.1:1/?from=%p","username":"","password":"","late":"30s","answer":""}`)
}

// Reports come as the mask asks for them, until they are taken.
func TestReports(t *testing.T) {
	at, got := gatewayClient(t, 503, 200)
	s := operator(t)
	report := at + "/?id=7&d=%d&A=%A"
	say := func(to string, mask string) {
		says(t, s, "GET", sms(to, "x", "dlr-mask", mask, "dlr-url", report), "", 202, "0: Accepted for delivery")
	}
	say("56920000000", "27")
	for _, want := range []string{"8", "8", "1"} { // the first was not taken
		if v := next(t, got); v.Get("d") != want || v.Get("id") != "7" {
			t.Errorf("%v, want %s", v, want)
		}
	}
	say("56920003000", "19")
	if v := next(t, got); v.Get("d") != "2" || !strings.Contains(v.Get("A"), "stat:UNDELIV") {
		t.Errorf("%v", v)
	}
	say("56920003001", "27")
	if v := next(t, got); v.Get("d") != "8" {
		t.Errorf("%v", v)
	}
	if answer := call(t.Context(), "POST", s.URL+"/_sandbox/smsc/messages/MT000000003", `{"status":34,"answer":"stat:EXPIRED"}`); answer.status != 200 || !strings.Contains(answer.body, `34]`) {
		t.Errorf("%d %s", answer.status, answer.body)
	}
	if v := next(t, got); v.Get("d") != "34" || v.Get("A") != "stat:EXPIRED" {
		t.Errorf("%v", v)
	}
	call(t.Context(), "POST", s.URL+"/_sandbox/smsc/settings", `{"late":"1ms"}`)
	say("56920003001", "1")
	if v := next(t, got); v.Get("d") != "1" {
		t.Errorf("%v", v)
	}
	says(t, s, "GET", sms("56920000000", "x"), "", 202, "0: Accepted for delivery") // nobody wants to know
	for path, status := range map[string]int{"MT000000005": 409, "MT000000009": 404} {
		if answer := call(t.Context(), "POST", s.URL+"/_sandbox/smsc/messages/"+path, `{"status":1}`); answer.status != status {
			t.Errorf("%s: %d %s", path, answer.status, answer.body)
		}
	}
}

func TestPhonesSend(t *testing.T) {
	at, got := gatewayClient(t, 500, 200)
	s := operator(t)
	const control = "/_sandbox/smsc/mo"
	if answer := call(t.Context(), "POST", s.URL+control, `{"from":"56912345678","to":"2200","text":"SALIR"}`); answer.status != 409 || !strings.Contains(answer.body, "moUrl") {
		t.Errorf("%d %s", answer.status, answer.body)
	}
	call(t.Context(), "POST", s.URL+"/_sandbox/smsc/settings", fmt.Sprintf(`{"moUrl":"%s/?secret=s&from=%%p&to=%%P&text=%%b&all=%%a&charset=%%C&coding=%%c&id=%%I&ref=%%F"}`, at))
	says(t, s, "POST", control, `{"from":"56912345678","to":"2200","text":"SALIR  ñ"}`, 200, `{"from":"56912345678","to":"2200","text":"SALIR  ñ","reference":"MO000000001","statuses":[500]}`)
	one, again := next(t, got), next(t, got)
	if one.Get("text") != "SALIR  ñ" || one.Get("all") != "SALIR ñ" || one.Get("charset") != "UTF-8" || one.Get("id") != again.Get("id") || one.Get("ref") != "MO000000001" || one.Get("secret") != "s" {
		t.Errorf("%v %v", one, again)
	}
	call(t.Context(), "POST", s.URL+control, `{"from":"56912343002","to":"2200","text":"€"}`)
	one, again = next(t, got), next(t, got)
	if one.Get("text") != "\x20\xac" || one.Get("charset") != "UTF-16BE" || one.Get("coding") != "2" || one.Get("id") == again.Get("id") || one.Get("ref") != again.Get("ref") {
		t.Errorf("%v %v", one, again)
	}
	for body, part := range map[string]string{`{}`: `"path":"from"`, `{"text":1}`: "not what"} {
		if answer := call(t.Context(), "POST", s.URL+control, body); answer.status != 400 || !strings.Contains(answer.body, part) {
			t.Errorf("%s: %d %s", body, answer.status, answer.body)
		}
	}
}

// A fault strikes the gateway like any other system, before it sent or after.
func TestFaultsOfTheGateway(t *testing.T) {
	s := sandboxtest.Start(t, sandbox.Config{})
	commit := true
	s.Fault(t, fault.Fault{System: "smsc", Operation: "sendsms", Kind: fault.Status, Status: 502, Commit: &commit, Times: 1})
	if got := call(t.Context(), "GET", s.URL+sms("56912345678", "x"), ""); got.status != 502 || len(s.SMSC.Messages("56912345678")) != 1 {
		t.Errorf("%d %v", got.status, s.SMSC.Messages(""))
	}
}
