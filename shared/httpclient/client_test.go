package httpclient

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"puente/shared/problem"
	"puente/shared/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStatusError(t *testing.T) {
	tests := []struct {
		status     int
		retryAfter string
		kind       error
		wait       time.Duration
	}{
		{200, "", nil, 0},
		{204, "", nil, 0},
		{302, "", problem.BadUpstream, 0},
		{400, "", problem.Rejected, 0},
		{401, "", problem.BadUpstream, 0},
		{403, "", problem.BadUpstream, 0},
		{404, "", problem.NotFound, 0},
		{405, "", problem.BadUpstream, 0},
		{409, "", problem.Conflict, 0},
		{422, "", problem.Rejected, 0},
		{429, "", problem.Unavailable, time.Second},
		{429, "7", problem.Unavailable, 7 * time.Second},
		{429, "soon", problem.Unavailable, time.Second},
		{500, "", problem.BadUpstream, 0},
		{503, "", problem.BadUpstream, 0},
	}
	for _, test := range tests {
		resp := &http.Response{StatusCode: test.status, Header: http.Header{}}
		resp.Header.Set("Retry-After", test.retryAfter)
		e := StatusError(resp, "inventory")
		if test.kind == nil {
			if e != nil {
				t.Errorf("%d: %v", test.status, e)
			}
			continue
		}
		if !errors.Is(e, test.kind) || e.RetryAfter != test.wait || len(e.Trail) != 1 || e.Trail[0].Origin != "inventory" {
			t.Errorf("%d: %+v, want %v, wait %v", test.status, e, test.kind, test.wait)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		value string
		want  time.Duration
		ok    bool
	}{
		{"", 0, false}, {"x", 0, false}, {"-1", 0, false}, {"1.5", 0, false}, {"99999999999", 0, false},
		{"0", 0, true}, {"120", 2 * time.Minute, true}, {"999999", 24 * time.Hour, true},
		{"Sat, 21 Nov 2026 12:00:30 GMT", 30 * time.Second, true}, {"Sat, 21 Nov 2020 12:00:30 GMT", 0, true},
	}
	for _, test := range tests {
		got, ok := RetryAfter(http.Header{"Retry-After": {test.value}}, now)
		if got != test.want || ok != test.ok {
			t.Errorf("%q: %v, %v; want %v, %v", test.value, got, ok, test.want, test.ok)
		}
	}
}

func TestConfigValidate(t *testing.T) {
	if err := (Config{}).Validate(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	if err := (Config{URL: "https://inventory.example:8443/api/"}).withDefaults().Validate(); err != nil {
		t.Errorf("the defaults, written out: %v", err)
	}
	bad := Config{
		URL: "inventory.example", Timeout: time.Second, AttemptTimeout: time.Minute, Retries: 6, MaxResponse: -1,
		Bulkhead: Bulkhead{Max: -1, Wait: -1}, Breaker: Breaker{FailureRatio: 1.5, SlowRatio: -0.1, Probes: 4}, Pool: Pool{IdleTimeout: -1},
	}
	err := bad.Validate()
	for _, member := range []string{"url", "attemptTimeout", "retries", "maxResponse", "bulkhead.max", "bulkhead.wait", "breaker.failureRatio", "breaker.slowRatio", "breaker.probes", "pool.idleTimeout"} {
		if err == nil || !strings.Contains(err.Error(), member+" ") {
			t.Errorf("nothing about %s in: %v", member, err)
		}
	}
	for _, u := range []string{"ftp://x", "http://", "http://user:secret@x", "http://x?a=b", "http://x#y", "http://x:secret"} {
		err := Config{URL: u}.Validate()
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", u, err)
		}
	}
}

func TestURLHasNoSlashAtItsEnd(t *testing.T) {
	if u := New("x", Config{URL: "http://x/api/"}, Deps{}).URL(); u != "http://x/api" {
		t.Error(u)
	}
}

func TestWhatASystemIsTold(t *testing.T) {
	var got http.Header
	var query string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got, query = r.Header.Clone(), r.URL.RawQuery }))
	defer server.Close()
	c := New("inventory", Config{}, Deps{
		Propagate: func(_ context.Context, _ telemetry.Trace, h http.Header) {
			h.Set("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
		},
		Credentials: func(r *http.Request) error {
			r.Header.Set("Authorization", "Bearer secret")
			r.URL.RawQuery += "&key=secret"
			return nil
		},
	})
	defer c.Close()
	r, _ := http.NewRequestWithContext(telemetry.WithCorrelation(t.Context(), "c-1"), http.MethodGet, server.URL+"/?a=b", nil)
	r.Header.Set("Accept-Encoding", "gzip")
	before := r.Header.Clone()
	resp, err := c.Operation("get", Safe).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"Accept-Encoding": "identity", "X-Correlation-ID": "c-1", "User-Agent": "puente", "Authorization": "Bearer secret",
		"Traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
	} {
		if got.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, got.Get(name), want)
		}
	}
	if query != "a=b&key=secret" {
		t.Errorf("query %q", query)
	}
	if r.URL.RawQuery != "a=b" || len(r.Header) != len(before) || r.Header.Get("Accept-Encoding") != "gzip" || resp.Request != r {
		t.Errorf("the caller's request was changed: %v %v", r.URL, r.Header)
	}
}

// The trace context is that of the call, the credentials are each attempt's own.
func TestWhatAnAttemptIsTold(t *testing.T) {
	for _, retries := range []int{0, 1} {
		var spans, tokens int
		var told []http.Header
		c := clientOf(Config{Retries: retries}, Deps{
			Propagate: func(_ context.Context, _ telemetry.Trace, h http.Header) {
				spans++
				h.Set("Traceparent", strconv.Itoa(spans))
			},
			Credentials: func(r *http.Request) error {
				tokens++
				r.Header.Add("Authorization", strconv.Itoa(tokens))
				return nil
			},
		}, func(r *http.Request) (*http.Response, error) {
			told = append(told, r.Header)
			return answers(503)
		})
		if _, err := get(t.Context(), c.Operation("get", Safe)); err != nil {
			t.Fatal(err)
		}
		if len(told) != retries+1 || spans != 1 {
			t.Fatalf("%d retries: %d attempts, %d spans", retries, len(told), spans)
		}
		for i, h := range told { // none was changed by what came later
			if got := strings.Join(h["Authorization"], ","); got != strconv.Itoa(i+1) || h.Get("Traceparent") != "1" {
				t.Errorf("attempt %d: credentials %q, trace %q", i+1, got, h.Get("Traceparent"))
			}
		}
	}
}

func TestMetricsAndLog(t *testing.T) {
	status := atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(status.Load())) }))
	defer server.Close()
	reg := prometheus.NewPedanticRegistry()
	var log bytes.Buffer
	c := New("inventory", Config{Retries: 1}, Deps{API: "stock", Registerer: reg, Logger: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	defer c.Close()
	New("inventory", Config{}, Deps{API: "stock", Registerer: reg}).Close() // a second client shares the series
	rt := c.Operation("getService", Safe)
	for _, s := range []int64{200, 503, 418, 299} {
		status.Store(s)
		r := request(t, http.MethodGet, server.URL+"/lines/3000000019")
		r.Header.Set("Authorization", "Bearer secret")
		if _, err := rt.RoundTrip(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Force("safe", "open"); err != nil {
		t.Fatal(err)
	}
	_, err := rt.RoundTrip(request(t, http.MethodGet, server.URL))
	wantKind(t, err, problem.Unavailable)

	want := `
# HELP http_client_breaker_state State of the circuit breaker: 0 closed, 1 half-open, 2 open.
# TYPE http_client_breaker_state gauge
http_client_breaker_state{api="stock",class="once",target="inventory"} 0
http_client_breaker_state{api="stock",class="safe",target="inventory"} 2
# HELP http_client_breaker_transitions_total Changes of the circuit breaker, by the state entered.
# TYPE http_client_breaker_transitions_total counter
http_client_breaker_transitions_total{api="stock",class="safe",target="inventory",to="open"} 1
# HELP http_client_bulkhead_in_use Attempts under way to a system.
# TYPE http_client_bulkhead_in_use gauge
http_client_bulkhead_in_use{api="stock",target="inventory"} 0
# HELP http_client_bulkhead_max Attempts to a system that may be under way at once.
# TYPE http_client_bulkhead_max gauge
http_client_bulkhead_max{api="stock",target="inventory"} 64
# HELP http_client_refused_total Attempts that were not made because the circuit breaker was open or the bulkhead full.
# TYPE http_client_refused_total counter
http_client_refused_total{api="stock",reason="full",target="inventory"} 0
http_client_refused_total{api="stock",reason="open",target="inventory"} 1
# HELP http_client_retries_total Retries sent, and retries that the budget denied.
# TYPE http_client_retries_total counter
http_client_retries_total{api="stock",outcome="denied",target="inventory"} 0
http_client_retries_total{api="stock",outcome="sent",target="inventory"} 1
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "http_client_breaker_state", "http_client_breaker_transitions_total",
		"http_client_bulkhead_in_use", "http_client_bulkhead_max", "http_client_refused_total", "http_client_retries_total"); err != nil {
		t.Error(err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]uint64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "http_client_request_duration_seconds" {
				for _, l := range m.GetLabel() {
					if l.GetName() == "status" {
						counts[l.GetValue()] = m.GetHistogram().GetSampleCount()
					}
				}
			}
		}
	}
	if len(counts) != 4 || counts["200"] != 1 || counts["503"] != 2 || counts["418"] != 1 || counts["2xx"] != 1 {
		t.Errorf("durations by status: %v", counts)
	}

	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 6 { // five attempts, one change of the breaker
		t.Errorf("%d lines, want 6:\n%s", len(lines), log.String())
	}
	for _, line := range lines {
		if !json.Valid([]byte(line)) || strings.Contains(line, "3000000019") || strings.Contains(line, "secret") || strings.Contains(line, "amount") {
			t.Errorf("line %s", line)
		}
	}
}

func TestForceKnowsItsWords(t *testing.T) {
	c := New("inventory", Config{}, Deps{})
	wantKind(t, c.Force("other", "open"), problem.NotFound)
	wantKind(t, c.Force("safe", "ajar"), problem.Invalid)
	for _, step := range []struct {
		to     string
		state  State
		forced bool
	}{{"open", Open, true}, {"closed", Closed, true}, {"open", Open, true}, {"auto", Closed, false}} {
		if err := c.Force("once", step.to); err != nil {
			t.Fatal(err)
		}
		if s := c.States()[Once]; s.State != step.state || s.Forced != step.forced || s.Target != "inventory" || s.Class != "once" {
			t.Errorf("after %s: %+v", step.to, s)
		}
	}
}

func TestEveryCallIsObservedOnce(t *testing.T) {
	var n atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1) == 1 {
			w.WriteHeader(http.StatusBadGateway)
		}
	}))
	defer server.Close()
	var seen []Observation
	c := New("inventory", Config{Retries: 2}, Deps{Observe: func(_ context.Context, o Observation) { seen = append(seen, o) }})
	defer c.Close()
	if _, err := c.Operation("getService", Safe).RoundTrip(request(t, http.MethodGet, server.URL)); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 1 || seen[0].Attempts != 2 || seen[0].Status != 200 || seen[0].Target != "inventory" || seen[0].Operation != "getService" {
		t.Errorf("observed %+v", seen)
	}
}

// A few kilobytes that inflate to tens of megabytes are refused unread, whether the
// caller asked for gzip or not.
func TestGzipBomb(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	block := make([]byte, 1<<20)
	for range 32 {
		if _, err := z.Write(block); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(bomb.Bytes())
	}))
	defer server.Close()
	c := New("inventory", Config{}, Deps{})
	defer c.Close()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := resty.NewWithClient(HTTPClient(c.Operation("get", Safe))).R().SetHeader("Accept-Encoding", "gzip").Get(server.URL)
	runtime.ReadMemStats(&after)
	wantKind(t, err, problem.BadUpstream)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 8<<20 {
		t.Errorf("%d bytes were allocated", grown)
	}
}

// resty on top of the chain: its answers decode, its retries do not multiply a Once call, and its
// errors are ours.
func TestResty(t *testing.T) {
	var calls atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		if r.Method == http.MethodPost {
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"account":"CS-905967"}`)
	}))
	c := New("paypal", Config{Retries: 3}, Deps{})
	defer c.Close()
	var out struct {
		Account string `json:"account"`
	}
	resp, err := resty.NewWithClient(HTTPClient(c.Operation("get", Safe))).R().SetContext(t.Context()).SetResult(&out).Get(server.URL)
	if err != nil || resp.StatusCode() != 200 || out.Account != "CS-905967" {
		t.Fatalf("answer %v, error %v, result %+v", resp, err, out)
	}
	calls.Store(0)
	once := resty.NewWithClient(HTTPClient(c.Operation("pay", Once)))
	resp, err = once.R().SetBody(`{}`).Post(server.URL)
	if err != nil || resp.StatusCode() != 503 || calls.Load() != 1 {
		t.Errorf("answer %v, error %v, %d calls", resp, err, calls.Load())
	}
	server.Close()
	c.Close()
	_, err = once.R().SetBody(`{}`).Post(server.URL)
	wantKind(t, err, problem.Unavailable)
	if !Unsent(err) {
		t.Errorf("not known to be unsent: %v", err)
	}
}

func TestReadAllBoundsBodiesOfOthers(t *testing.T) {
	endless := &http.Response{Body: io.NopCloser(zeros{}), ContentLength: -1}
	if _, err := ReadAll(endless); !errors.Is(err, errTooLarge) {
		t.Errorf("error %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
