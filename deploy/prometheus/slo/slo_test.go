package slo

import (
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/hop"
	"puente/shared/policy"
	"puente/shared/server"
	"puente/shared/telemetry"
	"puente/xapi"
)

func objectives(t *testing.T) []Objective {
	t.Helper()
	all, err := Objectives(xapi.Layer)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// The committed rules are those of the contracts. `make generate` writes them.
func TestRulesAreCurrent(t *testing.T) {
	want, err := Render(objectives(t), Options{WindowScale: 1, Runbooks: Runbooks})
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../rules/slo.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Error("deploy/prometheus/rules/slo.yaml is not what the contracts promise: run make generate")
	}
}

// Every operation of every experience API has an objective, and a sane one.
func TestEveryOperationHasAnObjective(t *testing.T) {
	promised := make(map[string]Objective)
	for _, o := range objectives(t) {
		promised[o.API+"."+o.Operation] = o
	}
	operations := 0
	for i := range xapi.Layer.APIs {
		api := &xapi.Layer.APIs[i]
		doc, err := api.Contract.Document()
		if err != nil {
			t.Fatal(err)
		}
		for _, op := range doc.Operations {
			operations++
			o, ok := promised[api.Contract.Name+"."+op.ID]
			if !ok || o.Deadline <= 0 || o.Availability <= 50 || o.Availability >= 100 || !slices.Contains(o.Follows, database) {
				t.Errorf("%s.%s: %+v", api.Contract, op.ID, o)
			}
		}
	}
	if operations == 0 || operations != len(promised) {
		t.Errorf("%d operations, %d objectives", operations, len(promised))
	}
}

const document = `openapi: 3.0.3
info: {title: T, version: "1", x-category: c}
%SLA%
security: []
paths:
  /p:
    get: {operationId: look, responses: {'204': {description: d}}}
`

// An operation without SLO fails the build: there are no rules then.
func TestNoObjectiveIsAnError(t *testing.T) {
	for _, one := range []struct{ name, api, sla, want string }{
		{"none", "landing", "", "x-sla.deadline is missing"},
		{"half", "landing", "x-sla: {deadline: 1s}", "x-sla.availability is missing"},
		{"unknown systems", "newcomer", "x-sla: {deadline: 1s, availability: 99.9}", "the systems behind it are not listed"},
		{"whole", "landing", "x-sla: {deadline: 1s, availability: 99.9}", ""},
	} {
		contract := &hop.Contract{Layer: "xapi", Name: one.api, Spec: []byte(strings.Replace(document, "%SLA%", one.sla, 1))}
		_, err := Objectives(server.Layer{Name: "xapi", APIs: []server.API{{Contract: contract}}})
		if one.want == "" && err != nil || one.want != "" && (err == nil || !strings.Contains(err.Error(), one.want)) {
			t.Errorf("%s: %v", one.name, err)
		}
	}
}

// Whether an answer came in time is read off the histogram: every deadline is one of its bounds.
func TestDeadlinesAreBounds(t *testing.T) {
	registry := prometheus.NewRegistry()
	policy.NewMetrics(registry).Of("xapi", "a", "o").Observe(200, "ok", time.Second, telemetry.Trace{})
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	bounds := make(map[float64]bool)
	for _, family := range families {
		if family.GetName() == "http_server_request_duration_seconds" {
			for _, bucket := range family.GetMetric()[0].GetHistogram().GetBucket() {
				bounds[bucket.GetUpperBound()] = true
			}
		}
	}
	for _, o := range objectives(t) {
		if !bounds[o.Deadline.Seconds()] {
			t.Errorf("%s.%s: %s is no bound of http_server_request_duration_seconds", o.API, o.Operation, o.Deadline)
		}
	}
}

// Drills divide every window, and nothing else.
func TestWindowScale(t *testing.T) {
	for scale, wants := range map[int][]string{
		1:  {"[5m]", "[30m]", "[1h]", "[2h]", "[6h]", "[1d]", "[3d]", "[30d:5m]", "interval: 30s", "interval: 2m"},
		12: {"[25s]", "[2m30s]", "[5m]", "[10m]", "[30m]", "[2h]", "[6h]", "[2d12h:25s]", "interval: 2s500ms", "interval: 10s"},
	} {
		text, err := Render(objectives(t), Options{WindowScale: scale, Runbooks: "https://wiki.example/runbooks"})
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range append(wants, "ratio_rate3d", "> on (api, operation) group_left (deadline, follows) 14.4 *", "https://wiki.example/runbooks#errorbudgetburnsfast") {
			if !strings.Contains(string(text), want) {
				t.Errorf("scale %d: no %s", scale, want)
			}
		}
	}
	for _, scale := range []int{-1, 0, MaxScale + 1} {
		if _, err := Render(nil, Options{WindowScale: scale}); err == nil {
			t.Errorf("scale %d is let pass", scale)
		}
	}
}

// What an API stands on is what its package imports: its processes' contracts, and their systems'.
func TestBehindIsWhatIsImported(t *testing.T) {
	apis := make(map[string][]string) // package → its contracts' names
	for i := range xapi.Layer.APIs {
		name := xapi.Layer.APIs[i].Contract.Name
		apis[home(t, name)] = append(apis[home(t, name)], name)
	}
	for pkg, names := range apis {
		want := make(map[string]bool)
		for path := range imports(t, "xapi/"+pkg) {
			if system, ok := strings.CutPrefix(path, "contracts/sapi/"); ok {
				want[system] = true
			}
			if process, ok := strings.CutPrefix(path, "contracts/papi/"); ok {
				for below := range imports(t, "papi/"+process) {
					if system, ok := strings.CutPrefix(below, "contracts/sapi/"); ok {
						want[system] = true
					}
				}
			}
		}
		got := make(map[string]bool)
		for _, name := range names {
			for _, system := range behind[name] {
				got[system] = true
			}
		}
		if !maps.Equal(got, want) {
			t.Errorf("xapi/%s (%s): behind says %v, the imports %v", pkg, names, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
		}
	}
}

// home is the package of the experience layer that imports the contract of an API, below xapi/.
func home(t *testing.T, api string) string {
	t.Helper()
	entries, err := os.ReadDir("../../../xapi")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("../../../xapi/" + api); err == nil {
		return api
	}
	for _, e := range entries {
		if e.IsDir() && imports(t, "xapi/"+e.Name())["contracts/xapi/"+api] {
			return e.Name()
		}
	}
	t.Fatalf("nobody imports contracts/xapi/%s", api)
	return ""
}

// imports are what the packages at and below pkg import of this module, outside their tests.
func imports(t *testing.T, pkg string) map[string]bool {
	t.Helper()
	found := make(map[string]bool)
	err := filepath.WalkDir(filepath.Join("../../..", pkg), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if path, ours := strings.CutPrefix(path, "puente/"); err == nil && ours {
				found[path] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
