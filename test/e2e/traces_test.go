package e2e

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"puente/shared/telemetry/telemetrytest"
	"puente/test/sandbox"
	"puente/test/sandbox/fault"
)

// The spans of one request reach the collector from every layer, however these are placed: one trace,
// that of the caller, in which each span hangs below one that arrived, too, down to the calls of the systems
// and to the jobs that followed. They tell what each policy decided, and of nobody's number, document or token.
func TestTraces(t *testing.T) {
	t.Parallel()
	for _, s := range []shape{typed, split} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			peer := telemetrytest.Collect(t)
			p := begin(t, s, settings{
				policies: "apis: {portabilities: {method: jwt, subjects: [{name: phone, member: phone, requests: 2, window: 1m}]}, reconexion: {modes: {origin: shadow}}}\n",
				more:     fmt.Sprintf("trace: {endpoint: %q, ratio: 0}\n", peer.URL), // the caller decides
			})
			sent := playTraced(t, p)
			sent.wantExemplars(t, p)
			for i := len(p.processes) - 1; i >= 0; i-- { // what is held back is sent when they end
				p.processes[i].signal(t, syscall.SIGTERM)
				p.processes[i].awaitExit(t)
			}
			sent.wantTrees(t, p, peer.Spans())
		})
	}
}

// traced are the requests that their callers sampled.
type traced struct {
	traces  map[string]string // what each is of, by its ID
	private []string          // what was in them and is nobody's business
}

const (
	traceBegin = "0af7651916cd43dd8448eb211c8031" // and two digits more
	tracer     = "b7ad6b7169203331"               // the caller's span
)

// begin is the traceparent of a request.
func (s *traced) begin(what string) string {
	id := fmt.Sprintf("%s%02x", traceBegin, len(s.traces))
	s.traces[id] = what
	return "00-" + id + "-" + tracer + "-01"
}

// playTraced plays requests that are traced, and some that are not.
func playTraced(t *testing.T, p *platform) *traced {
	s := &traced{traces: map[string]string{}}
	c, h := p.caller(t), p.hub.rest
	phone := func() string { n := p.phone(); s.private = append(s.private, n); return n }

	c.wantNIP(t, c.nip(t, phone(), "Traceparent", s.begin("NIP")))
	c.wantNIP(t, c.nip(t, phone()))

	msisdn := p.hub.line()
	s.private = append(s.private, msisdn[2:], h.token(t, "charge"), c.token)
	wantHub(t, h.call(t, "charge", h.order(msisdn, nil), "Idempotency-Key", "traced-charge", "Traceparent", s.begin("charge")), 200, "0", hubDone, "")
	p.awaitNotices(t, msisdn, 1)

	late := p.hub.magic("1408") // what became of its charge is found, and undone, by a job
	s.private = append(s.private, late[2:])
	p.sandbox.Fault(t, fault.Fault{System: "carrierbilling", Operation: "query", Kind: fault.Status, Status: 500})
	wantHub(t, h.call(t, "charge", h.order(late, nil), "Idempotency-Key", "traced-late", "Traceparent", s.begin("late")), 504, "-1", hubFailed, "OUTCOME_UNKNOWN")
	p.sandbox.ClearFaults("carrierbilling")
	eventually(t, within, "the line has its money back", func() bool { return p.state(t, h, "traced-late") == "REFUNDED" })

	l := p.newLine(t, "ROBO")
	s.private = append(s.private, l.phone, l.document)
	items := text(members{"Items": []members{{"Document_Number": l.document, "Document_Type": l.documentType, "Phone": l.phone}}})
	taken := batchOf(t, c.post(t, batchPath, inEnvelope(c.system, c.correlation(), items), "Traceparent", s.begin("batch")))
	c.awaitBatch(t, taken.ID, within)

	again, id := phone(), c.correlation()
	c.wantNIP(t, c.nip(t, again, "X-Correlation-ID", id))
	c.wantNIP(t, c.nip(t, again, "X-Correlation-ID", id, "Traceparent", s.begin("replayed")))
	wantProblem(t, c.nip(t, again, "Traceparent", s.begin("limited")), 429, "TOO_MANY_REQUESTS")
	s.private = append(s.private, "forged-token")
	wantProblem(t, c.nip(t, phone(), "Authorization", "Bearer forged-token", "Traceparent", s.begin("forged")), 401, "UNAUTHORIZED")

	other := p.newLine(t, "ROBO")
	s.private = append(s.private, other.phone, other.document)
	c.post(t, reconexionPath, inEnvelope(system(0), c.correlation(), other.body()), "X-System-Name", "", "Traceparent", s.begin("shadow"))
	c.post(t, "/v1/salesOrder/portabilities/"+phone(), "{}", "Traceparent", s.begin("nowhere"))
	return s
}

// wantTrees checks what arrived of the requests.
func (s *traced) wantTrees(t *testing.T, p *platform, spans []telemetrytest.Span) {
	byID := map[string]telemetrytest.Span{}
	for _, span := range spans {
		byID[span.ID] = span
	}
	paths, roots := map[string]map[string]telemetrytest.Span{}, map[string]telemetrytest.Span{}
	for _, span := range spans {
		what, ok := s.traces[span.Trace]
		if !ok {
			t.Errorf("%s is of trace %s", span.Name, span.Trace)
			continue
		}
		path, top := span.Name, span
		for top.Parent != tracer {
			above, ok := byID[top.Parent]
			if !ok || above.Trace != span.Trace {
				t.Fatalf("%s: %s hangs below %q, which did not arrive", what, path, top.Parent)
			}
			path, top = above.Name+" > "+path, above
		}
		if paths[what] == nil {
			paths[what] = map[string]telemetrytest.Span{}
		}
		paths[what][path], roots[what] = span, top
		for _, private := range append(s.private, p.secrets...) {
			if strings.Contains(span.Text, private) {
				t.Errorf("%s tells %s: %s", path, private, span.Text)
			}
		}
		p.wantPlace(t, path, span)
	}
	for what, wanted := range map[string][]string{
		"NIP": {"xapi/portabilities > sapi/oauth2/verifyToken", "xapi/portabilities > sapi/salesorder/submitPortability > POST botservice/createPortability"},
		"charge": {
			"xapi/partnerhub > papi/subscription/charge > sapi/subscriber/queryLine > GET subscriber/getLine",
			"xapi/partnerhub > papi/subscription/charge > sapi/carrierbilling/createCharge > POST carrierbilling/createCharge",
			"xapi/partnerhub > papi/subscription/charge > outbox/subscription.notifications > POST partners/webhook",
		},
		"late": {
			"xapi/partnerhub > papi/subscription/charge > sapi/carrierbilling/queryCharge > GET carrierbilling_query/getCharge",
			"xapi/partnerhub > papi/subscription/charge > sapi/carrierbilling/refundCharge > POST carrierbilling/createRefund",
		},
		"batch": {
			"xapi/reconexion > papi/reconnection/startBatch > papi/reconnection/batch > papi/reconnection/reconnect > sapi/inventory/queryService > GET inventory/getConnection",
			"xapi/reconexion > papi/reconnection/startBatch > papi/reconnection/batch > papi/reconnection/reconnect > sapi/orders/createReconnection > POST orders/createReconnection",
		},
	} {
		for _, path := range wanted {
			if _, ok := paths[what][path]; !ok {
				t.Errorf("%s: no %s among\n%s", what, path, strings.Join(slices.Sorted(maps.Keys(paths[what])), "\n"))
			}
		}
	}
	for what, wanted := range map[string]map[string]string{
		"NIP": {
			"http.request.method": "POST", "http.route": "/v1/salesOrder/portabilities/{operacion}", "http.response.status_code": "200", "puente.outcome": "ok",
			"puente.policy.transport": "passed", "puente.policy.token": "passed", "puente.policy.limits": "passed", "puente.policy.idempotency": "passed", "puente.code": "",
		},
		"charge":   {"http.response.status_code": "200", "puente.operation": "charge"},
		"replayed": {"puente.policy.idempotency": "replayed", "http.response.status_code": "200"},
		"limited":  {"puente.policy.limits": "refused", "puente.limit": "phone", "puente.policy.switch": "", "http.response.status_code": "429", "puente.outcome": "quota"},
		"forged":   {"puente.policy.token": "refused", "puente.policy.address": "passed", "puente.policy.client": "", "http.response.status_code": "401", "puente.client": ""},
		"shadow":   {"puente.policy.origin": "would_refuse", "puente.policy.switch": "passed"},
		"nowhere":  {"http.response.status_code": "404", "puente.policy.transport": "passed"},
	} {
		root := roots[what]
		for name, value := range wanted {
			if got := root.Attributes[name]; got != value || root.Failed {
				t.Errorf("%s: %s is %q, want %q: %s", what, name, got, value, root.Text)
			}
		}
	}
	for _, r := range p.sandbox.Requests(sandbox.Filter{}) { // each knows its place
		position := r.Headers.Get("Traceparent")
		if !strings.HasPrefix(position, "00-"+traceBegin) {
			continue
		}
		if span, ok := byID[position[36:52]]; !ok || span.Kind != "CLIENT" || r.Status != 0 && span.Attributes["http.response.status_code"] != fmt.Sprint(r.Status) {
			t.Errorf("%s.%s was called by %s: %s", r.System, r.Operation, position, span.Text)
		}
	}
}

// wantPlace checks by which process a span was made, and as what.
func (p *platform) wantPlace(t *testing.T, path string, span telemetrytest.Span) {
	t.Helper()
	own, above := "", "" // layers: of the span, or what it hangs below, and of what is above it
	for _, name := range strings.Split(path, " > ") {
		if above = own; strings.Contains(name, "api/") {
			own = name[:len("xapi")]
		}
	}
	kind, process := "INTERNAL", p.edge()
	if p.shape.name == split.name {
		process = p.processes[slices.Index([]string{"sapi", "papi", "xapi"}, own)]
		if own != above {
			kind = "SERVER"
		}
	}
	switch {
	case !strings.Contains(path, " > "):
		kind = "SERVER"
	case strings.HasPrefix(span.Name, "outbox/") || span.Name == "papi/reconnection/batch":
		kind = "CONSUMER"
	case strings.Contains(span.Name, " "):
		kind = "CLIENT"
	}
	if span.Kind != kind || span.Instance != process.name {
		t.Errorf("%s is %s of %s, want %s of %s", path, span.Kind, span.Instance, kind, process.name)
	}
}

// exemplar is a bucket of the OpenMetrics format with the trace that last fell into it.
var exemplar = regexp.MustCompile(`(?m)^([a-z_]+)_bucket\{[^}]*\} \S+ # \{trace_id="([0-9a-f]{32})"\} `)

// wantExemplars checks that durations lead to traces that were sampled, and to no other.
func (s *traced) wantExemplars(t *testing.T, p *platform) {
	found := map[string]bool{}
	for _, one := range p.processes {
		req, err := http.NewRequest(http.MethodGet, "http://"+one.at.Operations+"/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
		resp, err := operations.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/openmetrics-text") {
			t.Fatalf("metrics: %v: %v", err, resp.Header)
		}
		for _, m := range exemplar.FindAllStringSubmatch(string(text), -1) {
			if _, ok := s.traces[m[2]]; !ok {
				t.Errorf("%s: the exemplar of %s is %s", one.name, m[1], m[2])
			}
			found[m[1]] = true
		}
	}
	for _, name := range []string{"http_server_request_duration_seconds", "http_client_request_duration_seconds", "jobs_duration_seconds"} {
		if !found[name] {
			t.Errorf("no exemplar of %s among %v", name, found)
		}
	}
}
