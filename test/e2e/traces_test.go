package e2e

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"syscall"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// spans is a collector over OTLP/HTTP.
type spans struct {
	mu  sync.Mutex
	got []*otlp.Span
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
	for _, resource := range export.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			s.got = append(s.got, scope.Spans...)
		}
	}
}

// The spans of one request reach the collector from every layer, however these are placed: one trace,
// that of the caller, in which each span hangs below one that arrived, too.
func TestTraces(t *testing.T) {
	for _, s := range []shape{typed, split} {
		t.Run(s.name, func(t *testing.T) {
			peer := &spans{}
			server := httptest.NewServer(peer)
			defer server.Close()
			p := begin(t, s, settings{more: fmt.Sprintf("trace: {endpoint: %q, ratio: 0}\n", server.URL)}) // the caller decides
			const trace, caller = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
			c := p.caller(t)
			c.wantNIP(t, c.nip(t, p.phone(), "Traceparent", "00-"+trace+"-"+caller+"-01"))
			c.wantNIP(t, c.nip(t, p.phone()))
			for i := len(p.processes) - 1; i >= 0; i-- { // what is held back is sent when they end
				p.processes[i].signal(t, syscall.SIGTERM)
				p.processes[i].awaitExit(t)
			}
			peer.mu.Lock()
			defer peer.mu.Unlock()
			parents, byID := map[string]string{}, map[string]string{}
			for _, span := range peer.got {
				if got := hex.EncodeToString(span.TraceId); got != trace {
					t.Errorf("%s is of trace %s", span.Name, got)
				}
				byID[hex.EncodeToString(span.SpanId)] = span.Name
			}
			for _, span := range peer.got {
				parent := hex.EncodeToString(span.ParentSpanId)
				if parents[span.Name] = byID[parent]; parent == caller {
					parents[span.Name] = "the caller"
				}
			}
			for name, want := range map[string]string{
				"xapi/portabilities": "the caller", "sapi/salesorder/submitPortability": "xapi/portabilities", "sapi/oauth2/verifyToken": "xapi/portabilities",
			} {
				if got := parents[name]; got != want {
					t.Errorf("%s hangs below %q, want %q", name, got, want)
				}
			}
		})
	}
}
