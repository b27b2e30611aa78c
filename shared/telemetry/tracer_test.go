package telemetry_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"puente/shared/telemetry"
)

// spans is a collector over OTLP/HTTP.
type spans struct {
	status int // its answer

	mu   sync.Mutex
	path string
	got  []*otlp.Span
}

func (s *spans) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var export collector.ExportTraceServiceRequest
	if err = errors.Join(err, proto.Unmarshal(body, &export)); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.path = r.URL.Path
	for _, resource := range export.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			s.got = append(s.got, scope.Spans...)
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	w.WriteHeader(s.status)
}

func TestSpansArriveWithTheIDsOfTheirContext(t *testing.T) {
	peer := &spans{status: http.StatusOK}
	server := httptest.NewServer(peer)
	defer server.Close()
	tracer, shutdown, err := telemetry.Tracing(t.Context(), telemetry.TraceConfig{Endpoint: server.URL, Ratio: 1}, "one", "v1")
	if err != nil {
		t.Fatal(err)
	}
	root := tracer.Root(telemetry.NewTrace())
	child := root.Child()
	unsampled := telemetry.NewTrace()

	ctx := telemetry.WithCorrelation(t.Context(), "TIENDA-1")
	rootSpan := tracer.Start(telemetry.WithTrace(ctx, root), "edge", trace.SpanKindServer, telemetry.Trace{})
	childSpan := tracer.Start(telemetry.WithTrace(ctx, child), "hop", trace.SpanKindInternal, root)
	tracer.Start(telemetry.WithTrace(ctx, unsampled), "unsampled", trace.SpanKindServer, telemetry.Trace{}).End(nil)
	childSpan.Set(attribute.String("puente.outcome", "server"))
	childSpan.Event("circuit breaker open")
	childSpan.End(errors.New("canary: 3000000019"))
	rootSpan.End(nil)
	if err := shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}

	if peer.path != "/v1/traces" || len(peer.got) != 2 {
		t.Fatalf("%d spans at %q", len(peer.got), peer.path)
	}
	hop, edge := peer.got[0], peer.got[1]
	if hex.EncodeToString(edge.TraceId) != root.String() || !bytes.Equal(edge.SpanId, root.Span[:]) || len(edge.ParentSpanId) != 0 {
		t.Errorf("edge: %v", edge)
	}
	if hex.EncodeToString(hop.TraceId) != root.String() || !bytes.Equal(hop.SpanId, child.Span[:]) || !bytes.Equal(hop.ParentSpanId, root.Span[:]) {
		t.Errorf("hop: %v", hop)
	}
	if len(hop.Attributes) != 2 /* the correlation ID is the other */ || len(hop.Events) != 1 || hop.Events[0].Name != "circuit breaker open" {
		t.Errorf("hop tells %v, %v", hop.Attributes, hop.Events)
	}
	if hop.Status.Code != otlp.Status_STATUS_CODE_ERROR || strings.Contains(hop.String(), "canary") {
		t.Errorf("hop's error: %v", hop)
	}
}

func TestACollectorThatFailsIsLoggedOnce(t *testing.T) {
	server := httptest.NewServer(&spans{status: http.StatusBadRequest})
	defer server.Close()
	var log bytes.Buffer
	tracer, shutdown, err := telemetry.Tracing(t.Context(), telemetry.TraceConfig{Endpoint: server.URL + "/custom/path", Ratio: 1, Log: telemetry.NewLogger(&log, "json", slog.LevelInfo)}, "one", "v1")
	if err != nil {
		t.Fatal(err)
	}
	for range 1200 { // more than two batches
		tracer.Start(telemetry.WithTrace(t.Context(), tracer.Root(telemetry.NewTrace())), "edge", trace.SpanKindServer, telemetry.Trace{}).End(nil)
	}
	if err := shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(log.String(), "trace export failed"); got != 1 {
		t.Errorf("logged %d times: %s", got, log.String())
	}
}

func TestWithoutACollectorNothingIsSampled(t *testing.T) {
	tracer, shutdown, err := telemetry.Tracing(t.Context(), telemetry.TraceConfig{Ratio: 1}, "one", "v1")
	if err != nil {
		t.Fatal(err)
	}
	if tracer.Root(telemetry.NewTrace()).Sampled {
		t.Error("sampled")
	}
	ctx := telemetry.WithTrace(t.Context(), telemetry.Trace{ID: [16]byte{1}, Sampled: true}) // its caller has a collector
	if n := testing.AllocsPerRun(100, func() {
		span := tracer.Start(ctx, "edge", trace.SpanKindServer, telemetry.Trace{})
		span.Event("attempt")
		span.End(nil)
		if span.Recording() {
			t.Error("recording")
		}
	}); n > 0 {
		t.Errorf("a span that is not made takes %v allocations", n)
	}
	if err := shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestTraceConfigIsRefused(t *testing.T) {
	for _, cfg := range []telemetry.TraceConfig{
		{Endpoint: "collector:4318"}, {Endpoint: "ftp://collector"}, {Endpoint: "http://"}, {Endpoint: "http://c", Ratio: 1.1}, {Endpoint: "http://c", Ratio: -1},
	} {
		if _, _, err := telemetry.Tracing(t.Context(), cfg, "one", "v1"); err == nil {
			t.Errorf("%+v was accepted", cfg)
		}
	}
}
