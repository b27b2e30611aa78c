package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/audit"
	"puente/shared/contract"
	"puente/shared/journal"
	"puente/shared/problem"
)

const echo = `
openapi: 3.0.3
info: {title: Echo, version: 1.0.0, x-category: Field}
x-sla: {deadline: 2s, availability: 99.9}
paths:
  /echo:
    post:
      operationId: echo
      security: []
      requestBody: {required: true, content: {application/json: {schema: {$ref: '#/components/schemas/Text'}}}}
      responses:
        '200': {description: The same, content: {application/json: {schema: {$ref: '#/components/schemas/Text'}}}}
        default: {description: An error, content: {application/problem+json: {schema: {type: object}}}}
components:
  schemas:
    Text: {type: object, required: [text], properties: {text: {type: string}}}
`

// echoing is an operation that answers what it is sent, and an edge that records it in a journal.
func echoing(t testing.TB) (*Edge, *Route, *journal.Journal) {
	doc, err := contract.Load([]byte(echo))
	if err != nil {
		t.Fatal(err)
	}
	records, err := journal.Open(t.TempDir(), journal.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = records.Close() })
	log := slog.New(slog.DiscardHandler)
	e := &Edge{Audit: audit.New(records, nil, audit.Config{}, "", log, prometheus.NewRegistry()), Log: log}
	return e, &Route{API: "echo", Operation: doc.Operations[0], Dialect: problem.Details}, records
}

// echoed takes body through the record.
func echoed(t testing.TB, e *Edge, r *Route, body []byte) {
	c, _ := gin.CreateTestContext(httptest.NewRecorder())
	x := &Exchange{
		Route: r, Settings: new(Settings), Request: httptest.NewRequest(http.MethodPost, "/echo", nil),
		writer: c.Writer, ctx: t.Context(), Body: body, Answer: problem.Answer{Header: http.Header{}},
	}
	x.rest = []step{{take: func(x *Exchange) {
		if err := e.begin(x); err != nil {
			t.Error(err)
		}
		x.Answer.Status, x.Answer.Body = http.StatusOK, x.Body
	}}}
	e.record(x)
}

// Records have the room of their bodies one after the other.
func TestRecordsHaveTheirOwnBodies(t *testing.T) {
	e, route, records := echoing(t)
	const callers, calls = 4, 50
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			for j := range calls {
				echoed(t, e, route, fmt.Appendf(nil, `{"text":"%d-%d-%0*d"}`, i, j, 1+j, 0))
			}
		})
	}
	all.Wait()

	seen := map[string]int{}
	for from := records.Reader(journal.Position{}); ; {
		entry, err := from.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := bytes.Cut(entry, []byte(`{"text"`))
		body, rest, _ := bytes.Cut(rest, []byte(`}`))
		seen[string(body)]++
		if answered := bytes.Contains(rest, append([]byte(`{"text"`), body...)); answered != (seen[string(body)] == 2) {
			t.Fatalf("entry %q", entry)
		}
	}
	if len(seen) != callers*calls {
		t.Errorf("%d bodies, want %d: %v", len(seen), callers*calls, seen)
	}
}

func BenchmarkRecord(b *testing.B) {
	e, route, records := echoing(b)
	body := fmt.Appendf(nil, `{"text":"%0600d"}`, 0)
	b.ReportAllocs()
	for b.Loop() {
		echoed(b, e, route, body)
		if records.Segments() > 2 {
			if err := records.Remove(records.End()); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// A callback that the API itself finds forged is a security event; what it refuses for another reason, or of
// a channel, is none.
func TestForgedWebhooksAreSecurityEvents(t *testing.T) {
	for _, test := range []struct {
		class     string
		kind      problem.Kind
		refusedBy string
		want      string
	}{
		{"webhook", problem.Forbidden, "", "forged webhook"}, {"webhook", problem.Rejected, "", ""}, {"webhook", problem.Unavailable, "", ""},
		{"api", problem.Forbidden, "", ""}, {"webhook", problem.Forbidden, Address, "origin refused"},
	} {
		x := &Exchange{Route: &Route{Class: test.class}, Err: &problem.Error{Kind: test.kind}, refusedBy: test.refusedBy}
		if got := x.security(); got != test.want {
			t.Errorf("%+v: %q", test, got)
		}
	}
}
