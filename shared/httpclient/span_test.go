package httpclient

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/telemetry"
	"puente/shared/telemetry/telemetrytest"
)

// A call is one span below its caller's, whose position its system is told; attempts and refusals are events
// of it. It tells nothing that was in the request.
func TestSpans(t *testing.T) {
	var statuses []int
	var told []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		told = append(told, r.Header.Get("Traceparent"))
		w.WriteHeader(statuses[0])
		statuses = statuses[1:]
		_, _ = io.WriteString(w, "3000000019")
	}))
	defer server.Close()
	collector := telemetrytest.Collect(t)
	tracer, flush := collector.Tracer(t)
	registry := prometheus.NewPedanticRegistry()
	propagate := func(_ context.Context, call telemetry.Trace, h http.Header) { h.Set("Traceparent", call.Traceparent()) }
	client := func(cfg Config) *Client {
		c := New("inventory", cfg, Deps{Tracer: tracer, Propagate: propagate, Registerer: registry})
		t.Cleanup(c.Close)
		return c
	}
	c, shut := client(Config{Retries: 1}), client(Config{})
	if err := shut.Force("safe", "open"); err != nil {
		t.Fatal(err)
	}
	root := tracer.Root(telemetry.NewTrace())
	ctx := telemetry.WithTrace(t.Context(), root)
	call := func(c *Client, ctx context.Context, answers ...int) {
		statuses = answers
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/lines/3000000019?document=1026578508", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer secret")
		_, _ = c.Operation("getLine", Safe).RoundTrip(r) // what it returns is of no matter here
	}
	call(c, ctx, 503, 404)
	call(shut, ctx)
	call(client(Config{Untraced: true}), ctx, 200)
	call(c, telemetry.WithTrace(t.Context(), telemetry.NewTrace()), 200) // not sampled
	flush()

	spans := collector.Spans()
	if len(spans) != 3 {
		t.Fatalf("%d spans", len(spans))
	}
	for _, s := range spans {
		if s.Trace != root.String() || s.Parent != root.Traceparent()[36:52] || s.Kind != "CLIENT" || s.Name != "GET inventory/getLine" ||
			s.Attributes["server.address"] != "127.0.0.1" || s.Attributes["server.port"] == "" || s.Attributes["http.request.method"] != "GET" {
			t.Errorf("span %s", s.Text)
		}
		for _, secret := range []string{"3000000019", "1026578508", "secret", "/lines"} {
			if strings.Contains(s.Text, secret) {
				t.Errorf("a span tells %s: %s", secret, s.Text)
			}
		}
	}
	again, refused, untraced := spans[0], spans[1], spans[2]
	if a := again.Attributes; !again.Failed || a["http.response.status_code"] != "404" || a["error.type"] != "404" || a["http.request.resend_count"] != "1" {
		t.Errorf("a repeated call: %s", again.Text)
	}
	if e := again.Events; len(e) != 2 || e[0].Name != "attempt" || e[0].Attributes["http.response.status_code"] != "503" || e[0].Attributes["http.request.resend_count"] != "" ||
		e[1].Attributes["http.response.status_code"] != "404" || e[1].Attributes["http.request.resend_count"] != "1" {
		t.Errorf("its attempts: %+v", e)
	}
	if e := refused.Events; !refused.Failed || refused.Attributes["error.type"] != "open" || len(e) != 1 || e[0].Name != "circuit breaker open" {
		t.Errorf("a refused call: %s", refused.Text)
	}
	if untraced.Failed || untraced.Attributes["http.response.status_code"] != "200" {
		t.Errorf("an untraced system's: %s", untraced.Text)
	}
	want := "00-" + root.String() + "-" + again.ID + "-01"
	if len(told) != 4 || told[0] != want || told[1] != want || told[2] != "" || !strings.HasSuffix(told[3], "-00") {
		t.Errorf("systems were told %q", told)
	}

	exemplars := 0
	all, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range all {
		for _, m := range family.GetMetric() {
			for _, b := range m.GetHistogram().GetBucket() {
				for _, l := range b.GetExemplar().GetLabel() {
					if l.GetName() != "trace_id" || l.GetValue() != root.String() {
						t.Errorf("exemplar %s", l)
					}
					exemplars++
				}
			}
		}
	}
	if exemplars != 3 { // by status
		t.Errorf("%d exemplars", exemplars)
	}
}

// What a call costs in memory is the same with a tracer that has no collector, and with one whose trace is
// not sampled, as without any.
func TestSpansNotMadeCostNothing(t *testing.T) {
	collector := telemetrytest.Collect(t)
	tracer, flush := collector.Tracer(t)
	defer flush()
	answer := system(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody}, nil
	})
	allocations := func(tracer *telemetry.Tracer) float64 {
		c := New("inventory", Config{Timeout: time.Second}, Deps{Tracer: tracer})
		c.transport = answer
		rt, r := c.Operation("get", Once), request(t, http.MethodGet, "http://inventory")
		r = r.WithContext(telemetry.WithTrace(r.Context(), telemetry.NewTrace()))
		return testing.AllocsPerRun(500, func() {
			if _, err := rt.RoundTrip(r); err != nil {
				t.Fatal(err)
			}
		})
	}
	none := allocations(nil)
	if off, unsampled := allocations(&telemetry.Tracer{}), allocations(tracer); off > none || unsampled > none {
		t.Errorf("%v allocations without a tracer, %v without a collector, %v not sampled", none, off, unsampled)
	}
}
