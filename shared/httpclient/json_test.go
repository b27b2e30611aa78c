package httpclient

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"puente/shared/config"
	"puente/shared/problem"
)

// ledger is a system that answers as it is told and remembers what it was asked.
type ledger struct {
	*httptest.Server
	status int
	answer string
	asked  string // request line, body and credentials
}

func newLedger(t *testing.T) *ledger {
	l := &ledger{status: http.StatusOK, answer: `{"balance": 5}`}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		l.asked = strings.TrimSpace(strings.Join([]string{
			r.Method, r.RequestURI, string(body), r.Header.Get("Content-Type"), r.Header.Get("Authorization"),
		}, " "))
		w.WriteHeader(l.status)
		io.WriteString(w, l.answer)
	}))
	t.Cleanup(l.Close)
	return l
}

func (l *ledger) client(t *testing.T) *Client {
	c := New("ledger", Config{URL: l.URL + "/", Breaker: Breaker{Off: true}}, Deps{Credentials: Bearer(config.NewSecret("key"))})
	t.Cleanup(c.Close)
	return c
}

func TestJSON(t *testing.T) {
	l := newLedger(t)
	c := l.client(t)
	var answer struct {
		Balance int `json:"balance"`
	}
	read := c.JSON("getBalance", Safe, "GET /lines/{}/balance/{}")
	ask := Ask{Path: []string{"a/b ?#%2F", "ñ"}, Query: url.Values{"of": {"1&2=3 +"}}}
	if err := read.Call(t.Context(), ask, &answer); err != nil || answer.Balance != 5 {
		t.Errorf("%+v %v", answer, err)
	}
	if want := "GET /lines/a%2Fb%20%3F%23%252F/balance/%C3%B1?of=1%262%3D3+%2B   Bearer key"; l.asked != want {
		t.Errorf("asked %s\nwant  %s", l.asked, want)
	}
	write := c.JSON("setBalance", Once, "POST /lines")
	if err := write.Call(t.Context(), Ask{Body: map[string]int{"balance": 5}}, &answer); err != nil {
		t.Error(err)
	}
	if want := `POST /lines {"balance":5} application/json Bearer key`; l.asked != want {
		t.Errorf("asked %s\nwant  %s", l.asked, want)
	}
}

// A value that would lead elsewhere than to its place in the path is never sent.
func TestJSONNamesNothing(t *testing.T) {
	l := newLedger(t)
	read := l.client(t).JSON("getBalance", Safe, "GET /lines/{}/balance")
	for _, value := range []string{"", ".", ".."} {
		err := read.Call(t.Context(), Ask{Path: []string{value}}, new(any))
		if !errors.Is(err, problem.NotFound) || l.asked != "" {
			t.Errorf("%q: %v, asked %q", value, err, l.asked)
		}
	}
}

func TestJSONFailures(t *testing.T) {
	l := newLedger(t)
	c := l.client(t)
	refused, gone := &problem.Error{Kind: problem.Rejected, Code: "REFUSED"}, &problem.Error{Kind: problem.Rejected, Code: "GONE"}
	for _, test := range []struct {
		method string
		status int
		answer string
		want   problem.Kind
		code   string
	}{
		{"GET", 404, ``, problem.NotFound, ""},
		{"GET", 404, "\n", problem.NotFound, ""},
		{"GET", 404, `{"codigo": "NO_EXISTE"}`, problem.NotFound, ""},
		{"GET", 404, `<html>no such page</html>`, problem.BadUpstream, ""}, // of a proxy, not of the system
		{"POST", 404, ``, problem.BadUpstream, ""},
		{"DELETE", 404, `{"gone": true}`, problem.Rejected, "GONE"},
		{"POST", 422, `{"refused": true}`, problem.Rejected, "REFUSED"},
		{"POST", 422, `{}`, problem.BadUpstream, ""},
		{"POST", 400, `{"refused": true}`, problem.BadUpstream, ""},
		{"POST", 409, `{}`, problem.BadUpstream, ""},
		{"POST", 429, ``, problem.Unavailable, ""},
		{"GET", 401, ``, problem.BadUpstream, ""},
		{"GET", 302, ``, problem.BadUpstream, ""},
		{"GET", 503, ``, problem.BadUpstream, ""},
		{"GET", 200, ``, problem.BadUpstream, ""},
		{"GET", 200, `<html>`, problem.BadUpstream, ""},
		{"GET", 200, `{"balance": 5} {}`, problem.BadUpstream, ""},
		{"GET", 200, `{"balance": 5, "balance": 6}`, problem.BadUpstream, ""},
		{"GET", 200, `{"balance": "3000000019"}`, problem.BadUpstream, ""},
		{"POST", 204, ``, problem.BadUpstream, ""},
	} {
		l.status, l.answer = test.status, test.answer
		op := c.JSON("operation", Safe, test.method+" /")
		op.Refusal = func(status int, text []byte) error {
			switch {
			case status == 422 && string(text) == `{"refused": true}`:
				return refused
			case status == 404 && string(text) == `{"gone": true}`:
				return gone
			}
			return nil
		}
		var answer struct {
			Balance int `json:"balance"`
		}
		err := op.Call(t.Context(), Ask{}, &answer)
		if e := problem.Of(err); e == nil || e.Kind != test.want || e.Code != test.code {
			t.Errorf("%s %d %s: %v", test.method, test.status, test.answer, err)
		}
		if err != nil && strings.Contains(err.Error(), "3000000019") {
			t.Errorf("the error repeats the answer: %v", err)
		}
	}
}

// Where nothing is to be answered, a page that a balancer shows with status 200 is no success.
func TestJSONWithoutAnswer(t *testing.T) {
	l := newLedger(t)
	op := l.client(t).JSON("removeLine", Safe, "DELETE /lines/{}")
	for status, answers := range map[int]map[string]bool{204: {"": true}, 200: {"": true, "\n": true, "<html>": false, "{}": false}, 500: {"": false}} {
		for answer, good := range answers {
			l.status, l.answer = status, answer
			err := op.Call(t.Context(), Ask{Path: []string{"1"}}, nil)
			if good != (err == nil) || !good && !errors.Is(err, problem.BadUpstream) {
				t.Errorf("%d %q: %v", status, answer, err)
			}
		}
	}
}

// A system whose "not there" is acted upon is believed in its own words only.
func TestJSONAbsent(t *testing.T) {
	l := newLedger(t)
	read := l.client(t).JSON("getBalance", Safe, "GET /lines/{}/balance")
	read.Absent = func(text []byte) bool { return strings.Contains(string(text), "NO_EXISTE") }
	l.status = http.StatusNotFound
	for answer, want := range map[string]problem.Kind{
		`{"codigo": "NO_EXISTE"}`: problem.NotFound, ``: problem.BadUpstream, `{"message": "no Route matched"}`: problem.BadUpstream,
	} {
		l.answer = answer
		if err := read.Call(t.Context(), Ask{Path: []string{"1"}}, new(any)); !errors.Is(err, want) {
			t.Errorf("%s: %v", answer, err)
		}
	}
}
