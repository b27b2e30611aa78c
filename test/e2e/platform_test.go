package e2e

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"puente/shared/config"
	"puente/shared/database/databasetest"
	"puente/test/sandbox"
	"puente/test/sandbox/oauthprovider"
	"puente/test/sandbox/sandboxtest"
)

// shape is a way to place the layers: the arguments of each process, who is called before who calls.
type shape struct {
	name      string
	processes [][]string
}

var (
	typed    = shape{"typed", [][]string{{}}}
	verified = shape{"verify", [][]string{{"--hops", "verify"}}}
	overHTTP = shape{"http", [][]string{{"--hops", "http"}}}
	split    = shape{"processes", [][]string{{"--layers", "sapi"}, {"--layers", "papi"}, {"--layers", "xapi"}}}
)

// platform is a running shape with its sandbox.
type platform struct {
	shape     shape
	dir       string
	sandbox   *sandboxtest.Sandbox
	settings  settings
	processes []*process // the edge is the last
	http      *http.Client
	witness   *witness
	secrets   []string // that no log may show
	callers   atomic.Int64
	phones    atomic.Int64
	key       string // of the key ring and of the layers' trust in each other
	callback  string // secret of the SMS gateway's calls, and of the OAuth clients
	hub       hub

	prometheus *prometheusServer // nil: nobody scrapes
	fronts     map[string]string // where the balancers of layers listen; nil: there are none
}

// settings are what a test wants to differ; the zero value is right for most.
type settings struct {
	database   string                    // URL; empty: a fresh one
	patience   string                    // more YAML of section database; empty: that of a machine which is busy with tests
	redis      string                    // URL; empty: none
	botService string                    // URL; empty: the sandbox's
	breaker    string                    // YAML of the systems' http.breaker; empty: never opens by itself
	timeouts   string                    // more YAML of sapi.salesorder.http; empty: shorter than the defaults, to save time
	salesorder string                    // more YAML of sapi.salesorder
	reconnect  string                    // YAML of papi.reconnection; empty: outcomes are resolved sooner than by default, to save time
	television string                    // YAML of papi.tvvalidation; empty: the defaults
	platforms  string                    // more YAML of the sections http of sapi.tvplatforms; empty: shorter than the defaults, to save time
	hub        string                    // YAML of papi.subscription; empty: outcomes and deliveries come sooner than by default, at any hour
	policies   string                    // more YAML of section policies
	more       string                    // more YAML, at the top level
	confine    func(*process, *exec.Cmd) // where each run is put; nil: nowhere
	program    string                    // the binary that is started first; empty: the one under test
	balanced   bool                      // the layers call each other through balancers, and every process has its addresses before it starts
}

const (
	adminToken   = "e2e-admin-token-3f6d1b0c9a"
	introspector = "e2e-introspector"
	pool         = 200 // OAuth clients that scenarios may take
)

// begin starts a shape and gives it its clients.
func begin(t *testing.T, s shape, with settings) *platform {
	t.Helper()
	p := &platform{shape: s, dir: t.TempDir(), settings: with, witness: newWitness()}
	p.http = &http.Client{
		Timeout:       30 * time.Second,
		Transport:     &http.Transport{MaxIdleConnsPerHost: 128, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	secret := config.NewSecret("sandbox-secret-" + rand.Text())
	clients := []oauthprovider.Client{{ClientID: introspector, Secret: secret}}
	for i := range pool {
		clients = append(clients, oauthprovider.Client{ClientID: clientID(i), Secret: secret, Scopes: []string{"portabilities", "reconexion", "validatetv", "normalizetv", "tmforum"}})
	}
	clients = append(clients, oauthprovider.Client{ClientID: "unentitled", Secret: secret})
	p.sandbox = sandboxtest.Start(t, sandbox.Config{Clients: clients})
	if p.settings.database == "" {
		p.settings.database = databasetest.New(t).Config().ConnString()
	}
	if p.settings.botService == "" {
		p.settings.botService = p.sandbox.URL + "/botservice"
	}
	p.key, p.callback = randomKey(), secret.Reveal()
	p.hub.secrets = newHubSecrets()
	p.secrets = append(p.hub.secrets.all(), adminToken, secret.Reveal(), p.key)
	t.Cleanup(func() {
		for _, one := range append(slices.Clone(p.processes), p.hub.aside...) {
			one.kill()
			if t.Failed() && testing.Verbose() {
				t.Logf("log of %s:\n%s", one.name, one.log.tail())
			}
		}
		p.http.CloseIdleConnections()
	})
	for i, args := range s.processes {
		one := &process{name: fmt.Sprintf("%s-%d", s.name, i), args: args, program: with.program}
		one.config = filepath.Join(p.dir, one.name+".yaml")
		if with.confine != nil {
			one.confine = func(cmd *exec.Cmd) { with.confine(one, cmd) }
		}
		p.processes = append(p.processes, one)
		if with.balanced {
			one.at = addresses{unused(t), unused(t), unused(t), unused(t)}
		}
	}
	if with.balanced {
		p.balance(t)
	}
	for _, one := range p.processes {
		p.write(t, one, p.key, secret.Reveal())
		if with.balanced {
			p.settle(t, one)
			one.start(t)
		} else {
			one.start(t)
			p.settle(t, one)
		}
	}
	p.enrol(t)
	p.enrolPartners(t)
	return p
}

// edge is the process that channels call, systems the one that calls the third parties.
func (p *platform) edge() *process    { return p.processes[len(p.processes)-1] }
func (p *platform) systems() *process { return p.processes[0] }

// write makes the configuration of a process; each reads what belongs to its layers.
func (p *platform) write(t testing.TB, one *process, key, secret string) {
	t.Helper()
	w := p.settings
	if w.breaker == "" {
		w.breaker = "{minCalls: 1000000, consecutive: 1000000}"
	}
	if w.patience == "" {
		w.patience = ", connectTimeout: 5s, acquireTimeout: 5s"
	}
	if w.reconnect == "" {
		w.reconnect = "{suspension: {settle: 1s, inquire: 1s}, cache: {lifetime: 1s}}"
	}
	if w.timeouts == "" {
		w.timeouts = ", timeout: 2500ms, attemptTimeout: 2500ms"
	}
	if w.television == "" {
		w.television = "{}"
	}
	if w.hub == "" {
		w.hub = hubSettings
	}
	if w.platforms == "" {
		w.platforms = ", timeout: 3s, attemptTimeout: 1500ms"
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `instance: %s
dataDir: %q
public: {addr: "127.0.0.1:0"}
internal: {addr: "127.0.0.1:0"}
callbacks: {addr: "127.0.0.1:0"}
ops: {addr: "127.0.0.1:0"}
drain: {delay: 500ms, timeout: 10s}
database: {url: %q%s}
keys: {ring: [{id: e2e, secret: %q}], active: e2e}
admin: {tokens: {e2e: {secret: %q, role: admin}}}
policies:
  answers: {sample: 1}
  token: {audience: %q}
%sxapi:
  landing: {shown: 0s}
papi:
  reconnection: %s
  tvvalidation: %s
  subscription:
%s    notifications: {allow: [%q], plain: true, delivery: %s}
    messaging: {quiet: {from: 0s, to: 0s}, delivery: %s}
sapi:
  salesorder:
    http: {url: %q, breaker: %s%s}
    portIn: {settle: 1s, inquire: 1s}
%s  inventory:
    http: {url: %q, breaker: %s}
    television: {breaker: %s}
  orders:
    http: {url: %q, breaker: %s}
    billing: {breaker: %s}
  pqr:
    http: {url: %q, breaker: %s}
  subscriber:
    http: {url: %q, breaker: %s}
    events: {breaker: %s}
  headerenrichment:
    operators: [{name: ENTEL, country: CL, networks: [127.0.0.2/32], headers: [X-MSISDN]}]
  tvplatforms:
    ftth: {http: {url: %q, breaker: %s%s}}
    hfc: {http: {url: %q, breaker: %s%s}}
    iptv: {http: {url: %q, breaker: %s%s}}
  carrierbilling:
    http: {url: %q, breaker: %s, timeout: 2s, attemptTimeout: 2s}
    query: {breaker: %s}
  smsc:
    http: {url: %q, breaker: %s}
    username: e2e
    password: %q
  smsccallbacks: {secret: %q}
  oauth2:
    http: {url: %q}
    issuer: %q
    audience: %q
    introspection: {client: %s, secret: %q}
`, one.name, filepath.Join(p.dir, one.name), w.database, w.patience, key, adminToken, oauthprovider.DefaultAudience, indent(w.policies, "  "), w.reconnect, w.television,
		indent(w.hub, "    "), strings.TrimPrefix(p.sandbox.URL, "http://"), hubDelivery, hubDelivery,
		w.botService, w.breaker, w.timeouts, indent(w.salesorder, "    "),
		p.sandbox.URL+"/inventory", w.breaker, w.breaker, p.sandbox.URL+"/orders", w.breaker, w.breaker, p.sandbox.URL+"/pqr", w.breaker,
		p.sandbox.URL+"/subscriber", w.breaker, w.breaker,
		p.sandbox.URL+"/tvplatforms/ftth", w.breaker, w.platforms, p.sandbox.URL+"/tvplatforms/hfc", w.breaker, w.platforms, p.sandbox.URL+"/tvplatforms/iptv", w.breaker, w.platforms,
		p.sandbox.URL+"/carrierbilling", w.breaker, w.breaker, p.sandbox.URL+"/smsc", w.breaker, secret, secret, p.sandbox.URL, p.sandbox.URL, oauthprovider.DefaultAudience, introspector, secret)
	if w.redis != "" {
		fmt.Fprintf(&b, "redis: {url: %q}\n", w.redis)
	}
	b.WriteString(w.more)
	fmt.Fprintf(&b, "layers:\n  serviceKey: %q\n", key)
	for layer, front := range p.fronts {
		if layer != "xapi" {
			fmt.Fprintf(&b, "  %s: {url: %q}\n", layer, "http://"+front)
		}
	}
	for i, other := range p.processes[:len(p.processes)-1] {
		if p.fronts != nil || other == one || other.at.Internal == "" {
			continue
		}
		if args := p.shape.processes[i]; len(args) == 2 && args[0] == "--layers" {
			fmt.Fprintf(&b, "  %s: {url: %q}\n", args[1], "http://"+other.at.Internal)
		}
	}
	if err := os.WriteFile(one.config, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// settle makes a process keep its addresses over restarts.
func (p *platform) settle(t testing.TB, one *process) {
	t.Helper()
	for section, addr := range map[string]string{"public": one.at.Public, "internal": one.at.Internal, "ops": one.at.Operations, "callbacks": one.at.Callbacks} {
		if addr != "" {
			p.edit(t, one, section+`: {addr: "127.0.0.1:0"}`, fmt.Sprintf("%s: {addr: %q}", section, addr))
		}
	}
}

// edit replaces text in the configuration of a process.
func (p *platform) edit(t testing.TB, one *process, old, with string) {
	t.Helper()
	text, err := os.ReadFile(one.config)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte(old)) {
		t.Fatalf("%s does not hold %q", one.config, old)
	}
	if err := os.WriteFile(one.config, bytes.Replace(text, []byte(old), []byte(with), 1), 0o600); err != nil {
		t.Fatal(err)
	}
}

// reconfigure replaces text in the edge's configuration for the length of the test, and waits until
// the running process has taken it.
func (p *platform) reconfigure(t *testing.T, oldNew ...string) {
	t.Helper()
	before, err := os.ReadFile(p.edge().config)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(oldNew); i += 2 {
		p.edit(t, p.edge(), oldNew[i], oldNew[i+1])
	}
	p.reload(t, "ok")
	t.Cleanup(func() {
		if err := os.WriteFile(p.edge().config, before, 0o600); err != nil {
			t.Error(err)
		}
		p.reload(t, "ok")
	})
}

// reload has the edge read its configuration again; result is ok or refused.
func (p *platform) reload(t testing.TB, result string) {
	t.Helper()
	before := p.edge().metric(t, "config_reloads_total", "result", result)
	p.edge().signal(t, syscall.SIGHUP)
	eventually(t, within, "the configuration is read again: "+result, func() bool {
		return p.edge().metric(t, "config_reloads_total", "result", result) > before
	})
}

func clientID(i int) string { return fmt.Sprintf("client-%03d", i) }
func system(i int) string   { return fmt.Sprintf("SYS%03d", i) }

// held are the contracts of each of the clients.
var held = func() string {
	var contracts []string
	for _, api := range []string{"portabilities", "reconexion", "validatetv", "normalizetv", "tmf621", "tmf640", "tmf641", "tmf653"} {
		contracts = append(contracts, "{api: "+api+", tier: default}")
	}
	return strings.Join(contracts, ", ")
}()

// enrol registers the clients that scenarios take, one system each.
func (p *platform) enrol(t testing.TB) {
	t.Helper()
	var b strings.Builder
	b.WriteString(document("Tier", "default", `{limits: [{requests: 100000, window: 1m}]}`))
	for i := range pool {
		b.WriteString(document("System", system(i), `{channels: [web, whatsapp], channel: web}`))
		b.WriteString(document("Client", clientID(i), fmt.Sprintf(`{name: e2e, systems: [%s], contracts: [%s]}`, system(i), held)))
	}
	b.WriteString(document("Client", "unentitled", `{name: e2e, systems: [SYS000], contracts: [`+held+`]}`))
	p.applyTables(t, tvTables)
	p.apply(t, b.String())
}

// document is a resource as `puente apply` reads it.
func document(kind, id, spec string) string {
	return fmt.Sprintf("---\nkind: %s\nid: %s\nspec: %s\n", kind, id, spec)
}

// apply makes resources so, and waits until every process acts on it.
func (p *platform) apply(t testing.TB, documents string) {
	t.Helper()
	status, body := p.admin(t, p.edge(), http.MethodPost, "/admin/v1/apply", documents)
	if status != http.StatusOK {
		t.Fatalf("apply: %d %s", status, body)
	}
	p.awaitAccess(t)
}

// awaitAccess waits until every process has compared its snapshot with the tables since now.
func (p *platform) awaitAccess(t testing.TB) {
	t.Helper()
	since := time.Now()
	for _, one := range p.processes {
		eventually(t, within, one.name+" follows the tables", func() bool {
			asked := time.Now()
			age := one.metric(t, "access_snapshot_age_seconds")
			return age >= 0 && time.Duration(age*float64(time.Second)) < asked.Sub(since)
		})
	}
}

// admin calls the admin API of a process.
func (p *platform) admin(t testing.TB, one *process, method, path, body string) (status int, answer string) {
	t.Helper()
	req, err := http.NewRequest(method, "http://"+one.at.Operations+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+adminToken)
	resp, err := operations.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, text.String()
}

// force sets the breaker of BotService's effects for the length of the test.
func (p *platform) force(t *testing.T, state string) {
	t.Helper()
	p.setCircuit(t, "botservice.once", state)
	t.Cleanup(func() { p.setCircuit(t, "botservice.once", "auto") })
}

// setCircuit holds a breaker of the systems', or lets it go: auto.
func (p *platform) setCircuit(t testing.TB, name, state string) {
	t.Helper()
	if status, body := p.admin(t, p.systems(), http.MethodPut, "/admin/v1/circuits/"+name, text(members{"force": state})); status != http.StatusOK {
		t.Fatalf("force %s %s: %d %s", name, state, status, body)
	}
}

// circuit is the state of a breaker of the systems'.
func (p *platform) circuit(t testing.TB, name string) string {
	t.Helper()
	var shown struct{ State string }
	status, body := p.admin(t, p.systems(), http.MethodGet, "/admin/v1/circuits/"+name, "")
	if err := json.Unmarshal([]byte(body), &shown); err != nil || status != http.StatusOK {
		t.Errorf("circuit %s: %d %s", name, status, body)
	}
	return shown.State
}

// phone is a mobile number that no other scenario of the shape has.
func (p *platform) phone() string { return fmt.Sprintf("31%08d", p.phones.Add(1)) }

func randomKey() string {
	var key [32]byte
	_, _ = rand.Read(key[:])
	return base64.StdEncoding.EncodeToString(key[:])
}

func indent(text, by string) string {
	if text == "" {
		return ""
	}
	lines := slices.Collect(strings.Lines(strings.TrimSuffix(text, "\n") + "\n"))
	return by + strings.Join(lines, by)
}
