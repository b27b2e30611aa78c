// Package docker holds the image and the services of one host; it is all files, and this is their test. No daemon is
// needed: what the daemon would do is not tried.
package docker

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"puente/test/machine"
)

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// compose is what is looked at of compose.yaml.
type compose struct {
	Services map[string]service
	Networks map[string]struct{ Internal bool }
	Volumes  map[string]any
	Secrets  map[string]struct{ File string }
}

type service struct {
	Image       string
	Command     []string
	ReadOnly    bool     `yaml:"read_only"`
	CapDrop     []string `yaml:"cap_drop"`
	CapAdd      []string `yaml:"cap_add"`
	SecurityOpt []string `yaml:"security_opt"`
	Privileged  bool
	Ports       []string
	Environment map[string]string
	Secrets     []string
	Networks    []string
	NetworkMode string `yaml:"network_mode"`
	Volumes     []struct {
		Type, Source, Target string
		ReadOnly             bool `yaml:"read_only"`
	}
	Grace string `yaml:"stop_grace_period"`
}

func services(t *testing.T, name string) compose {
	t.Helper()
	var c compose
	if err := yaml.Unmarshal([]byte(read(t, name)), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// Every service is confined, takes its secrets from files that secrets.sh makes, and is reached by who is to reach it.
func TestServices(t *testing.T) {
	made := secrets(t)
	all := services(t, "compose.yaml")
	want := []string{"alertmanager", "grafana", "migrate", "postgres", "prometheus", "puente", "redis"}
	if got := slices.Sorted(maps.Keys(all.Services)); !slices.Equal(got, want) {
		t.Fatalf("services %v", got)
	}
	maps.Copy(all.Services, map[string]service{"sandbox": services(t, "compose.sandbox.yaml").Services["sandbox"]})
	maps.Copy(all.Secrets, services(t, "compose.sandbox.yaml").Secrets)
	used := map[string]bool{}
	for name, s := range all.Services {
		if !s.ReadOnly || s.Privileged || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s is not confined: %+v", name, s)
		}
		if len(s.CapAdd) > 0 && name != "postgres" || slices.Contains(s.CapAdd, "SYS_ADMIN") {
			t.Errorf("%s has %v", name, s.CapAdd)
		}
		if strings.HasSuffix(s.Image, ":latest") || !strings.Contains(s.Image, ":") {
			t.Errorf("%s: image %s", name, s.Image)
		}
		for _, secret := range s.Secrets {
			used[secret] = true
			if file := all.Secrets[secret].File; !slices.Contains(made, strings.TrimPrefix(file, "./secrets/")) {
				t.Errorf("%s: secret %s is of %q, which secrets.sh does not make", name, secret, file)
			}
		}
		for key, value := range s.Environment {
			if regexp.MustCompile(`(?i)password|secret|token|key`).MatchString(key) && !strings.HasPrefix(value, "/run/secrets/") {
				t.Errorf("%s: a secret is given: %s", name, key)
			}
		}
		for _, v := range s.Volumes {
			switch {
			case v.Type == "volume":
				if _, ok := all.Volumes[v.Source]; !ok {
					t.Errorf("%s: no volume %s", name, v.Source)
				}
			case v.Type != "bind" || !v.ReadOnly:
				t.Errorf("%s: %+v", name, v)
			default:
				if _, err := os.Stat(v.Source); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
		for _, port := range s.Ports { // what is for channels and systems, and the rest on loopback
			if !strings.HasPrefix(port, "127.0.0.1:") && !(name == "puente" && slices.Contains([]string{"8443:8443", "8080:8080", "8444:8444"}, port)) {
				t.Errorf("%s publishes %s", name, port)
			}
		}
	}
	for name := range all.Secrets {
		if !used[name] {
			t.Errorf("no service has secret %s", name)
		}
	}
	if !all.Networks["data"].Internal || !slices.Equal(all.Services["postgres"].Networks, []string{"data"}) || !slices.Equal(all.Services["redis"].Networks, []string{"data"}) {
		t.Error("PostgreSQL and Redis are reached from elsewhere")
	}
	if all.Services["sandbox"].NetworkMode != "service:puente" {
		t.Error("the sandbox, which serves on loopback, is not where the platform is")
	}
	if !slices.Equal(all.Services["migrate"].Secrets, all.Services["puente"].Secrets) {
		t.Error("the migration reads the same configuration and has other secrets")
	}
	if all.Services["puente"].Grace != "40s" || !strings.Contains(read(t, "puente.yaml"), "drain: {delay: 5s, timeout: 25s}") {
		t.Error("the grace period is not that of the drain, and ten seconds")
	}
	for _, found := range regexp.MustCompile(`/run/secrets/([-.\w]+)`).FindAllStringSubmatch(read(t, "puente.yaml"), -1) {
		if !slices.Contains(all.Services["puente"].Secrets, found[1]) {
			t.Errorf("puente.yaml reads %s, which the service has not", found[0])
		}
	}
}

// secrets runs secrets.sh and returns what it made.
func secrets(t *testing.T) (made []string) {
	t.Helper()
	openssl, dir := machine.Program(t, "openssl", "openssl"), filepath.Join(t.TempDir(), "secrets")
	run := func() {
		cmd := exec.CommandContext(t.Context(), "./secrets.sh", dir)
		cmd.Env = append(os.Environ(), "PUBLIC_HOST=api.example.com")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("secrets.sh: %v\n%s", err, out)
		}
	}
	content := func() map[string]string {
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]string{}
		for _, f := range files {
			all[f.Name()] = read(t, filepath.Join(dir, f.Name()))
		}
		return all
	}
	run()
	first := content()
	run()
	if !maps.Equal(first, content()) {
		t.Error("secrets.sh made something anew")
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory is anybody's: %v %v", info.Mode(), err)
	}
	if info, err := os.Stat(filepath.Join(dir, "ca.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the authority's key: %v %v", info.Mode(), err)
	}
	seen := map[string]string{}
	for name, text := range first {
		if other := seen[text]; other != "" || strings.TrimSpace(text) == "" {
			t.Errorf("%s is empty, or that of %q", name, other)
		}
		seen[text] = name
	}
	for _, name := range []string{"ops", "public"} {
		if out, err := exec.CommandContext(t.Context(), openssl, "verify", "-CAfile", filepath.Join(dir, "ca.crt"), filepath.Join(dir, name+".crt")).CombinedOutput(); err != nil {
			t.Errorf("%s.crt: %v %s", name, err, out)
		}
	}
	return slices.Sorted(maps.Keys(first))
}

// The compose files are right to the Compose Specification, alone and over each other.
func TestComposeSpecification(t *testing.T) {
	args := []string{"docker", "compose"}
	if own, err := filepath.Abs("../../.tools/compose"); err == nil {
		if _, err := os.Stat(own); err == nil {
			args = []string{own}
		}
	}
	if len(args) == 2 {
		if err := exec.CommandContext(t.Context(), "docker", "compose", "version").Run(); err != nil {
			t.Skipf("neither docker compose nor .tools/compose here: %v", err)
		}
	}
	for _, files := range [][]string{{"compose.yaml"}, {"compose.yaml", "compose.sandbox.yaml"}} {
		command := slices.Clone(args)
		if len(args) == 2 {
			for _, f := range files {
				command = append(command, "-f", f)
			}
			command = append(command, "config")
		} else {
			command = append(command, files...)
		}
		out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte("no-new-privileges")) || bytes.Contains(out, []byte("sandbox-clients")) != (len(files) == 2) {
			t.Errorf("%v: %v\n%s", command, err, out)
		}
	}
}

// The image is built from what the program is made of, and by the release of Go that the module wants.
func TestBuildContext(t *testing.T) {
	allowed := []string{}
	for line := range strings.Lines(read(t, "../../.dockerignore")) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "!"); ok {
			allowed = append(allowed, name)
			if _, err := os.Stat("../../" + name); err != nil {
				t.Errorf(".dockerignore: %v", err)
			}
		}
	}
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if .Module}}{{if .Module.Main}}{{.ImportPath}}{{end}}{{end}}", "puente/deploy/puente")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v %s", err, out)
	}
	packages := strings.Fields(string(out))
	for _, p := range packages {
		dir := strings.TrimPrefix(p, "puente/")
		if !slices.ContainsFunc(allowed, func(a string) bool { return dir == a || strings.HasPrefix(dir, a+"/") }) {
			t.Errorf(".dockerignore leaves %s out of the image's sources", p)
		}
	}
	if len(packages) < 50 {
		t.Errorf("only %d packages were looked at", len(packages))
	}
	module := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "../../go.mod"))
	dockerfile := read(t, "Dockerfile")
	for _, want := range []string{"FROM --platform=$BUILDPLATFORM golang:" + module[1] + "-", "CGO_ENABLED=0", "\nFROM scratch\n", "\nUSER 65532:65532\n", "ca-certificates.crt"} {
		if !strings.Contains(dockerfile, want) {
			t.Errorf("the Dockerfile lacks %q", want)
		}
	}
	if last := dockerfile[strings.LastIndex(dockerfile, "\nFROM "):]; strings.Contains(last, "\nRUN ") {
		t.Error("there is nothing in the image that could run")
	}
}

// Every listener of the configurations is a port of the image.
func TestPorts(t *testing.T) {
	exposed := strings.Fields(regexp.MustCompile(`(?m)^EXPOSE (.*)$`).FindStringSubmatch(read(t, "Dockerfile"))[1])
	files, err := filepath.Glob("../config/*.yaml")
	if err != nil || len(files) < 4 {
		t.Fatalf("%v: %v", files, err)
	}
	for _, file := range append(files, "puente.yaml") {
		for _, found := range regexp.MustCompile(`(?m)addr: "?[\d.]+:(\d+)`).FindAllStringSubmatch(read(t, file), -1) {
			if !slices.Contains(exposed, found[1]) {
				t.Errorf("%s listens on %s, which the image does not expose", file, found[1])
			}
		}
	}
}

// Prometheus reads its configuration and, with it, all rules.
func TestPrometheus(t *testing.T) {
	promtool := machine.Program(t, "promtool", "prometheus")
	if out, err := exec.CommandContext(t.Context(), promtool, "check", "config", "--syntax-only", "prometheus.yml").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	const target = "/etc/prometheus/rules" // beside the configuration, which says rules/*.yaml
	for _, v := range services(t, "compose.yaml").Services["prometheus"].Volumes {
		if v.Target == target && v.Source == "../prometheus/rules" {
			return
		}
	}
	t.Errorf("no rules at %s", target)
}
