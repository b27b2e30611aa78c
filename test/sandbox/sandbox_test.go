package sandbox_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"puente/shared/config"
	"puente/shared/problem"
	"puente/test/sandbox"
	"puente/test/sandbox/botservice"
	"puente/test/sandbox/fault"
	"puente/test/sandbox/oauthprovider"
	"puente/test/sandbox/sandboxtest"
)

func TestMain(m *testing.M) {
	status := m.Run()
	http.DefaultClient.CloseIdleConnections()
	if err := goleak.Find(); status == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

const portability = "/botservice/api/saleorder/v1/portability"

func body(phone string) string {
	return `{"date":"2025-05-25T00:00:00","nip":"","numOrder":"MDM-PLTE-022944","operator":"FAKE","operatorCode":"00036",` +
		`"planType":"2","phone":"` + phone + `","resend":false,"extendedMonth":true,"order":{"flow":"LTE"}}`
}

// answer is what a caller got: a whole answer or an error.
type answer struct {
	status int
	header http.Header
	body   string
	err    error
}

func call(ctx context.Context, method, url, body string, header ...string) answer {
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return answer{err: err}
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return answer{err: err}
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(text), err}
}

func file(t *testing.T, s *sandboxtest.Sandbox, phone string) answer {
	t.Helper()
	return call(t.Context(), "POST", s.URL+portability, body(phone), "X-Correlation-ID", "c-"+phone)
}

// filed is how many NIPs BotService made for phone.
func filed(s *sandboxtest.Sandbox, phone string) (n int) {
	for _, nip := range s.BotService.Effects().NIPs {
		if nip.Phone == phone {
			n++
		}
	}
	return n
}

func struck(kind fault.Kind) func([]sandbox.Request) bool {
	return func(rs []sandbox.Request) bool {
		return slices.ContainsFunc(rs, func(r sandbox.Request) bool { return r.Fault == kind })
	}
}

func abandoned(rs []sandbox.Request) bool {
	return slices.ContainsFunc(rs, func(r sandbox.Request) bool { return r.Abandoned != nil })
}

func TestRequestsAreRecorded(t *testing.T) {
	s := sandboxtest.Start(t, sandbox.Config{Clients: []oauthprovider.Client{
		{ClientID: "tienda", Secret: config.NewSecret("s3cret"), Scopes: []string{"portabilities"}},
	}})
	call(t.Context(), "POST", s.URL+portability+"?trace=1", body("3000000019"),
		"X-Correlation-ID", "TIENDA-1", "Authorization", "Bearer abc", "X-Api-Key", "abc", "Idempotency-Key", "k-1")
	call(t.Context(), "POST", s.URL+"/oauth2/token", "grant_type=client_credentials&client_id=tienda&client_secret=s3cret",
		"Content-Type", "application/x-www-form-urlencoded")
	call(t.Context(), "PUT", s.URL+portability, "")
	call(t.Context(), "POST", s.URL+portability, strings.Repeat("x", 65<<10))

	got := call(t.Context(), "GET", s.URL+"/_sandbox/requests", "")
	var all []sandbox.Request
	if err := json.Unmarshal([]byte(got.body), &all); err != nil || len(all) != 4 {
		t.Fatalf("%v: %s", err, got.body)
	}
	first, form, none, long := all[0], all[1], all[2], all[3]
	if first.System != "botservice" || first.Operation != "portability" || first.Method != "POST" || first.Path != portability ||
		first.Query != "trace=1" || first.CorrelationID != "TIENDA-1" || first.Body != body("3000000019") || first.Status != 200 ||
		first.Time.IsZero() || first.Number != 1 {
		t.Errorf("recorded %+v", first)
	}
	for name, want := range map[string]string{
		"X-Correlation-Id": "TIENDA-1", "Authorization": "Bearer ******", "X-Api-Key": "******", "Idempotency-Key": "k-1",
	} {
		if first.Headers.Get(name) != want {
			t.Errorf("%s: %q", name, first.Headers.Get(name))
		}
	}
	if form.System != "oauth" || form.Operation != "token" || form.Status != 200 ||
		form.Body != "grant_type=client_credentials&client_id=tienda&client_secret=******" {
		t.Errorf("recorded %+v", form)
	}
	if none.System != "" || none.Status != 405 {
		t.Errorf("a method that no operation has is recorded as %+v", none)
	}
	if len(long.Body) != 64<<10 || !long.BodyCut {
		t.Errorf("a long body is recorded with %d bytes, cut %v", len(long.Body), long.BodyCut)
	}
	for query, want := range map[string]int{
		"system=botservice": 2, "system=botservice&operation=inquiry": 0, "correlation=TIENDA-1": 1, "after=3": 1, "limit=2": 2,
	} {
		var some []sandbox.Request
		got := call(t.Context(), "GET", s.URL+"/_sandbox/requests?"+query, "")
		if err := json.Unmarshal([]byte(got.body), &some); err != nil || len(some) != want {
			t.Errorf("%s: %v, %d of them", query, err, len(some))
		}
	}
	if got := call(t.Context(), "GET", s.URL+"/_sandbox/requests?after=x", ""); got.status != 400 || !strings.Contains(got.body, "query.after") {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestRecorderIsBounded(t *testing.T) {
	s := sandboxtest.Start(t, sandbox.Config{Requests: 3})
	for i := range 10 {
		call(t.Context(), "GET", fmt.Sprintf("%s/%d", s.URL, i), "")
	}
	got := s.Requests(sandbox.Filter{})
	if len(got) != 3 || got[0].Number != 8 || got[2].Path != "/9" {
		t.Errorf("remembers %+v", got)
	}
}

func TestTooLongABody(t *testing.T) {
	s := sandboxtest.Start(t, sandbox.Config{})
	if got := call(t.Context(), "POST", s.URL+portability, strings.Repeat(" ", 8<<20+1)); got.status != 413 {
		t.Errorf("%d %v", got.status, got.err)
	}
}

func TestFaultsByHTTP(t *testing.T) {
	s := sandboxtest.Start(t, sandbox.Config{})
	set := func(text string) answer {
		return call(t.Context(), "POST", s.URL+"/_sandbox/faults", text, "Content-Type", "application/json")
	}
	if got := set(`{"system":"botservice","operation":"portability","fault":"status","status":503,"body":"{}","headers":{"Retry-After":"7"},"times":1}`); got.status != 201 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := file(t, s, "3000000019"); got.status != 503 || got.body != "{}" || got.header.Get("Retry-After") != "7" || filed(s, "3000000019") != 0 {
		t.Errorf("%+v", got)
	}
	if got := file(t, s, "3000000019"); got.status != 200 || filed(s, "3000000019") != 1 {
		t.Errorf("after its only time: %+v", got)
	}
	got := call(t.Context(), "GET", s.URL+"/_sandbox/faults", "")
	for _, part := range []string{`"fault":"status"`, `"calls":2`, `"strikes":1`} {
		if !strings.Contains(got.body, part) {
			t.Errorf("%s is not in %s", part, got.body)
		}
	}
	for text, member := range map[string]string{
		`{"system":"bot","fault":"hang"}`:                                 "system",
		`{"system":"botservice","operation":"file","fault":"hang"}`:       "operation",
		`{"system":"botservice","operation":"portability","fault":"bad"}`: "fault",
		`{"system":"botservice","fault":"hang","sytem":1}`:                "sytem",
	} {
		if got := set(text); got.status != 400 || !strings.Contains(got.body, `"path":"`+member+`"`) {
			t.Errorf("%s: %d %s", text, got.status, got.body)
		}
	}
	set(`{"system":"botservice","fault":"garbage"}`)
	if got := file(t, s, "3000000019"); got.status != 200 || !strings.Contains(got.body, "<html>") {
		t.Errorf("garbage: %+v", got)
	}
	if got := call(t.Context(), "DELETE", s.URL+"/_sandbox/faults?system=botservice", ""); got.status != 204 || len(s.Faults()) != 0 {
		t.Errorf("%d, left %+v", got.status, s.Faults())
	}
	if got := file(t, s, "3000000019"); got.status != 200 || !strings.Contains(got.body, `"success":true`) {
		t.Errorf("after clearing: %+v", got)
	}
}

func TestFlap(t *testing.T) {
	s := sandboxtest.Start(t, sandbox.Config{})
	s.Fault(t, fault.Fault{System: "botservice", Kind: fault.Flap})
	var up int
	for range 12 {
		if file(t, s, "3000000019").status == 200 {
			up++
		}
	}
	if up != 2 {
		t.Errorf("%d of 12 calls succeeded, want one of each six", up)
	}
}

func TestHangUntilTheCallerLeaves(t *testing.T) {
	for _, c := range []struct {
		phone string
		kind  fault.Kind
		done  int
	}{
		{"3000000504", fault.Hang, 0},
		{"3000000508", fault.HangAfterCommit, 1},
	} {
		t.Run(string(c.kind), func(t *testing.T) {
			s := sandboxtest.Start(t, sandbox.Config{})
			ctx, leave := context.WithCancel(t.Context())
			got := make(chan answer, 1)
			go func() { got <- call(ctx, "POST", s.URL+portability, body(c.phone)) }()
			if _, err := s.Await(t.Context(), sandbox.Filter{System: "botservice"}, struck(c.kind)); err != nil {
				t.Fatal(err)
			}
			leave()
			if a := <-got; !errors.Is(a.err, context.Canceled) {
				t.Errorf("answered %+v", a)
			}
			rs, err := s.Await(t.Context(), sandbox.Filter{System: "botservice"}, abandoned)
			if err != nil || rs[0].Status != 0 {
				t.Errorf("recorded %+v, %v", rs, err)
			}
			if n := filed(s, c.phone); n != c.done {
				t.Errorf("made %d NIPs", n)
			}
			want := map[int]int{0: 404, 1: 200}[c.done]
			if a := call(t.Context(), "GET", s.URL+portability+"?phone="+c.phone, ""); a.status != want {
				t.Errorf("the inquiry says %d %s", a.status, a.body)
			}
		})
	}
}

func TestReset(t *testing.T) {
	s := sandboxtest.Start(t, sandbox.Config{})
	for range 20 { // the reset may overtake the head of the answer, but never goes unseen
		got := file(t, s, "3000000507")
		if !errors.Is(got.err, syscall.ECONNRESET) && !errors.Is(got.err, io.ErrUnexpectedEOF) {
			t.Fatalf("%+v", got)
		}
	}
	if filed(s, "3000000507") != 20 {
		t.Errorf("made %d NIPs", filed(s, "3000000507"))
	}
}

func TestDrip(t *testing.T) {
	s := sandboxtest.Start(t, sandbox.Config{})
	s.Fault(t, fault.Fault{System: "botservice", Kind: fault.Drip, Period: time.Microsecond})
	if got := file(t, s, "3000000019"); got.status != 200 || !strings.HasSuffix(strings.TrimSpace(got.body), `"numOrder":"MDM-PLTE-022944"}`) {
		t.Errorf("%+v", got)
	}
}

func TestBrokenConnections(t *testing.T) {
	for kind, want := range map[fault.Kind]error{
		fault.Truncate: io.ErrUnexpectedEOF, fault.HalfClose: io.EOF, fault.Stale: nil,
	} {
		t.Run(string(kind), func(t *testing.T) {
			s := sandboxtest.Start(t, sandbox.Config{})
			s.Fault(t, fault.Fault{System: "botservice", Kind: kind})
			if got := file(t, s, "3000000019"); !errors.Is(got.err, want) {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestHeaderBomb(t *testing.T) {
	s := sandboxtest.Start(t, sandbox.Config{})
	s.Fault(t, fault.Fault{System: "botservice", Kind: fault.HeaderBomb})
	transport := &http.Transport{MaxResponseHeaderBytes: 64 << 20}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Post(s.URL+portability, "application/json", strings.NewReader(body("3000000019")))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	size := 0
	for name, values := range resp.Header {
		size += len(name) + len(values[0])
	}
	if size < 10_000_000 {
		t.Errorf("%d bytes of header", size)
	}
}

func TestGzipBomb(t *testing.T) {
	s := sandboxtest.Start(t, sandbox.Config{})
	r, err := http.NewRequestWithContext(t.Context(), "POST", s.URL+portability, strings.NewReader(body("3000000509")))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", "gzip") // and so net/http does not unpack it
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.Header.Get("Content-Encoding") != "gzip" || resp.ContentLength > 500_000 {
		t.Errorf("%s, %d bytes", resp.Header.Get("Content-Encoding"), resp.ContentLength)
	}
	unpacked, err := gzip.NewReader(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, unpacked); n != fault.BombSize || err != nil {
		t.Errorf("unpacks to %d bytes, %v", n, err)
	}
	if filed(s, "3000000509") != 0 {
		t.Error("a NIP was made")
	}
}

func TestLedger(t *testing.T) {
	s := sandboxtest.Start(t, sandbox.Config{})
	file(t, s, "3000000019")
	got := call(t.Context(), "GET", s.URL+"/_sandbox/ledger/botservice", "")
	var ledger botservice.Ledger
	if err := json.Unmarshal([]byte(got.body), &ledger); err != nil || len(ledger.NIPs) != 1 || ledger.NIPs[0].CorrelationID != "c-3000000019" {
		t.Errorf("%v: %s", err, got.body)
	}
	if got := call(t.Context(), "GET", s.URL+"/_sandbox/ledger/billing", ""); got.status != 404 || !strings.Contains(got.body, "botservice, inventory, orders, pqr, subscriber, tvplatforms, carrierbilling, smsc, partner, mobile, oauth") {
		t.Errorf("%d %s", got.status, got.body)
	}
	if _, err := s.Ledger("billing"); !errors.Is(err, problem.NotFound) {
		t.Errorf("got %v", err)
	}
}

// A reset forgets everything and lets nobody hang.
func TestPostReset(t *testing.T) {
	s := sandboxtest.Start(t, sandbox.Config{})
	file(t, s, "3000000019")
	s.Fault(t, fault.Fault{System: "botservice", Kind: fault.LateCommit, Delay: time.Hour})
	got := make(chan answer, 1)
	go func() { got <- call(t.Context(), "POST", s.URL+portability, body("3000000018")) }()
	if _, err := s.Await(t.Context(), sandbox.Filter{}, struck(fault.LateCommit)); err != nil {
		t.Fatal(err)
	}
	if a := call(t.Context(), "POST", s.URL+"/_sandbox/reset", ""); a.status != 204 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := <-got; !errors.Is(a.err, io.EOF) {
		t.Errorf("who waited got %+v", a)
	}
	if l := s.BotService.Effects(); len(s.Requests(sandbox.Filter{}))+len(s.Faults())+len(l.NIPs) > 0 {
		t.Errorf("remembers %+v, %+v, %+v", s.Requests(sandbox.Filter{}), s.Faults(), l)
	}
	if a := file(t, s, "3000000019"); a.status != 200 || !strings.Contains(a.body, "PR-000001") {
		t.Errorf("%+v", a)
	}
}

func TestClock(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var offset time.Duration
	s := sandboxtest.Start(t, sandbox.Config{Now: func() time.Time { return now }, Clock: &sandbox.Clock{
		Offset:    func(context.Context) (time.Duration, error) { return offset, nil },
		SetOffset: func(_ context.Context, d time.Duration) error { offset = d; return nil },
	}})
	const want = `{"offset":"720h0m0s","now":"2026-01-31T00:00:00Z"}`
	if got := call(t.Context(), "POST", s.URL+"/_sandbox/clock", `{"offset":"720h"}`); got.status != 200 || strings.TrimSpace(got.body) != want {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := call(t.Context(), "GET", s.URL+"/_sandbox/clock", ""); strings.TrimSpace(got.body) != want {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := call(t.Context(), "POST", s.URL+"/_sandbox/clock", `{"offset":"a month"}`); got.status != 400 || offset != 720*time.Hour {
		t.Errorf("%d %s, offset %v", got.status, got.body, offset)
	}
	without := sandboxtest.Start(t, sandbox.Config{})
	if got := call(t.Context(), "GET", without.URL+"/_sandbox/clock", ""); got.status != 404 {
		t.Errorf("without a clock: %d", got.status)
	}
}

func TestControlsAreForLoopback(t *testing.T) {
	s := sandboxtest.Start(t, sandbox.Config{})
	for _, target := range []string{
		"/_sandbox/requests", "/_sandbox/ledger/botservice", "/_sandbox/faults", "/_sandbox/systems", "/_sandbox/nothing", "/_sandbox",
	} {
		for peer, want := range map[string]bool{
			"127.0.0.1:40000": true, "[::1]:40000": true, "[::ffff:127.0.0.1]:40000": true,
			"192.0.2.1:40000": false, "[2001:db8::1]:40000": false, "10.0.0.1:40000": false, "@": false,
		} {
			r := httptest.NewRequest("GET", target, nil)
			r.RemoteAddr = peer
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, r)
			if (w.Code != http.StatusForbidden) != want {
				t.Errorf("%s from %s: %d", target, peer, w.Code)
			}
		}
	}
	// Neither may a page in a browser on this machine.
	if got := call(t.Context(), "POST", s.URL+"/_sandbox/reset", "", "Origin", "https://example.com", "Sec-Fetch-Site", "cross-site"); got.status != 403 {
		t.Errorf("a foreign page: %d", got.status)
	}
}

func TestListensOnLoopbackOnly(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "nonsense"} {
		s, err := sandbox.New(sandbox.Config{Addr: addr})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if l, err := s.Listen(); err == nil {
			l.Close()
			t.Errorf("listens on %s", addr)
		}
	}
}
