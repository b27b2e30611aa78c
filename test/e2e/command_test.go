package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"puente/shared/database/databasetest"
)

// says runs the program and returns its exit code and all it says.
func says(t testing.TB, args ...string) (code int, text string) {
	t.Helper()
	cmd := command(args...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// written writes a configuration file.
func written(t testing.TB, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "puente.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

const minimal = `sapi:
  salesorder:
    http: {url: "http://127.0.0.1:1"}
  oauth2:
    http: {url: "http://127.0.0.1:1"}
    issuer: "http://127.0.0.1:1"
    audience: puente
    introspection: {client: puente, secret: secret-of-nobody}
  inventory: {http: {url: "http://127.0.0.1:1"}}
  orders: {http: {url: "http://127.0.0.1:1"}}
  pqr: {http: {url: "http://127.0.0.1:1"}}
`

// A mistake in the configuration is told with its key and line, by check and before anything starts.
func TestMistakesInTheConfiguration(t *testing.T) {
	t.Parallel()
	if code, text := says(t, "check", "--config", written(t, minimal)); code != 0 {
		t.Fatalf("%d %s", code, text)
	}
	for name, bad := range map[string]struct {
		text  string
		tells []string
	}{
		"typing error":     {strings.Replace(minimal, "issuer:", "isuer:", 1), []string{"puente.yaml:6: unknown key sapi.oauth2.isuer", "sapi.oauth2: issuer: is required"}},
		"at the top":       {minimal + "drian: {delay: 1s}\n", []string{"puente.yaml:12: unknown key drian"}},
		"unknown API":      {minimal + "  inventroy: {}\n", []string{"puente.yaml:12: unknown key sapi.inventroy"}},
		"no duration":      {minimal + "drain: {delay: soon}\n", []string{"puente.yaml:12: drain.delay"}},
		"negative":         {minimal + "drain: {timeout: -1s}\n", []string{"drain"}},
		"no value":         {minimal + "drain:\n", []string{"puente.yaml:12: drain"}},
		"a list":           {minimal + "drain: [1s]\n", []string{"puente.yaml:12: drain"}},
		"key twice":        {minimal + "sapi: {}\n", []string{"puente.yaml:12:"}},
		"syntax":           {minimal + "drain: {\n", []string{"puente.yaml:"}},
		"empty":            {"", []string{"puente.yaml"}},
		"open to all":      {minimal + `public: {addr: "0.0.0.0:0"}` + "\n", []string{"public.addr", "certificate"}},
		"short key":        {minimal + "layers: {serviceKey: c2hvcnQ=}\n", []string{"layers.serviceKey"}},
		"weak token":       {minimal + "admin: {tokens: {me: {secret: short, role: admin}}}\n", []string{"admin", "tokens.me.secret"}},
		"missing secret":   {minimal + "database: {url: file:/nowhere/database-url}\n", []string{"puente.yaml:12: database.url", "cannot be read"}},
		"several at once":  {minimal + "drain: {delay: soon}\nlog: {level: loud}\n", []string{"puente.yaml:12: drain.delay"}},
		"a secret in it":   {minimal + `database: {url: "postgres://u:hunter2@[::1"}` + "\n", []string{"database", "url"}},
		"unknown policy":   {minimal + "policies: {modes: {fraud: off}}\n", []string{"policies", "modes.fraud"}},
		"a URL of nothing": {strings.Replace(minimal, `url: "http://127.0.0.1:1"`, `url: "ftp://x"`, 1), []string{"sapi.salesorder", "url"}},
	} {
		file := written(t, bad.text)
		commands := [][]string{{"check", "--config", file}, {"run", "--config", file}}
		if !strings.Contains(strings.Join(bad.tells, " "), "sapi.") { // migrate reads no API's section
			commands = append(commands, []string{"migrate", "--config", file})
		}
		for _, command := range commands {
			code, text := says(t, command...)
			if code != 1 || strings.Contains(text, "hunter2") || strings.Contains(text, "secret-of-nobody") {
				t.Errorf("%s, %s: %d %s", name, command[0], code, text)
			}
			for _, part := range bad.tells {
				if !strings.Contains(text, part) {
					t.Errorf("%s, %s: does not tell %q: %s", name, command[0], part, text)
				}
			}
		}
	}
	cmd := command("check", "--config", written(t, minimal))
	cmd.Env = append(cmd.Env, "PUENTE_SAPI_OAUTH2_ISSUR=x")
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "PUENTE_SAPI_OAUTH2_ISSUR") {
		t.Errorf("an unknown variable: %v %s", err, out)
	}
	if code, text := says(t, "check", "--layers", "xapi", "--config", written(t, "log: {level: info}\n")); code != 1 ||
		!strings.Contains(text, "layers.sapi.url") && !strings.Contains(text, "layers.serviceKey") {
		t.Errorf("a layer that cannot reach the others: %d %s", code, text)
	}
	for _, wrong := range [][]string{{}, {"serve"}, {"run", "--layers", "zapi"}, {"run", "--hops", "pigeon"}, {"check", "--config", "/nowhere.yaml"}} {
		if code, text := says(t, wrong...); code == 0 || strings.Contains(text, "goroutine") {
			t.Errorf("%v: %d %s", wrong, code, text)
		}
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	if code, text := says(t, "version"); code != 0 || !regexp.MustCompile(`^puente \S+\n$`).MatchString(text) {
		t.Errorf("%d %q", code, text)
	}
}

// growing is what migrate says of the table that grows while the platform serves.
var growing = regexp.MustCompile(`(?m)^audit\.records: .*$`)

// The database is brought up to date, as often as one likes, and what is in it stays.
func TestMigrate(t *testing.T) {
	t.Parallel()
	url := databasetest.New(t).Config().ConnString()
	file := written(t, minimal+fmt.Sprintf("database: {url: %q, connectTimeout: 5s}\n", url))
	for range 2 {
		if code, text := says(t, "migrate", "--config", file); code != 0 || !regexp.MustCompile(`\d+ schemas, \d+ tables\n$`).MatchString(text) {
			t.Fatalf("%d %s", code, text)
		}
	}
	p := begin(t, typed, settings{database: url})
	c := p.caller(t)
	a := c.nip(t, p.phone())
	c.wantNIP(t, a)
	p.audited(t, a.correlation()) // what is journalled is loaded
	code, text := says(t, "migrate", "--config", file)
	if rest := growing.ReplaceAllString(text, ""); code != 0 || strings.Contains(rest, "were") {
		t.Errorf("while it serves: %d %s", code, text)
	}
	everyAnswer(t, p)
}

// The examples are right, but for the secrets, which are named and not given.
func TestExampleConfigurations(t *testing.T) {
	t.Parallel()
	examples, err := filepath.Glob("../../deploy/config/*.yaml")
	if err != nil || len(examples) < 4 {
		t.Fatalf("%v: %v", examples, err)
	}
	for _, example := range examples {
		text, err := os.ReadFile(example)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		for name, secret := range map[string]string{
			"database-url": "postgres://puente:x@db.internal:5432/puente", "redis-url": "rediss://cache.internal:6379/0",
			"key-2026-07": randomKey(), "service-key": randomKey(), "admin-token": adminToken, "introspection-secret": "x",
			"sms-password": "x", "sms-secret": randomKey(),
		} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(secret+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		file := written(t, strings.ReplaceAll(string(text), "/run/secrets", dir))
		args := []string{"check", "--config", file}
		if name := strings.TrimSuffix(filepath.Base(example), ".yaml"); strings.HasSuffix(name, "api") {
			args = append(args, "--layers", name)
		}
		if code, said := says(t, args...); code != 0 {
			t.Errorf("%s: %d %s", example, code, said)
		}
		for line := range strings.Lines(string(text)) {
			if regexp.MustCompile(`(?i)(secret|serviceKey|token|password):\s*"?[^{"\s#]`).MatchString(line) && !strings.Contains(line, "file:/run/secrets/") {
				t.Errorf("%s: a secret is given: %s", example, line)
			}
		}
	}
}

// What a container's health is checked by: 0 while /readyz takes requests, else 1, also where nobody answers in time. On
// loopback no certificate needs to name 127.0.0.1.
func TestHealth(t *testing.T) {
	t.Parallel()
	over := make(chan struct{})
	for _, start := range []func(http.Handler) *httptest.Server{httptest.NewServer, httptest.NewTLSServer} {
		server := start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/readyz":
				_, _ = io.WriteString(w, `{"status":"warn"}`)
			case "/draining/readyz":
				w.WriteHeader(http.StatusServiceUnavailable)
			case "/hanging/readyz":
				<-over
			}
		}))
		t.Cleanup(server.Close)
		for path, want := range map[string]int{"": 0, "/": 0, "/draining": 1, "/hanging": 1} {
			if code, text := says(t, "health", "--timeout", "1s", "--url", server.URL+path); code != want || want == 0 && text != `{"status":"warn"}` {
				t.Errorf("%s%s: %d %s", server.URL, path, code, text)
			}
		}
	}
	t.Cleanup(func() { close(over) }) // before the servers wait for it
	for _, wrong := range []string{"127.0.0.1:9090", "ftp://127.0.0.1", "http://"} {
		if code, text := says(t, "health", "--url", wrong); code != 2 {
			t.Errorf("%s: %d %s", wrong, code, text)
		}
	}
	cmd := command("health")
	cmd.Env = append(cmd.Env, "PUENTE_CLI_URL=http://127.0.0.1:1")
	if out, err := cmd.CombinedOutput(); err == nil || cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("where nobody listens: %v %s", err, out)
	}
}
