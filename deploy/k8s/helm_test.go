package k8s

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"puente/test/machine"
)

// tool finds a program of .tools or of the machine's.
func tool(t *testing.T, program string) string {
	t.Helper()
	if path, err := filepath.Abs("../../.tools/" + program); err == nil {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return machine.Program(t, program, program)
}

// kubernetes is the release whose schemas the manifests are held against.
const kubernetes = "1.36.3"

// template renders a value set, with more arguments of helm's.
func template(t *testing.T, set string, more ...string) ([]byte, error) {
	t.Helper()
	args := append([]string{"template", "puente", "puente", "--namespace", "puente", "--kube-version", kubernetes, "-f", "puente/ci/" + set + "-values.yaml"}, more...)
	var failed bytes.Buffer
	cmd := exec.CommandContext(t.Context(), tool(t, "helm"), args...)
	cmd.Stderr = &failed
	out, err := cmd.Output()
	if err != nil {
		return failed.Bytes(), err
	}
	return out, nil
}

// bare leaves out what is the repository's own, word for word.
var bare = []string{"--set", "monitoring.rules.enabled=false", "--set", "monitoring.dashboards.enabled=false"}

// helm has nothing against the chart, makes of it what is committed, and Kubernetes knows every member.
func TestHelm(t *testing.T) {
	helm := tool(t, "helm")
	for _, set := range []string{"minimal", "full"} {
		if out, err := exec.CommandContext(t.Context(), helm, "lint", "--strict", "--kube-version", kubernetes, "puente", "-f", "puente/ci/"+set+"-values.yaml").CombinedOutput(); err != nil {
			t.Errorf("%s: lint: %v\n%s", set, err, out)
		}
		out, err := template(t, set, bare...)
		if err != nil {
			t.Fatalf("%s: %v\n%s", set, err, out)
		}
		if !bytes.Equal(out, read(t, "testdata/"+set+".yaml")) {
			t.Errorf("%s: testdata is not what helm makes of the chart: run make chart", set)
		}
	}
}

// The manifests are right to Kubernetes, rules and dashboards too.
func TestSchemas(t *testing.T) {
	schemas := "../../.tools/k8s-schemas"
	if _, err := os.Stat(schemas); !machine.Found(t, "kubeconform", err) {
		t.SkipNow()
	}
	kubeconform := tool(t, "kubeconform")
	for _, set := range []string{"minimal", "full"} {
		out, err := template(t, set)
		if err != nil {
			t.Fatalf("%s: %v\n%s", set, err, out)
		}
		check := func(manifests []byte) ([]byte, error) {
			cmd := exec.CommandContext(t.Context(), kubeconform, "-strict", "-summary", "-schema-location", schemas+"/{{.ResourceKind}}{{.KindSuffix}}.json",
				"-skip", "ServiceMonitor,PrometheusRule")
			cmd.Stdin = bytes.NewReader(manifests)
			return cmd.CombinedOutput()
		}
		if said, err := check(out); err != nil {
			t.Errorf("%s: %v\n%s", set, err, said)
		}
		for good, bad := range map[string]string{"containerPort:": "containerPrt:", "runAsUser: 65532": "runAsUser: nobody", "maxSurge: 25%": "maxSurge: []"} {
			if said, err := check(bytes.Replace(out, []byte(good), []byte(bad), 1)); err == nil {
				t.Errorf("%s: %q passes\n%s", set, bad, said)
			}
		}
	}
}

// What Prometheus Operator reads is right to it.
func TestOperatorObjects(t *testing.T) {
	operator := tool(t, "operator")
	out, err := template(t, "full")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	check := func(manifests []byte) (string, error) {
		cmd := exec.CommandContext(t.Context(), operator)
		cmd.Stdin = bytes.NewReader(manifests)
		said, err := cmd.CombinedOutput()
		return string(said), err
	}
	if said, err := check(out); err != nil || !strings.HasPrefix(said, "6 objects") {
		t.Errorf("%v %s", err, said)
	}
	for good, bad := range map[string]string{"targetLabel:": "target_label:", "tlsConfig:": "tls:", "runbook_url:": "&x runbook_url: [", "interval: 15s": "interval: [15s]"} {
		if said, err := check(bytes.Replace(out, []byte(good), []byte(bad), 1)); err == nil {
			t.Errorf("%q passes: %s", bad, said)
		}
	}
}

// The rules that the cluster's Prometheus is given are those of the repository, to the letter.
func TestRulesAreTheRepositorys(t *testing.T) {
	out, err := template(t, "full")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	all := parsed(t, out)
	names, _ := filepath.Glob("../prometheus/rules/*.yaml") // counted below
	if len(names) < 3 || len(all.all("PrometheusRule")) != len(names) {
		t.Fatalf("%d rules of %v", len(all.all("PrometheusRule")), names)
	}
	for _, name := range names {
		var file object
		if err := yaml.Unmarshal(read(t, name), &file); err != nil {
			t.Fatal(err)
		}
		o := all.all("PrometheusRule")["puente-"+strings.TrimSuffix(filepath.Base(name), ".yaml")]
		if got := o.at("spec.groups"); got == nil || !reflect.DeepEqual(got, file["groups"]) {
			t.Errorf("%s: the PrometheusRule has other groups", name)
		}
	}
	dashboards, _ := filepath.Glob("../grafana/dashboards/*.json") // counted here
	found := 0
	for _, o := range all.all("ConfigMap") {
		for name, text := range o.object("data") {
			if strings.HasSuffix(name, ".json") {
				found++
				if text != string(read(t, "../grafana/dashboards/"+name)) {
					t.Errorf("dashboard %s is another", name)
				}
			}
		}
	}
	if found != len(dashboards) {
		t.Errorf("%d of %d dashboards", found, len(dashboards))
	}
}

// A value that is wrong is refused, and says where.
func TestValuesThatAreRefused(t *testing.T) {
	for set, tells := range map[string]string{
		"xapi.replcas=3":                    "replcas",
		"secrets.database.password=hunter2": "password",
		"drain.timeoutSeconds=0":            "timeoutSeconds",
		"image.digest=latest":               "digest",
		"secrets.admin.tokens.me.role=root": "role",
	} {
		if out, err := template(t, "minimal", "--set", set); err == nil || !strings.Contains(string(out), tells) {
			t.Errorf("%s: %v, does not tell %q:\n%s", set, err, tells, out)
		}
	}
	if out, err := template(t, "full", "--set", "networkPolicy.prometheus.from=null", "--set", "networkPolicy.operators.from=null"); err == nil {
		t.Errorf("the operations listener is for anybody:\n%.500s", out)
	}
	if out, err := template(t, "minimal", "--set-json", "config={}"); err == nil || !strings.Contains(string(out), "config.sapi is required") {
		t.Errorf("a platform without systems: %v\n%s", err, out)
	}
	if out, err := template(t, "minimal", "--set-json", "config.xapi.xapi={\"landing\":{\"url\":\"\"}}"); err == nil || !strings.Contains(string(out), "landing.url is required") {
		t.Errorf("landing pages without an address: %v\n%s", err, out)
	}
	if out, err := template(t, "minimal", "--set", "xapi.autoscaling.enabled=true,xapi.autoscaling.cpu=0,xapi.autoscaling.inFlight=0"); err == nil || !strings.Contains(string(out), "inFlight or cpu") {
		t.Errorf("an HPA by nothing: %v", err)
	}
}
