// Package k8s holds the Helm chart; it is all templates, and this is their test. What helm makes of the value sets of
// puente/ci is committed in testdata, so that a machine without helm looks at it, too; `make chart` makes it anew.
package k8s

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"
)

// object is a manifest, or a part of one.
type object map[string]any

// at is what is at a path of members, "spec.template"; nil if nothing is.
func (o object) at(path string) any {
	var v any = o
	for name := range strings.SplitSeq(path, ".") {
		m, ok := v.(object)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}

func (o object) object(path string) object { v, _ := o.at(path).(object); return v }
func (o object) text(path string) string   { v, _ := o.at(path).(string); return v }
func (o object) number(path string) int    { v, _ := o.at(path).(int); return v }
func (o object) list(path string) (all []object) {
	items, _ := o.at(path).([]any)
	for _, item := range items {
		m, _ := item.(object)
		all = append(all, m)
	}
	return all
}
func (o object) name() string      { return o.text("metadata.name") }
func (o object) component() string { return label(o, "metadata.labels", "app.kubernetes.io/component") }

// label is a member whose name has dots.
func label(o object, path, name string) string { v, _ := o.object(path)[name].(string); return v }

// rendered are the objects of a value set, by kind and name.
type rendered map[string]map[string]object

func (r rendered) all(kind string) map[string]object { return r[kind] }

// pods are the templates of the deployments and of the migration, by component.
func (r rendered) pods() map[string]object {
	found := map[string]object{}
	for _, kind := range []string{"Deployment", "Job"} {
		for _, o := range r[kind] {
			found[o.component()] = o.object("spec.template")
		}
	}
	return found
}

func parsed(t *testing.T, text []byte) rendered {
	t.Helper()
	found := rendered{}
	documents := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var o object
		err := documents.Decode(&o)
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		if o == nil {
			continue
		}
		kind := o.text("kind")
		if found[kind] == nil {
			found[kind] = map[string]object{}
		}
		if found[kind][o.name()] != nil {
			t.Errorf("%s %s twice", kind, o.name())
		}
		found[kind][o.name()] = o
	}
}

// sets are the value sets as they are rendered.
func sets(t *testing.T) map[string]rendered {
	t.Helper()
	found := map[string]rendered{}
	for _, name := range []string{"minimal", "full"} {
		found[name] = parsed(t, read(t, "testdata/"+name+".yaml"))
	}
	return found
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// The committed renderings are those of this chart.
func TestRenderingsAreCurrent(t *testing.T) {
	var b strings.Builder
	if err := filepath.WalkDir("puente", func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			fmt.Fprintf(&b, "%x  %s\n", sha256.Sum256(read(t, name)), name)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if b.String() != string(read(t, "testdata/chart.sums")) {
		t.Error("the chart is not what testdata was rendered from: run make chart")
	}
}

// The chart's rules and dashboards are the repository's, by links that a checkout has and that helm follows.
func TestFilesAreTheRepositorys(t *testing.T) {
	for link, target := range map[string]string{"rules": "../prometheus/rules", "dashboards": "../grafana/dashboards"} {
		there, err := filepath.EvalSymlinks("puente/files/" + link)
		if err != nil || filepath.Clean(there) != target {
			t.Errorf("files/%s leads to %s: %v", link, there, err)
		}
	}
	names, err := filepath.Glob("puente/files/rules/*.yaml")
	if err != nil || len(names) < 3 {
		t.Errorf("rules: %v %v", names, err)
	}
	for _, pattern := range []string{"puente/files/rules/*.yaml", "puente/files/dashboards/*.json"} {
		found, _ := filepath.Glob(pattern) // a pattern that is none would show above
		for _, name := range found {
			base := strings.ToLower(strings.ReplaceAll(filepath.Base(name), "_", "-"))
			if !regexp.MustCompile(`^[a-z0-9][-a-z0-9]*\.(yaml|json)$`).MatchString(base) {
				t.Errorf("%s names no object", name)
			}
			if len(read(t, name)) > 900<<10 {
				t.Errorf("%s is too large for an object", name)
			}
		}
	}
}

// No pod is more than the platform needs to be.
func TestPods(t *testing.T) {
	for set, all := range sets(t) {
		pods := all.pods()
		if got := slices.Sorted(maps.Keys(pods)); !slices.Equal(got, []string{"migrate", "papi", "sapi", "xapi"}) {
			t.Fatalf("%s: pods %v", set, got)
		}
		for component, pod := range pods {
			spec, about := pod.object("spec"), set+" "+component
			containers := spec.list("containers")
			if len(containers) != 1 {
				t.Fatalf("%s: %d containers", about, len(containers))
			}
			c := containers[0]
			for path, want := range map[string]any{
				"automountServiceAccountToken":        false,
				"enableServiceLinks":                  false, // PUENTE_… of a Service would be unknown keys
				"securityContext.runAsNonRoot":        true,
				"securityContext.runAsUser":           65532,
				"securityContext.fsGroup":             65532,
				"securityContext.seccompProfile.type": "RuntimeDefault",
				"hostNetwork":                         nil,
				"securityContext.supplementalGroups":  nil,
			} {
				if got := spec.at(path); got != want {
					t.Errorf("%s: %s is %v, want %v", about, path, got, want)
				}
			}
			for path, want := range map[string]any{
				"securityContext.readOnlyRootFilesystem":   true,
				"securityContext.allowPrivilegeEscalation": false,
				"securityContext.capabilities.drop":        []any{"ALL"},
				"securityContext.privileged":               nil,
			} {
				if got := c.at(path); !reflect.DeepEqual(got, want) {
					t.Errorf("%s: %s is %v, want %v", about, path, got, want)
				}
			}
			if c.text("resources.limits.memory") == "" || c.text("resources.requests.cpu") == "" {
				t.Errorf("%s: resources %v", about, c.at("resources"))
			}
			if strings.HasSuffix(c.text("image"), ":latest") || !strings.ContainsAny(c.text("image"), ":@") {
				t.Errorf("%s: image %s", about, c.text("image"))
			}
			volumes, writable := map[string]bool{}, []string{}
			for _, v := range spec.list("volumes") {
				volumes[v.text("name")] = true
				if v.text("secret.secretName") != "" && v.number("secret.defaultMode") != 0o440 {
					t.Errorf("%s: Secret %s has mode %o", about, v.text("secret.secretName"), v.number("secret.defaultMode"))
				}
			}
			for _, m := range c.list("volumeMounts") {
				if !volumes[m.text("name")] {
					t.Errorf("%s mounts %s, which is no volume", about, m.text("name"))
				}
				if delete(volumes, m.text("name")); m["readOnly"] != true {
					writable = append(writable, m.text("mountPath"))
				}
				if m["subPath"] != nil {
					t.Errorf("%s: %s is a subPath, which no change reaches", about, m.text("mountPath"))
				}
			}
			if len(volumes) > 0 || !slices.Equal(writable, []string{"/var/lib/puente"}) {
				t.Errorf("%s: unused volumes %v, writable %v", about, volumes, writable)
			}
			if component == "migrate" {
				continue
			}
			for probe, path := range map[string]string{"startupProbe": "/readyz", "livenessProbe": "/livez", "readinessProbe": "/readyz"} {
				get := c.object(probe + ".httpGet")
				if get.text("path") != path || get.text("port") != "ops" || get.text("scheme") != "HTTPS" {
					t.Errorf("%s: %s asks %v", about, probe, get)
				}
			}
			if len(spec.list("topologySpreadConstraints")) != 2 {
				t.Errorf("%s: spread %v", about, spec.at("topologySpreadConstraints"))
			}
		}
		for _, kind := range []string{"Secret", "StatefulSet", "Role", "ClusterRole"} {
			if len(all.all(kind)) > 0 {
				t.Errorf("%s: a %s", set, kind)
			}
		}
	}
}

// What drains has the time to: the delay, what is in flight, and the five seconds in which the rest is closed.
func TestGracePeriod(t *testing.T) {
	for set, all := range sets(t) {
		for layer, pod := range all.pods() {
			config := all.config(t, layer)
			if layer == "migrate" {
				continue
			}
			var needs time.Duration
			for _, name := range []string{"delay", "timeout"} {
				d, err := time.ParseDuration(config.text("drain." + name))
				if err != nil {
					t.Errorf("%s %s: drain.%s: %v", set, layer, name, err)
				}
				needs += d
			}
			if grace := time.Duration(pod.number("spec.terminationGracePeriodSeconds")) * time.Second; grace < needs+5*time.Second || needs == 0 {
				t.Errorf("%s %s: %s to drain, grace period %s", set, layer, needs, grace)
			}
		}
	}
}

// config is the configuration of a component.
func (r rendered) config(t *testing.T, component string) object {
	t.Helper()
	var config object
	for _, o := range r.all("ConfigMap") {
		if o.component() == component {
			if err := yaml.Unmarshal([]byte(o.object("data")["puente.yaml"].(string)), &config); err != nil {
				t.Fatal(err)
			}
		}
	}
	if config == nil {
		t.Fatalf("no configuration of %s", component)
	}
	return config
}

// matches reports whether a selector of labels takes an object's.
func matches(selector, labels object) bool {
	for name, value := range selector {
		if labels[name] != value {
			return false
		}
	}
	return len(selector) > 0
}

// What selects pods selects those of one layer; what names a port names one that they open, and the configuration listens
// there.
func TestSelectors(t *testing.T) {
	for set, all := range sets(t) {
		ports := map[string]map[string]int{}
		for layer, pod := range all.pods() {
			ports[layer] = map[string]int{}
			for _, p := range pod.object("spec").list("containers")[0].list("ports") {
				ports[layer][p.text("name")] = p.number("containerPort")
				listener := all.config(t, layer).text(p.text("name") + ".addr")
				if listener != fmt.Sprintf(":%d", p.number("containerPort")) {
					t.Errorf("%s %s: port %v, listener %q", set, layer, p, listener)
				}
			}
		}
		one := func(kind string, o, selector object) string {
			var found []string
			for layer, pod := range all.pods() {
				if matches(selector, pod.object("metadata.labels")) {
					found = append(found, layer)
				}
			}
			if !slices.Equal(found, []string{o.component()}) {
				t.Errorf("%s: %s %s selects %v", set, kind, o.name(), found)
			}
			return o.component()
		}
		for _, o := range all.all("Deployment") {
			one("Deployment", o, o.object("spec.selector.matchLabels"))
		}
		for _, o := range all.all("PodDisruptionBudget") {
			one("PodDisruptionBudget", o, o.object("spec.selector.matchLabels"))
		}
		for _, o := range all.all("Service") {
			layer := one("Service", o, o.object("spec.selector"))
			for _, p := range o.object("spec").list("ports") {
				if ports[layer][p.text("targetPort")] == 0 {
					t.Errorf("%s: Service %s: %s has no port %s", set, o.name(), layer, p.text("targetPort"))
				}
			}
		}
		for _, o := range all.all("HorizontalPodAutoscaler") {
			if target := all.all("Deployment")[o.text("spec.scaleTargetRef.name")]; target == nil || target.component() != o.component() {
				t.Errorf("%s: HPA %s scales %v", set, o.name(), o.at("spec.scaleTargetRef"))
			}
		}
		for _, o := range all.all("ServiceMonitor") {
			found := 0
			for _, s := range all.all("Service") {
				if matches(o.object("spec.selector.matchLabels"), s.object("metadata.labels")) {
					found++
					if s.object("spec").list("ports")[0].text("name") != o.object("spec").list("endpoints")[0].text("port") || s["spec"].(object)["publishNotReadyAddresses"] != true {
						t.Errorf("%s: %s is scraped by %s", set, s.name(), o.name())
					}
				}
			}
			if job := o.object("spec").list("endpoints")[0].list("relabelings")[0]; found != 1 || job.text("replacement") != "puente-"+o.component() {
				t.Errorf("%s: ServiceMonitor %s: %d Services, job %v", set, o.name(), found, job)
			}
		}
		for kind, want := range map[string]int{"Deployment": 3, "PodDisruptionBudget": 3, "NetworkPolicy": map[string]int{"full": 5}[set], "HorizontalPodAutoscaler": map[string]int{"full": 3}[set], "ServiceMonitor": map[string]int{"full": 3}[set]} {
			if got := len(all.all(kind)); got != want {
				t.Errorf("%s: %d of %s, want %d", set, got, kind, want)
			}
		}
		for layer, above := range map[string][]string{"papi": {"xapi"}, "sapi": {"xapi", "papi"}} {
			for _, caller := range above { // a layer is called where its Service is
				want := fmt.Sprintf("http://puente-%s:%d", layer, ports[layer]["internal"])
				if got := all.config(t, caller).text("layers." + layer + ".url"); got != want || all.all("Service")["puente-"+layer] == nil {
					t.Errorf("%s: %s calls %s at %q, want %s", set, caller, layer, got, want)
				}
			}
		}
	}
}

// Replicas are added by what is in flight where requests are taken: at the edge, or on the internal listener. The metrics
// are those that the program makes.
func TestAutoscaling(t *testing.T) {
	full := sets(t)["full"]
	for layer, want := range map[string]string{"xapi": "shed_in_flight class=api", "papi": "server_requests_in_flight listener=internal", "sapi": ""} {
		var got []string
		for _, m := range full.all("HorizontalPodAutoscaler")["puente-"+layer].object("spec").list("metrics") {
			if m.text("type") == "Pods" {
				for name, value := range m.object("pods.metric.selector.matchLabels") {
					got = append(got, fmt.Sprintf("%s %s=%s", m.text("pods.metric.name"), name, value))
				}
			}
		}
		if strings.Join(got, ",") != want {
			t.Errorf("%s: %v, want %s", layer, got, want)
		}
	}
	for metric, file := range map[string]string{"shed_in_flight": "../../shared/shed/shed.go", "server_requests_in_flight": "../../shared/server/run.go"} {
		if !bytes.Contains(read(t, file), []byte(`"`+metric+`"`)) || !bytes.Contains(read(t, "README.md"), []byte(metric)) {
			t.Errorf("%s is not made by %s, or has no rule of the adapter", metric, file)
		}
	}
	if limiter := full.config(t, "xapi").number("limiter.replicas"); limiter != full.all("HorizontalPodAutoscaler")["puente-xapi"].number("spec.maxReplicas") {
		t.Errorf("limits are shared by %d replicas", limiter)
	}
}
