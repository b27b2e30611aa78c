// Package telemetrytest plays a collector of traces in the test's own process.
package telemetrytest

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"puente/shared/telemetry"
)

// Span is a span as it arrived.
type Span struct {
	Trace, ID, Parent string // hexadecimal; the parent of a root is empty
	Name              string
	Kind              string // INTERNAL, SERVER, CLIENT, CONSUMER
	Instance          string // service.instance.id of the process that made it
	Failed            bool
	Attributes        map[string]string
	Events            []Event
	Text              string // all of it
}

// Event is something that happened in a span.
type Event struct {
	Name       string
	Attributes map[string]string
}

// Collector receives OTLP over HTTP.
type Collector struct {
	URL string

	mu  sync.Mutex
	got []Span
}

// Collect begins to receive, until the test ends.
func Collect(t testing.TB) *Collector {
	c := &Collector{}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	c.URL = server.URL
	return c
}

// Tracer makes spans that are all sampled where their trace is; flush sends them.
func (c *Collector) Tracer(t testing.TB) (tracer *telemetry.Tracer, flush func()) {
	t.Helper()
	tracer, shutdown, err := telemetry.Tracing(t.Context(), telemetry.TraceConfig{Endpoint: c.URL, Ratio: 1}, "test", "v0")
	if err != nil {
		t.Fatal(err)
	}
	return tracer, func() {
		t.Helper()
		if err := shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// Spans are those that arrived so far.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Span(nil), c.got...)
}

// ServeHTTP implements http.Handler.
func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var export collector.ExportTraceServiceRequest
	if err = errors.Join(err, proto.Unmarshal(body, &export)); err != nil || r.URL.Path != "/v1/traces" {
		http.Error(w, fmt.Sprint(r.URL.Path, err), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range export.ResourceSpans {
		instance := attributes(resource.Resource.GetAttributes())["service.instance.id"]
		for _, scope := range resource.ScopeSpans {
			for _, span := range scope.Spans {
				c.got = append(c.got, read(span, instance))
			}
		}
	}
}

func read(s *otlp.Span, instance string) Span {
	out := Span{
		Trace: hex.EncodeToString(s.TraceId), ID: hex.EncodeToString(s.SpanId), Parent: hex.EncodeToString(s.ParentSpanId),
		Name: s.Name, Kind: s.Kind.String()[len("SPAN_KIND_"):], Instance: instance, Failed: s.Status.GetCode() == otlp.Status_STATUS_CODE_ERROR,
		Attributes: attributes(s.Attributes), Text: s.String(),
	}
	for _, e := range s.Events {
		out.Events = append(out.Events, Event{e.Name, attributes(e.Attributes)})
	}
	return out
}

func attributes(all []*common.KeyValue) map[string]string {
	out := make(map[string]string, len(all))
	for _, one := range all {
		switch v := one.Value.Value.(type) {
		case *common.AnyValue_StringValue:
			out[one.Key] = v.StringValue
		case *common.AnyValue_IntValue:
			out[one.Key] = fmt.Sprint(v.IntValue)
		case *common.AnyValue_BoolValue:
			out[one.Key] = fmt.Sprint(v.BoolValue)
		default:
			out[one.Key] = one.Value.String()
		}
	}
	return out
}
