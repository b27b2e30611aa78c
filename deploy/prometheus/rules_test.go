// Package prometheus holds what SREs run Prometheus and Alertmanager with; it is all rules, and this is their test.
package prometheus

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"puente/deploy/prometheus/slo"
	"puente/test/machine"
)

// rule is a rule of a file.
type rule struct {
	Record, Alert, Expr string
	Labels, Annotations map[string]string
}

// rules are those of all files.
func rules(t *testing.T) []rule {
	t.Helper()
	var all []rule
	for _, name := range files(t, "rules/*.yaml") {
		var file struct {
			Groups []struct{ Rules []rule }
		}
		if err := yaml.Unmarshal(read(t, name), &file); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, g := range file.Groups {
			all = append(all, g.Rules...)
		}
	}
	return all
}

func files(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: %v", pattern, err)
	}
	return names
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Whoever an alert wakes is told why, and what to do; and each was seen to fire, and not to.
func TestAlertsAreWhole(t *testing.T) {
	var tests, runbooks strings.Builder
	for _, name := range files(t, "tests/*.yaml") {
		tests.Write(read(t, name))
	}
	runbooks.Write(read(t, "../runbooks.md"))
	seen := make(map[string]bool)
	for _, r := range rules(t) {
		if r.Alert == "" {
			continue
		}
		seen[r.Alert] = true
		severity := r.Labels["severity"]
		if cause := strings.HasSuffix(r.Alert, "WasAway"); severity != "page" && severity != "ticket" && !(cause && severity == "none") {
			t.Errorf("%s: severity %q", r.Alert, severity)
		}
		if r.Annotations["summary"] == "" || !strings.Contains(r.Annotations["description"], "Reason of the threshold:") {
			t.Errorf("%s: no summary, or no reason of its threshold", r.Alert)
		}
		if want := slo.Runbooks + "#" + strings.ToLower(r.Alert); r.Annotations["runbook_url"] != want {
			t.Errorf("%s: runbook %q, want %q", r.Alert, r.Annotations["runbook_url"], want)
		}
		if !strings.Contains(runbooks.String(), "\n## "+r.Alert+"\n\n*"+severity+".*") {
			t.Errorf("%s: no runbook for a %s", r.Alert, severity)
		}
		for _, outcome := range []string{" fires", " does not fire"} {
			if !strings.Contains(tests.String(), "name: "+r.Alert+outcome) {
				t.Errorf("%s: no test in which it%s", r.Alert, outcome)
			}
		}
	}
	for _, section := range regexp.MustCompile(`(?m)^## (\w+)$`).FindAllStringSubmatch(runbooks.String(), -1) {
		if !seen[section[1]] {
			t.Errorf("runbook of %s, which is no alert", section[1])
		}
	}
}

// An alert names the systems it follows from as the inhibition rules do; a system without a rule would
// give a page for each API that stands on it.
func TestWhatFollowsIsInhibited(t *testing.T) {
	var config struct {
		Rules []struct {
			Source []string `yaml:"source_matchers"`
			Target []string `yaml:"target_matchers"`
		} `yaml:"inhibit_rules"`
	}
	if err := yaml.Unmarshal(read(t, "alertmanager.yml"), &config); err != nil {
		t.Fatal(err)
	}
	alerts, follows := make(map[string]bool), map[string]bool{}
	for _, r := range rules(t) {
		alerts[r.Alert] = true
		for name := range strings.SplitSeq(strings.Trim(r.Labels["follows"], ","), ",") {
			follows[name] = true
		}
	}
	delete(follows, "")
	delete(follows, "headerenrichment") // calls nobody, so nothing of it breaks
	inhibited := make(map[string]bool)
	quoted := regexp.MustCompile(`"([^"]+)"`)
	for _, r := range config.Rules {
		for _, m := range slices.Concat(r.Source, r.Target) {
			value := quoted.FindStringSubmatch(m)[1]
			switch name, _, _ := strings.Cut(m, " "); name {
			case "alertname":
				for one := range strings.SplitSeq(value, "|") {
					if !alerts[one] {
						t.Errorf("%s: there is no such alert", m)
					}
				}
			case "follows":
				inhibited[strings.Trim(value, ".*,")] = true
			case "system":
				if _, err := os.Stat("../../contracts/sapi/" + value); err != nil {
					t.Errorf("%s: there is no such system API", m)
				}
				if want := `follows =~ ".*,` + value + `,.*"`; !slices.Contains(r.Target, want) {
					t.Errorf("%s inhibits %s", m, r.Target)
				}
			}
		}
	}
	for name := range follows {
		if !inhibited[name] {
			t.Errorf("alerts follow from %s, and nothing inhibits them", name)
		}
	}
	for name := range inhibited {
		if !follows[name] {
			t.Errorf("no alert follows from %s", name)
		}
	}
}

// given are metrics that Prometheus and its Go client make.
var given = []string{
	"up", "go_goroutines", "go_gc_duration_seconds", "go_memstats_heap_inuse_bytes",
	"process_open_fds", "process_max_fds", "process_cpu_seconds_total", "process_resident_memory_bytes",
}

var (
	text      = regexp.MustCompile(`"[^"]*"`)
	selectors = regexp.MustCompile(`\{[^}]*\}|\[[^\]]*\]|\b(by|on|ignoring|group_left) \([^)]*\)`)
	word      = regexp.MustCompile(`\b[a-z][a-z0-9_:]*\(?`)
	suffix    = regexp.MustCompile(`_(bucket|count|sum)$`)
)

// A rule about a metric that nobody exposes never fires, and a panel stays empty. Names are looked for where the program makes them.
func TestMetricsExist(t *testing.T) {
	made := make(map[string]bool)
	for _, layer := range []string{"shared", "papi", "sapi", "xapi"} {
		err := filepath.WalkDir(filepath.Join("../..", layer), func(name string, d fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
				return err
			}
			for _, s := range text.FindAllString(string(read(t, name)), -1) {
				made[strings.Trim(s, `"`)] = true
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range given {
		made[name] = true
	}
	all := rules(t)
	for _, r := range all {
		made[r.Record] = true
	}
	checked := 0
	for _, r := range append(all, panels(t)...) {
		for _, name := range word.FindAllString(selectors.ReplaceAllString(text.ReplaceAllString(r.Expr, ""), ""), -1) {
			if strings.HasSuffix(name, "(") || slices.Contains([]string{"and", "or", "offset", "bool", "by", "on", "max", "min", "sum", "count"}, name) {
				continue
			}
			checked++
			if !made[name] && !made[suffix.ReplaceAllString(name, "")] && !snapshot(name, made) {
				t.Errorf("%s%s asks for %s, which nothing exposes", r.Record, r.Alert, name)
			}
		}
	}
	if checked < len(all) {
		t.Errorf("%d names in %d rules", checked, len(all))
	}
}

// panels are the queries of dashboards, as rules of theirs.
func panels(t *testing.T) []rule {
	var all []rule
	for _, name := range files(t, "../grafana/dashboards/*.json") {
		var board struct {
			Panels []struct {
				Title   string
				Targets []struct{ Expr string }
			}
		}
		if err := json.Unmarshal(read(t, name), &board); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, p := range board.Panels {
			for _, target := range p.Targets {
				all = append(all, rule{Alert: filepath.Base(name) + ": " + p.Title, Expr: target.Expr})
			}
		}
	}
	return all
}

// snapshot is a metric whose name a follower of tables is given the beginning of.
func snapshot(name string, made map[string]bool) bool {
	of, rest, ok := strings.Cut(name, "_snapshot_")
	return ok && made[of] && made["_snapshot_"+rest]
}

// The rules are right to Prometheus, and do what their tests say.
func TestRulesInPromtool(t *testing.T) {
	promtool := machine.Program(t, "promtool", "prometheus")
	checks := [][]string{append([]string{"check", "rules"}, files(t, "rules/*.yaml")...), {"check", "config", "--syntax-only", "prometheus.yml"}}
	for _, name := range files(t, "tests/*.yaml") {
		checks = append(checks, []string{"test", "rules", name})
	}
	for _, args := range checks {
		t.Run(strings.Join(args[:2], " ")+" "+filepath.Base(args[len(args)-1]), func(t *testing.T) {
			t.Parallel()
			out, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput()
			if err != nil || strings.Contains(string(out), "duplicate") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// The configuration is right to Alertmanager.
func TestConfigurationInAmtool(t *testing.T) {
	amtool := machine.Program(t, "amtool", "alertmanager")
	if out, err := exec.CommandContext(t.Context(), amtool, "check-config", "alertmanager.yml").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
