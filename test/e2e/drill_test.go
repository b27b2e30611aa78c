package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"puente/shared/database/databasetest"
	"puente/test/sandbox/fault"
)

// TestDrill breaks what three processes stand on, one after another, under mixed traffic: a system, Redis,
// PostgreSQL. Each break shows on its panel, its alert is the only one that pages, and recovery resolves it. Rules,
// inhibition and panels are those that are shipped; windows of budgets are a twelfth of theirs. It takes a quarter
// of an hour: make soak-drill.
func TestDrill(t *testing.T) {
	if !soaking {
		t.Skip("alerts take their time: make soak-drill")
	}
	for _, program := range []string{"redis-server", "prometheus", "prometheus-alertmanager"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatal(err)
		}
	}
	redis, server := startRedis(t), databasetest.NewServer(t)
	p := begin(t, split, settings{redis: redis.url(), database: server.URL(), patience: ", connectTimeout: 250ms", breaker: "{consecutive: 10, openFor: 5s}"})
	d := &drill{t: t, began: time.Now()}
	d.manager = startAlertmanager(t, d.desk(t))
	p.prometheus = startPrometheus(t, scrape{scale: 12, every: 5 * time.Second, alertmanager: d.manager, targets: p.addresses()})
	stop := p.mixed(t)
	defer stop()
	d.settled(p, "nothing is wrong")

	for _, one := range []struct {
		what         string
		breaks, back func()
		board, panel string
		shows        float64
		alert        string
		labels       map[string]string
	}{
		{"BotService hangs",
			func() { p.sandbox.Fault(t, fault.Fault{System: "botservice", Kind: fault.Hang}) }, func() { p.sandbox.ClearFaults("botservice") },
			"puente-dependency-salesorder", "Circuit breakers", 1, "CircuitBreakerOpen", map[string]string{"severity": "page", "system": "salesorder"}},
		{"Redis is killed",
			redis.kill, func() { redis.start(t) },
			"puente-limits", "Degraded", 1, "LimitsNotShared", map[string]string{"severity": "ticket"}},
		{"PostgreSQL is stopped",
			server.Stop, server.Start,
			"puente-limits", "Age of what is known of clients", 15, "PostgreSQLAway", map[string]string{"severity": "page"}},
	} {
		t := of(t, one.what)
		d.note("--- %s", one.what)
		from := time.Now()
		one.breaks()
		p.awaitPanel(t, d, one.board, one.panel, one.shows)
		eventually(t, 6*time.Minute, one.alert+" is sent", func() bool { return d.sent("firing", one.alert, one.labels, from) })
		<-time.After(time.Minute) // others may come after it
		one.back()
		d.note("--- over: %s", one.what)
		eventually(t, 6*time.Minute, one.alert+" is resolved", func() bool { return d.sent("resolved", one.alert, one.labels, from) })
		d.settled(p, "all is well again")
		for _, n := range d.since(from) {
			if n.Status == "firing" && n.Labels["severity"] == "page" && n.Labels["alertname"] != one.alert {
				t.Errorf("%s paged: %s", n.Labels["alertname"], n.Annotations["summary"])
			}
			if n.Labels["severity"] == "none" {
				t.Errorf("somebody was told of %s", n.Labels["alertname"])
			}
		}
	}
	d.note("the end")
	t.Logf("timeline:\n%s", strings.Join(d.timeline, "\n"))
}

// drill is who is on duty: what Alertmanager sends comes to the desk.
type drill struct {
	t       *testing.T
	began   time.Time
	manager string // address of Alertmanager

	mu       sync.Mutex
	notices  []notice
	timeline []string
}

// notice is an alert as Alertmanager's webhook has it.
type notice struct {
	at                  time.Time
	Status              string
	Labels, Annotations map[string]string
}

func (d *drill) note(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	line := fmt.Sprintf("%6s  ", time.Since(d.began).Round(time.Second)) + fmt.Sprintf(format, args...)
	d.timeline = append(d.timeline, line)
	d.t.Log(line)
}

// desk takes notifications; it is the URL of the webhook.
func (d *drill) desk(t *testing.T) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Receiver string
			Alerts   []notice
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			t.Errorf("the webhook: %v", err)
			return
		}
		for _, n := range in.Alerts {
			n.at = time.Now()
			d.note("%-8s %-7s %s: %s", n.Status, in.Receiver, n.Labels["alertname"], n.Annotations["summary"])
			d.mu.Lock()
			d.notices = append(d.notices, n)
			d.mu.Unlock()
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// since are the notices from a moment on.
func (d *drill) since(from time.Time) []notice {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(d.notices), func(n notice) bool { return n.at.Before(from) })
}

// sent reports whether there was such a notice since.
func (d *drill) sent(status, alert string, labels map[string]string, from time.Time) bool {
	return slices.ContainsFunc(d.since(from), func(n notice) bool {
		is := n.Status == status && n.Labels["alertname"] == alert
		for name, value := range labels {
			is = is && n.Labels[name] == value
		}
		return is
	})
}

// settled waits until nothing that pages fires, nor what keeps such quiet.
func (d *drill) settled(p *platform, what string) {
	d.t.Helper()
	eventually(d.t, 10*time.Minute, what, func() bool {
		return len(p.prometheus.query(d.t, `ALERTS{alertstate="firing", severity=~"page|none"}`)) == 0 &&
			len(p.prometheus.query(d.t, `api_operation:slo_errors:ratio_rate30m{api="portabilities"}`)) > 0
	})
	d.note("%s", what)
}

// awaitPanel waits until a panel of a dashboard shows so much.
func (p *platform) awaitPanel(t testing.TB, d *drill, board, panel string, least float64) {
	t.Helper()
	var expr string
	for _, q := range panelQueries(t) {
		if q.board == board && q.panel == panel {
			expr = strings.ReplaceAll(q.expr, "$__rate_interval", "1m")
			break
		}
	}
	if expr == "" {
		t.Fatalf("%s has no panel %q", board, panel)
	}
	eventually(t, 2*time.Minute, panel+" shows it", func() bool {
		for _, one := range p.prometheus.query(t, expr) {
			var sample struct{ Value [2]any }
			if err := json.Unmarshal(one, &sample); err != nil {
				t.Fatal(err)
			}
			if text, ok := sample.Value[1].(string); ok {
				if v, err := strconv.ParseFloat(text, 64); err == nil && v >= least {
					d.note("%s shows %s on %q", board, text, panel)
					return true
				}
			}
		}
		return false
	})
}

// addresses are where Prometheus finds the processes.
func (p *platform) addresses() []string {
	var all []string
	for _, one := range p.processes {
		all = append(all, one.at.Operations)
	}
	return all
}

// mixed is traffic as the platform has it, a few requests a second, until it is stopped. Whether they succeed is the
// alerts' matter.
func (p *platform) mixed(t *testing.T) (stop func()) {
	t.Helper()
	c, lines, television := p.caller(t), p.caller(t), p.caller(t)
	set := p.newTV(t, "FTTH")
	over := make(chan struct{})
	var all sync.WaitGroup
	for _, ask := range []func(){
		func() {
			_, _ = c.try(http.MethodPost, portabilidades, order(p.phone(), nil), "X-Correlation-ID", c.correlation())
		},
		func() {
			_, _ = lines.try(http.MethodPost, reconexionPath, inEnvelope(lines.system, lines.correlation(), p.newLine(t, "MORA").body()))
		},
		func() {
			_, _ = television.try(http.MethodPost, validateTVPath, inEnvelope(television.system, television.correlation(), text(members{"Phone": set.phone, "Audit": members{"Canal": "web"}})), "X-System-Name", "")
		},
		func() { _, _ = p.hub.rest.try(t, "charge", p.hub.rest.order(p.hub.line(), nil)) },
	} {
		all.Go(func() {
			tick := time.NewTicker(250 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-over:
					return
				case <-tick.C:
					ask()
				}
			}
		})
	}
	return func() { close(over); all.Wait() }
}

// startAlertmanager runs the configuration that is shipped, and tells the desk; groups are looked at often.
func startAlertmanager(t *testing.T, desk string) (addr string) {
	t.Helper()
	shipped, err := os.ReadFile("../../deploy/prometheus/alertmanager.yml")
	if err != nil {
		t.Fatal(err)
	}
	config := strings.NewReplacer("group_interval: 5m\n", "group_interval: 15s\n",
		"- name: pages\n", fmt.Sprintf("- name: pages\n    webhook_configs: [{url: %q}]\n", desk),
		"- name: tickets\n", fmt.Sprintf("- name: tickets\n    webhook_configs: [{url: %q}]\n", desk),
	).Replace(string(shipped))
	dir := t.TempDir()
	file := filepath.Join(dir, "alertmanager.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	addr = unused(t)
	serve(t, "http://"+addr+"/-/ready", exec.Command("prometheus-alertmanager", "--config.file="+file, "--storage.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+addr, "--cluster.listen-address=", "--log.level=warn"))
	return addr
}
