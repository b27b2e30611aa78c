package e2e

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// witness remembers every answer, so that each can be held against the audit.
type witness struct {
	mu   sync.Mutex
	seen map[string][]int // statuses by correlation
}

func newWitness() *witness { return &witness{seen: map[string][]int{}} }

func (w *witness) saw(a answer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if id := a.correlation(); id != "" { // net/http itself refused what has none
		w.seen[id] = append(w.seen[id], a.status)
	}
}

// answers are the statuses seen, by correlation.
func (w *witness) answers() map[string][]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make(map[string][]int, len(w.seen))
	for id, statuses := range w.seen {
		all[id] = slices.Sorted(slices.Values(statuses))
	}
	return all
}

// record is a record as `puente audit show` prints it.
type record struct {
	Kind         string `json:"kind"`
	Layer        string `json:"layer"`
	API          string `json:"api"`
	Operation    string `json:"operation"`
	Client       string `json:"client"`
	System       string `json:"system"`
	Channel      string `json:"channel"`
	Address      string `json:"address"`
	Trace        string `json:"trace"`
	Status       int    `json:"status"`
	Outcome      string `json:"outcome"`
	Code         string `json:"code"`
	Detail       string `json:"detail"`
	Decisions    []decision
	Dependencies []struct {
		Target    string `json:"target"`
		Operation string `json:"operation"`
		Status    int    `json:"status"`
		Error     string `json:"error"`
		Attempts  int    `json:"attempts"`
	} `json:"dependencies"`
	Request  json.RawMessage `json:"request"`
	Response json.RawMessage `json:"response"`
}

type decision struct{ Policy, Verdict, Detail string }

// maxShown is how many records one question shows.
const maxShown = 100

// auditText is what the audit tells of a correlation, all layers, as JSON.
func (p *platform) auditText(t testing.TB, correlation string) string {
	t.Helper()
	var text string
	eventually(t, within, "the audit tells of "+correlation, func() bool {
		status, body := p.admin(t, p.edge(), http.MethodGet, "/admin/v1/audit/"+url.PathEscape(correlation), "")
		if status != http.StatusOK && status != http.StatusNotFound && status != http.StatusServiceUnavailable {
			t.Fatalf("audit of %s: %d %s", correlation, status, body)
		}
		text = body
		return status == http.StatusOK
	})
	return text
}

// audited are the records of a correlation, of all layers.
func (p *platform) audited(t testing.TB, correlation string) []record {
	t.Helper()
	var records []record
	if text := p.auditText(t, correlation); json.Unmarshal([]byte(text), &records) != nil {
		t.Fatalf("audit of %s: %s", correlation, text)
	}
	return records
}

// atEdge are the records of requests, not of hops, nor of what security wants to know of a hop.
func atEdge(records []record) []record {
	return slices.DeleteFunc(slices.Clone(records), func(r record) bool {
		return r.Kind == "hop" || r.Kind == "security" && r.Layer != "xapi" && r.Address == ""
	})
}

// everyAnswer: each answer that anybody has had has its record, and the chain is unaltered.
func everyAnswer(t *testing.T, p *platform) {
	answers := p.witness.answers()
	if len(answers) == 0 {
		t.Fatal("nobody had an answer")
	}
	if n := p.edge().metric(t, "contract_response_breaches_total"); n != 0 {
		t.Errorf("%v answers broke their contract", n)
	}
	for id, want := range answers {
		if len(want) >= maxShown/2 {
			continue // more than one question shows
		}
		var got []int
		for _, r := range atEdge(p.audited(t, id)) {
			if r.Outcome == "interrupted" {
				continue
			}
			got = append(got, r.Status)
			if r.Layer != "xapi" || r.Address != "127.0.0.1" || r.Outcome == "" || r.Trace == "" {
				t.Errorf("%s: %s %s %d: layer %q, address %q, outcome %q, trace %q", id, r.API, r.Operation, r.Status, r.Layer, r.Address, r.Outcome, r.Trace)
			}
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%s: answered %v, the audit has %v", id, want, got)
		}
	}
	p.verify(t)
}

// verify has `puente audit verify` follow the chains.
func (p *platform) verify(t testing.TB) {
	t.Helper()
	out := p.run(t, "audit", "verify")
	var report struct {
		Intact  bool
		Records int
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil || !report.Intact || report.Records == 0 {
		t.Errorf("%v: %s", err, out)
	}
}

// run runs a command of the program against the edge, which must succeed, and returns its output.
func (p *platform) run(t testing.TB, args ...string) string {
	t.Helper()
	cmd := command(args...)
	cmd.Env = append(cmd.Env, "PUENTE_CLI_URL=http://"+p.edge().at.Operations, "PUENTE_CLI_TOKEN="+adminToken)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("puente %s: %v\n%s%s", strings.Join(args, " "), err, out, complaint.String())
	}
	return string(out)
}

// records: who asked for what, what came of it, what was decided and which systems were called;
// without what is personal or secret.
func records(t *testing.T, p *platform) {
	c, phone := p.caller(t), p.phone()
	c.wantNIP(t, c.nip(t, p.phone())) // from here on the token is known
	id := c.correlation()
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	c.wantNIP(t, c.post(t, portabilidades, order(phone, nil), "X-Correlation-ID", id, "X-Channel", "whatsapp", "Traceparent", "00-"+trace+"-00f067aa0ba902b7-00"))
	var shown []record
	eventually(t, within, "every layer's record", func() bool {
		if err := json.Unmarshal([]byte(p.run(t, "audit", "show", id)), &shown); err != nil {
			t.Fatal(err)
		}
		return len(shown) == 2
	})
	edge, hop := shown[0], shown[1]
	if edge.Kind != "request" || edge.API != "portabilities" || edge.Operation != "createPortability" || edge.Client != c.id || edge.System != c.system ||
		edge.Channel != "whatsapp" || edge.Trace != trace || edge.Status != 200 || edge.Outcome != "ok" {
		t.Errorf("at the edge: %+v", edge)
	}
	if hop.Kind != "hop" || hop.Layer != "sapi" || hop.API != "salesorder" || hop.Client != c.id || hop.Trace != trace || len(hop.Dependencies) != 1 ||
		hop.Dependencies[0].Target != "botservice" || hop.Dependencies[0].Status != 200 || hop.Dependencies[0].Attempts != 1 {
		t.Errorf("the hop: %+v", hop)
	}
	if masked := "******" + phone[6:]; !strings.Contains(string(edge.Request), masked) || !strings.Contains(string(edge.Request), "MDM-PLTE-022944") {
		t.Errorf("the request is kept as %s", edge.Request)
	}

	nips, _ := p.effects(phone)
	filed := c.correlation()
	a := c.post(t, portabilidades, order(phone, members{"nip": nips[0].NIP}), "X-Correlation-ID", filed)
	wantSuccess(t, a, c.system, filed, portInFiled, "FLUJO", "LTE")
	refused := c.post(t, portabilidades, order("3000000409", nil), "X-Correlation-ID", c.correlation())
	wantProblem(t, refused, 409, "INVALID_FIELD")
	for _, id := range []string{id, filed, refused.correlation()} {
		eventually(t, within, "every layer's record", func() bool { return len(p.audited(t, id)) == 2 })
		told := p.auditText(t, id)
		for _, secret := range append(p.secrets, phone, c.token, `"`+nips[0].NIP+`"`) {
			if strings.Contains(told, secret) {
				t.Errorf("the audit holds %q: %s", secret, told)
			}
		}
	}
	if told := p.auditText(t, refused.correlation()); !strings.Contains(told, "Segmento") {
		t.Errorf("BotService's own words are lost: %s", told)
	}
}
