package config_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"puente/shared/config"

	"pgregory.net/rapid"
)

type transport struct {
	URL         string        `yaml:"url"`
	Timeout     time.Duration `yaml:"timeout"`
	MaxResponse int64         `yaml:"maxResponse"`
	Retries     int8          `yaml:"retries"`
	Ratio       float64       `yaml:"ratio"`
	Breaker     *struct {
		Window time.Duration `yaml:"window"`
	} `yaml:"breaker"`
}

type limits struct {
	Requests uint32 `yaml:"requests"`
}

type section struct {
	limits   `yaml:",inline"`
	HTTP     transport         `yaml:"http"`
	Token    config.Secret     `yaml:"token"`
	Flag     bool              `yaml:"flag"`
	Proxies  []netip.Prefix    `yaml:"proxies"`
	Scopes   []string          `yaml:"scopes"`
	Since    time.Time         `yaml:"since"`
	Tiers    map[string]limits `yaml:"tiers"`
	Partners []struct {
		Name string        `yaml:"name"`
		Key  config.Secret `yaml:"key"`
	} `yaml:"partners"`
	Clock func() time.Time
}

func (s *section) Validate() error {
	var errs []error
	if s.HTTP.Retries > 3 {
		errs = append(errs, errors.New("http.retries: at most 3"))
	}
	if s.Requests > 1000 {
		errs = append(errs, errors.New("requests: at most 1000"))
	}
	return errors.Join(errs...)
}

// write makes a file of the lines, each with its newline.
func write(t *testing.T, lines ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func load(t *testing.T, file string, environ ...string) *config.Tree {
	t.Helper()
	tree, err := config.Load(file, environ)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestFileOverDefaultsAndEnvironmentOverFile(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("line one\nline two\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := write(t,
		`dataDir: /var/lib/puente`,
		`sapi:`,
		`  salesorder:`,
		`    requests: 10`,
		`    http: {url: "http://a", timeout: 2s, ratio: 1, breaker: {window: 10s}}`,
		`    token: file:`+secret,
		`    proxies: [10.0.0.0/8]`,
		`    scopes: [a, b]`,
		`    since: 2026-01-02T03:04:05Z`,
		`    tiers: {gold: {requests: 7}, silver: {requests: 8}}`,
		`    partners: [{name: one, key: 007}]`,
	)
	tree := load(t, file,
		"PUENTE_SAPI_SALESORDER_HTTP_TIMEOUT=3s",
		"PUENTE_SAPI_SALESORDER_HTTP_MAX_RESPONSE=1048576",
		"PUENTE_SAPI_SALESORDER_HTTP_BREAKER_WINDOW=20s",
		"PUENTE_SAPI_SALESORDER_SCOPES=x, y",
		"PUENTE_SAPI_SALESORDER_FLAG=true",
		"PUENTE_TEST_DATABASE_URL=anything",
		"HOME=/root",
	)
	defaults := map[string]limits{"gold": {1}, "bronze": {2}}
	window := struct {
		Window time.Duration `yaml:"window"`
	}{time.Second}
	got := section{
		HTTP:  transport{Timeout: time.Second, Retries: 2, Breaker: &window},
		Tiers: defaults,
	}
	if err := tree.Section("sapi.salesorder", &got); err != nil {
		t.Fatal(err)
	}
	var top struct {
		DataDir string `yaml:"dataDir"`
	}
	if err := tree.Section("", &top); err != nil {
		t.Fatal(err)
	}
	if err := tree.Unclaimed(); err != nil {
		t.Fatal(err)
	}

	check := func(what string, got, want any) {
		t.Helper()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	check("inlined", got.Requests, uint32(10))
	check("default kept", got.HTTP.Retries, int8(2))
	check("file", got.HTTP.URL, "http://a")
	check("whole number as float", got.HTTP.Ratio, 1.0)
	check("environment over file", got.HTTP.Timeout, 3*time.Second)
	check("environment over default", got.HTTP.MaxResponse, int64(1<<20))
	check("pointer", got.HTTP.Breaker.Window, 20*time.Second)
	check("the default behind a pointer is not written to", window.Window, time.Second)
	check("secret file, less one newline", got.Token.Reveal(), "line one\nline two")
	check("text type", got.Proxies, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")})
	check("list in a variable", got.Scopes, []string{"x", "y"})
	check("flag", got.Flag, true)
	check("time", got.Since, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	check("map added to", got.Tiers, map[string]limits{"gold": {7}, "silver": {8}, "bronze": {2}})
	check("the default map is not written to", defaults, map[string]limits{"gold": {1}, "bronze": {2}})
	check("secret of digits stays as written", got.Partners[0].Key.Reveal(), "007")
	check("top level", top.DataDir, "/var/lib/puente")
}

func TestShortNamesOfTheStartUpContract(t *testing.T) {
	var cfg struct {
		DataDir string `yaml:"dataDir"`
		Public  struct {
			Addr string `yaml:"addr"`
		} `yaml:"public"`
	}
	var database struct {
		URL config.Secret `yaml:"url"`
	}
	tree := load(t, "", "PUENTE_DATA_DIR=/d", "PUENTE_PUBLIC_ADDR=:1", "PUENTE_DATABASE_URL=postgres://u:p@h/d")
	if err := errors.Join(tree.Section("", &cfg), tree.Section("database", &database), tree.Unclaimed()); err != nil {
		t.Fatal(err)
	}
	if cfg.DataDir != "/d" || cfg.Public.Addr != ":1" || database.URL.Reveal() != "postgres://u:p@h/d" {
		t.Errorf("got %+v, %s", cfg, database.URL.Reveal())
	}
}

// Each case is refused with a message that holds all of want, and never the word canary.
func TestRefusedFiles(t *testing.T) {
	tests := map[string]struct {
		text string
		want []string
	}{
		"empty":               {"", []string{"config.yaml: is empty"}},
		"cut within a line":   {"sapi:\n  salesorder:\n    tok", []string{"half-written"}},
		"syntax":              {"a: 1\nb: [1\n", []string{"config.yaml:1: did not find expected"}},
		"tab":                 {"a:\n\tb: 1\n", []string{"config.yaml:2: "}},
		"not a mapping":       {"- a\n", []string{"config.yaml:1: the file must consist of keys"}},
		"two documents":       {"a: 1\n---\nb: 2\n", []string{"config.yaml:2: a second document"}},
		"key twice":           {"a:\n  b: 1\n  b: 2\n", []string{"config.yaml:3: a.b: stands twice, first in line 2"}},
		"null":                {"a:\n  b:\n  c: ~\n", []string{"config.yaml:2: a.b: has no value", "config.yaml:3: a.c: has no value"}},
		"null item":           {"a: [1, ]\nb:\n  -\n", []string{"config.yaml:3: b[0]: has no value"}},
		"alias":               {"a: &x 1\nb: *x\n", []string{"config.yaml:1: a: anchors", "config.yaml:2: b: anchors"}},
		"merge":               {"a: &x {c: 1}\nb:\n  <<: *x\n", []string{"config.yaml:3: b.<<: a key must be text"}},
		"number as key":       {"1: canary\n", []string{"config.yaml:1: 1: a key must be text"}},
		"binary":              {"a: \x00canary\n", []string{"config.yaml: control characters"}},
		"larger than allowed": {"a: " + strings.Repeat("x", 1<<20) + "\n", []string{"config.yaml: is larger than 1048576 bytes"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "config.yaml")
			if err := os.WriteFile(file, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := config.Load(file, nil)
			refused(t, err, test.want...)
		})
	}
	t.Run("missing", func(t *testing.T) {
		_, err := config.Load(filepath.Join(t.TempDir(), "config.yaml"), nil)
		refused(t, err, "config.yaml: no such file")
	})
	t.Run("folder", func(t *testing.T) {
		_, err := config.Load(t.TempDir(), nil)
		refused(t, err, "is a folder")
	})
}

func TestNothingButCommentsIsAnEmptyConfiguration(t *testing.T) {
	var cfg section
	tree := load(t, write(t, "# nothing yet"))
	if err := errors.Join(tree.Section("sapi.salesorder", &cfg), tree.Unclaimed()); err != nil {
		t.Fatal(err)
	}
}

func TestRefusedValues(t *testing.T) {
	tests := map[string]struct {
		line string // of section s, in line 2 of the file
		env  string
		want string
	}{
		"number as text":      {line: `http: {url: 42}`, want: `config.yaml:2: s.http.url: must be text: put it in quotes`},
		"text as number":      {line: `http: {maxResponse: canary}`, want: `s.http.maxResponse: must be a whole number`},
		"quoted number":       {line: `http: {maxResponse: "5"}`, want: `s.http.maxResponse: must be a whole number`},
		"fraction":            {line: `http: {retries: 1.5}`, want: `s.http.retries: must be a whole number`},
		"out of range":        {line: `http: {retries: 200}`, want: `s.http.retries: must be a whole number: it is out of range`},
		"negative":            {line: `requests: -1`, want: `s.requests: must be a whole number, not negative`},
		"not a number":        {line: `http: {ratio: .nan}`, want: `s.http.ratio: must be a number`},
		"duration less unit":  {line: `http: {timeout: 5}`, want: `s.http.timeout: must be a duration such as 500ms, 5s or 1h30m`},
		"text as flag":        {line: `flag: yes`, want: `s.flag: must be true or false`},
		"blank":               {line: `http: {url: " "}`, want: `s.http.url: has no value`},
		"blank secret":        {line: `token: ""`, want: `s.token: has no value`},
		"bad text type":       {line: `proxies: [canary]`, want: `s.proxies[0]: is not of the form that is expected here`},
		"list for a value":    {line: `flag: [true]`, want: `s.flag: must be a single value`},
		"value for a list":    {line: `scopes: canary`, want: `s.scopes: must be a list`},
		"value for a section": {line: `http: canary`, want: `s.http: must be a section`},
		"value for a map":     {line: `tiers: canary`, want: `s.tiers: must be a section`},
		"in a map":            {line: `tiers: {gold: {requests: canary}}`, want: `s.tiers.gold.requests: must be a whole number`},
		"in a list":           {line: `partners: [{name: a}, {name: 1}]`, want: `s.partners[1].name: must be text`},
		"secret file removed": {line: `token: file:/nowhere/at/all`, want: `config.yaml:2: s.token: names a file that cannot be read: open /nowhere/at/all: no such file`},
		"secret file empty":   {line: `token: file:/dev/null`, want: `s.token: names a file without a value`},
		"secret file endless": {line: `token: file:/dev/zero`, want: `s.token: names a file larger than`},
		"secret file nearby":  {line: `token: file:token`, want: `s.token: must name its file by an absolute path`},
		"variable":            {env: `PUENTE_S_HTTP_TIMEOUT=canary`, want: `PUENTE_S_HTTP_TIMEOUT: must be a duration`},
		"blank variable":      {env: `PUENTE_S_TOKEN=`, want: `PUENTE_S_TOKEN: has no value`},
		"item of a variable":  {env: `PUENTE_S_SCOPES=a,,b`, want: `PUENTE_S_SCOPES: an item has no value`},
		"validation":          {line: `http: {retries: 4}`, want: `s: http.retries: at most 3`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			line := test.line
			if line == "" {
				line = "flag: true"
			}
			tree := load(t, write(t, "s:", "  "+line), test.env)
			var cfg section
			refused(t, tree.Section("s", &cfg), test.want)
		})
	}
	t.Run("all at once", func(t *testing.T) {
		tree := load(t, write(t, "s:", "  flag: 1", "  requests: x"), "PUENTE_S_TOKEN=")
		var cfg section
		refused(t, tree.Section("s", &cfg), "config.yaml:2: s.flag", "config.yaml:3: s.requests", "PUENTE_S_TOKEN")
	})
	t.Run("every complaint of a validation", func(t *testing.T) {
		tree := load(t, write(t, "s: {requests: 1001, http: {retries: 4}}"))
		var cfg section
		refused(t, tree.Section("s", &cfg), "s: http.retries: at most 3", "s: requests: at most 1000")
	})
	t.Run("value where a section is looked for", func(t *testing.T) {
		tree := load(t, write(t, "sapi: canary"))
		var cfg section
		refused(t, tree.Section("sapi.salesorder", &cfg), "config.yaml:1: sapi: must be a section")
	})
}

func TestUnclaimed(t *testing.T) {
	tree := load(t, write(t,
		"sapi:",
		"  salesorder:",
		"    tokn: canary",
		"    tiers: {gold: {request: 1}}",
		"    partners:",
		"      - {name: a}",
		"      - {nme: a}",
		"  inventory: {token: canary}",
		"papi:",
		"  reconnection: {anything: 1}",
		"  reconection: {anything: 1}",
	),
		"PUENTE_SAPI_SALESORDER_TOKEN=t", "PUENTE_SAPI_SALESORDER_TOKN=canary",
		"PUENTE_PAPI_RECONNECTION_ANYTHING=1", "PUENTE_CONFIG=/etc/puente.yaml", "PUENTE_TEST_X=1")
	tree.Skip("papi.reconnection")
	tree.Skip("config")
	var cfg section
	if err := tree.Section("sapi.salesorder", &cfg); err != nil {
		t.Fatal(err)
	}
	err := tree.Unclaimed()
	want := []string{
		"config.yaml:3: unknown key sapi.salesorder.tokn",
		"config.yaml:4: unknown key sapi.salesorder.tiers.gold.request",
		"config.yaml:7: unknown key sapi.salesorder.partners[1].nme",
		"config.yaml:8: unknown key sapi.inventory",
		"config.yaml:11: unknown key papi.reconection",
		"unknown variable PUENTE_SAPI_SALESORDER_TOKN",
	}
	refused(t, err, want...)
	if got := strings.Count(err.Error(), "\n") + 1; got != len(want) {
		t.Errorf("%d complaints, want %d:\n%v", got, len(want), err)
	}
}

func TestVariable(t *testing.T) {
	for key, want := range map[string]string{
		"sapi.salesorder.http.maxResponse": "PUENTE_SAPI_SALESORDER_HTTP_MAX_RESPONSE",
		"public.addr":                      "PUENTE_PUBLIC_ADDR",
		"dataDir":                          "PUENTE_DATA_DIR",
		"xapi.whatsappb24.url":             "PUENTE_XAPI_WHATSAPPB24_URL",
		"a.useHTTPServer":                  "PUENTE_A_USE_HTTP_SERVER",
		"a.oauth2Token":                    "PUENTE_A_OAUTH2_TOKEN",
		"sapi.header-enrichment.url":       "PUENTE_SAPI_HEADER_ENRICHMENT_URL",
	} {
		if got := config.Variable(key); got != want {
			t.Errorf("Variable(%q) = %s, want %s", key, got, want)
		}
	}
}

// Whatever the keys are called, the variable that Variable names sets the value, and another is unknown.
func TestVariableReachesItsKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		path := rapid.SliceOfN(rapid.StringMatching(`[a-z][a-z0-9]{0,5}([A-Z][a-z0-9]{0,5}){0,3}`), 1, 5).Draw(t, "path")
		inner := reflect.TypeFor[string]()
		for i := len(path) - 1; i > 0; i-- {
			inner = reflect.StructOf([]reflect.StructField{{
				Name: "F", Type: inner, Tag: reflect.StructTag(fmt.Sprintf(`yaml:"%s"`, path[i])),
			}})
		}
		outer := reflect.StructOf([]reflect.StructField{{
			Name: "F", Type: inner, Tag: reflect.StructTag(fmt.Sprintf(`yaml:"%s"`, path[0])),
		}})
		dst := reflect.New(outer)
		name := config.Variable(strings.Join(path, "."))
		tree, err := config.Load("", []string{name + "=here", name + "_X=nowhere"})
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.Section("", dst.Interface()); err != nil {
			t.Fatal(err)
		}
		v := dst.Elem()
		for v.Kind() == reflect.Struct {
			v = v.Field(0)
		}
		if v.String() != "here" {
			t.Fatalf("%s did not set %v", name, path)
		}
		if err := tree.Unclaimed(); err == nil || err.Error() != "unknown variable "+name+"_X" {
			t.Fatalf("unclaimed: %v", err)
		}
	})
}

func TestSecretIsNeverPrinted(t *testing.T) {
	const canary = "canary"
	holder := struct {
		Shown  config.Secret
		hidden config.Secret // fmt asks no methods of unexported fields
	}{config.NewSecret(canary), config.NewSecret(canary)}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "secret", holder.Shown, "holder", holder)
	text, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{
		log.String(), string(text), holder.hidden.String(),
		fmt.Sprintf("%v %+v %#v %s %q %x", holder, holder, holder, holder.Shown, holder.Shown, holder.Shown),
	} {
		if strings.Contains(shown, canary) || strings.Contains(shown, fmt.Sprintf("%x", canary)) {
			t.Errorf("shown: %s", shown)
		}
	}
	if holder.hidden.Reveal() != canary {
		t.Error("the value is gone")
	}
}

func refused(t *testing.T, err error, want ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("accepted, want %q", want)
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("got %q, want %q", err, w)
		}
	}
	if strings.Contains(err.Error(), "canary") {
		t.Errorf("shows the value: %q", err)
	}
}
