package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"puente/test/machine"
)

// The rules as they are shipped, in a Prometheus that scrapes the demo: each is evaluated without an error, what
// callers are answered shows in the ratios of its operation, and a demo in good health has no alert. It is not played
// beside others: on a busy machine a healthy demo may have one.
func TestRulesInPrometheus(t *testing.T) {
	if !machine.Has(t, "prometheus", "prometheus") {
		return
	}
	_, notes := beginDemo(t)
	p := startPrometheus(t, scrape{scale: 30, every: time.Second, targets: []string{strings.TrimPrefix(notes.Ops, "http://")}})

	client := &http.Client{Timeout: 5 * time.Second}
	eventually(t, time.Minute, "the ratios of an operation", func() bool {
		// Nobody's token: the caller's own fault, and answered in time.
		resp, err := client.Post(notes.Public+"/api/soporte1n/v1/validatetv", "application/json", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return len(p.query(t, `api_operation:slo_errors:ratio_rate1h{api="validatetv"} == 0 and on (api, operation) api_operation:slo_requests:rate5m > 0 and on (api, operation) api_operation:slo_errors:ratio_rate3d`)) == 1
	})

	var rules struct {
		Groups []struct {
			Rules []struct {
				Name, Health, LastError string
				Type, State             string
			}
		}
	}
	seen, evaluated := 0, false
	eventually(t, time.Minute, "every rule is evaluated", func() bool {
		seen, evaluated = 0, true
		p.get(t, "/api/v1/rules", nil, &rules)
		for _, g := range rules.Groups {
			for _, r := range g.Rules {
				seen++
				evaluated = evaluated && r.Health != "unknown"
			}
		}
		return evaluated
	})
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			if r.Health != "ok" || r.LastError != "" {
				t.Errorf("%s: %s %s", r.Name, r.Health, r.LastError)
			}
			if r.Type == "alerting" && r.State == "firing" {
				t.Errorf("%s fires", r.Name)
			}
		}
	}
	if seen < 90 {
		t.Errorf("%d rules", seen)
	}
	// What alerts ask of a process that has just begun. Counters of what happened appear when it does.
	for _, name := range []string{
		"server_ready == 1", "shed_places", "shed_memory_watermark_ratio >= 0", "http_client_bulkhead_max > 0", "http_client_breaker_state == 0",
		"access_snapshot_age_seconds < 15", "subscription_charges_different == 0", "subscription_charges_unresolved_age_seconds == 0", "audit_chains_broken == 0",
		"outbox_dead == 0", "outbox_due_lag_seconds", "jobs_lag_seconds", "ratelimit_degraded == 0", "subscription_renewals_lag_seconds", "smsc_inbound_waiting == 0",
		"audit_journal_full == 0", "audit_dropped_total == 0", "reconnection_suspensions_unresolved == 0", "config_reloads_total", "database_pool_connections_max",
	} {
		if len(p.query(t, name)) == 0 {
			t.Errorf("nothing for %s", name)
		}
	}
}

// prometheusServer is a Prometheus with the rules that are shipped.
type prometheusServer struct {
	url   string
	began time.Time
}

// scrape is how a Prometheus is used.
type scrape struct {
	scale        int // divides the windows of error budgets
	every        time.Duration
	alertmanager string // its address; empty: none
	targets      []string
}

// startPrometheus scrapes processes, with the rules that are shipped.
func startPrometheus(t *testing.T, s scrape) *prometheusServer {
	t.Helper()
	code, slo := says(t, "slo", "rules", "--window-scale", strconv.Itoa(s.scale))
	if code != 0 {
		t.Fatalf("slo rules: %d %s", code, slo)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "slo.yaml")
	shipped, err := filepath.Abs("../../deploy/prometheus/rules")
	if err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf("global: {scrape_interval: %[1]s, evaluation_interval: %[1]s}\nrule_files: [%q, %q, %q]\nscrape_configs: [{job_name: puente, static_configs: [{targets: ['%s']}]}]\n",
		s.every, file, filepath.Join(shipped, "correctness.yaml"), filepath.Join(shipped, "capacity.yaml"), strings.Join(s.targets, "', '"))
	if s.alertmanager != "" {
		config += fmt.Sprintf("alerting: {alertmanagers: [{static_configs: [{targets: [%q]}]}]}\n", s.alertmanager)
	}
	for name, text := range map[string]string{file: slo, filepath.Join(dir, "prometheus.yml"): config} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := &prometheusServer{"http://" + unused(t), time.Now()}
	serve(t, p.url+"/-/ready", exec.Command("prometheus", "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+strings.TrimPrefix(p.url, "http://"), "--log.level=warn"))
	return p
}

// serve runs a server until the test ends, and waits until it is ready.
func serve(t *testing.T, ready string, cmd *exec.Cmd) {
	t.Helper()
	ended := make(chan struct{})
	if err := child(cmd, func(error) { close(ended) }); err != nil {
		t.Fatalf("%s: %v", cmd.Path, err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
	eventually(t, within, ready, func() bool {
		resp, err := http.Get(ready)
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// get reads the data of an answer.
func (p *prometheusServer) get(t testing.TB, path string, query url.Values, data any) {
	t.Helper()
	resp, err := http.Get(p.url + path + "?" + query.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Status != "success" {
		t.Fatalf("%s: %v %s", path, err, answer.Error)
	}
	if err := json.Unmarshal(answer.Data, data); err != nil {
		t.Fatal(err)
	}
}

// query is what an instant query finds.
func (p *prometheusServer) query(t testing.TB, expr string) []json.RawMessage {
	t.Helper()
	var data struct{ Result []json.RawMessage }
	p.get(t, "/api/v1/query", url.Values{"query": {expr}}, &data)
	return data.Result
}
