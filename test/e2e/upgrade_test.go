package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// doubled are two processes of each layer.
var doubled = shape{"doubled", [][]string{
	{"--layers", "sapi"}, {"--layers", "sapi"}, {"--layers", "papi"}, {"--layers", "papi"}, {"--layers", "xapi"}, {"--layers", "xapi"},
}}

// balance puts a balancer before each layer.
func (p *platform) balance(t *testing.T) {
	t.Helper()
	internal := func(one *process) string { return one.at.Internal }
	of := map[string][]*process{}
	for i, one := range p.processes {
		layer := p.shape.processes[i][1]
		of[layer] = append(of[layer], one)
	}
	p.fronts = map[string]string{"sapi": unused(t), "papi": unused(t), "xapi": unused(t)}
	p.haproxy(t, []front{
		{"sapi", p.fronts["sapi"], of["sapi"], internal}, {"papi", p.fronts["papi"], of["papi"], internal},
		{"xapi", p.fronts["xapi"], of["xapi"], func(one *process) string { return one.at.Public }},
	})
}

// TestUpgrade goes from the version before the newest migration to this one, as the guide has it: migrate while the
// old one serves, then process after process, the layers that others call first. Under mixed traffic no request fails.
func TestUpgrade(t *testing.T) {
	if !soaking {
		t.Skip("it builds an older version: make soak-restarts")
	}
	if _, err := exec.LookPath("haproxy"); err != nil {
		t.Fatal(err)
	}
	old, revision := before(t)
	p := begin(t, doubled, settings{program: old, balanced: true})
	p.awaitBalanced(t)
	traffic := p.steady(t)
	traffic.more(t)

	code, said := says(t, "migrate", "--config", p.processes[0].config)
	if code != 0 {
		t.Fatalf("migrate: %d %s", code, said)
	}
	t.Logf("from %s; migrate: %s", revision, strings.TrimSpace(said))
	traffic.more(t)
	p.roll(t, traffic, func(one *process) { one.program = "" })
	traffic.check(t)
}

// TestKeysAreReplaced replaces the key by which layers trust each other, and that which seals what is kept, as the
// guide has it: known to all, then in use, then without the old one. Under mixed traffic no request fails.
func TestKeysAreReplaced(t *testing.T) {
	if !soaking {
		t.Skip("it restarts six processes three times: make soak-restarts")
	}
	p := begin(t, doubled, settings{balanced: true})
	p.awaitBalanced(t)
	traffic := p.steady(t)
	traffic.more(t)
	fresh := randomKey()
	service := func(keys string) string { return "  serviceKey: " + keys }
	ring := func(keys string) string { return "keys: {ring: [" + keys + "}" }
	old, both := fmt.Sprintf("{id: e2e, secret: %q}", p.key), fmt.Sprintf("{id: e2e, secret: %q}, {id: fresh, secret: %q}", p.key, fresh)
	accepting := func(key, other string) string { return fmt.Sprintf("%q\n  acceptedServiceKeys: [%q]\n", key, other) }
	services := []string{fmt.Sprintf("%q\n", p.key), accepting(p.key, fresh), accepting(fresh, p.key), fmt.Sprintf("%q\n", fresh)}
	rings := []string{old + "], active: e2e", both + "], active: e2e", both + "], active: fresh", both + "], active: fresh"}
	for i := range 3 {
		p.roll(t, traffic, func(one *process) {
			p.edit(t, one, service(services[i]), service(services[i+1]))
			if rings[i] != rings[i+1] {
				p.edit(t, one, ring(rings[i]), ring(rings[i+1]))
			}
		})
	}
	traffic.check(t)
}

// roll restarts process after process, the layers that others call first, each after a change.
func (p *platform) roll(t *testing.T, traffic *steady, change func(*process)) {
	t.Helper()
	for _, one := range p.processes {
		one.signal(t, syscall.SIGTERM)
		if code := one.awaitExit(t); code != 0 {
			t.Errorf("%s ended with %d\n%s", one.name, code, one.log.tail())
		}
		change(one)
		one.start(t)
		p.awaitBalanced(t)
		traffic.more(t)
	}
}

// before builds the version before the newest migration, or that of PUENTE_TEST_UPGRADE_FROM.
func before(t *testing.T) (program, revision string) {
	t.Helper()
	git := func(args ...string) string {
		out, err := exec.Command("git", args...).CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	if revision = os.Getenv("PUENTE_TEST_UPGRADE_FROM"); revision == "" {
		revision = git("log", "-1", "--format=%h", "--diff-filter=A", "--", ":/*/sql/migrations/*.sql") + "^"
	}
	tree, archive := t.TempDir(), filepath.Join(t.TempDir(), "before.tar")
	git("-C", git("rev-parse", "--show-toplevel"), "archive", "--output="+archive, revision)
	if out, err := exec.Command("tar", "-xf", archive, "-C", tree).CombinedOutput(); err != nil {
		t.Fatalf("tar: %v %s", err, out)
	}
	program = filepath.Join(t.TempDir(), "puente")
	build := exec.Command("go", "build", "-o", program, "./deploy/puente")
	build.Dir = tree
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v %s", revision, err, out)
	}
	return program, git("rev-parse", "--short", revision)
}

// steady is traffic whose every request must succeed, at a constant rate: callers do not wait for each other.
type steady struct {
	sent map[string]*atomic.Int64
	end  func()

	mu     sync.Mutex
	failed []string
}

// check ends it; none may have failed.
func (s *steady) check(t *testing.T) {
	t.Helper()
	s.end()
	for _, kind := range slices.Sorted(maps.Keys(s.sent)) {
		t.Logf("%s: %d", kind, s.sent[kind].Load())
	}
	if len(s.failed) > 0 {
		t.Errorf("%d failed, such as %s", len(s.failed), s.failed[0])
	}
}

// more waits until some more of each kind were sent.
func (s *steady) more(t *testing.T) {
	t.Helper()
	for kind, n := range s.sent {
		enough := n.Load() + 20
		eventually(t, within, kind+" are sent", func() bool { return n.Load() > enough })
	}
}

// steady begins to send through the balancer of the edge.
func (p *platform) steady(t *testing.T) *steady {
	t.Helper()
	s := &steady{sent: map[string]*atomic.Int64{}}
	edge := &process{at: addresses{Public: p.fronts["xapi"]}}
	sets := make(chan tvLine, 64) // a line may be asked about so often a minute
	for range cap(sets) {
		sets <- p.newTV(t, "FTTH")
	}
	known := p.phone()
	asks := map[string]func(*caller) (answer, error){
		"NIPs": func(c *caller) (answer, error) {
			return c.try(http.MethodPost, portabilidades, order(p.phone(), nil))
		},
		"lookups": func(c *caller) (answer, error) { return c.try(http.MethodPost, statusPath, lookup(known)) },
		"reconnections": func(c *caller) (answer, error) {
			return c.try(http.MethodPost, reconexionPath, inEnvelope(c.system, c.correlation(), p.newLine(t, "MORA").body()))
		},
		"validations": func(c *caller) (answer, error) {
			set := <-sets
			defer func() { sets <- set }()
			return c.try(http.MethodPost, validateTVPath, inEnvelope(c.system, c.correlation(), text(members{"Phone": set.phone, "Audit": members{"Canal": "web"}})), "X-System-Name", "")
		},
	}
	asks["charges"] = func(*caller) (answer, error) { return p.hub.rest.try(t, "charge", p.hub.rest.order(p.hub.line(), nil)) }
	p.hub.rest.token(t, "charge")
	p.hub.rest.front = edge
	first := p.caller(t)
	first.wantNIP(t, first.nip(t, known))
	over := make(chan struct{})
	var all sync.WaitGroup
	for kind, ask := range asks {
		n := &atomic.Int64{}
		s.sent[kind] = n
		callers := make(chan *caller, 32) // one request at a time each, for each counts its correlations
		for range cap(callers) {
			c := p.caller(t)
			c.front = edge
			callers <- c
		}
		all.Go(func() {
			tick := time.NewTicker(50 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-over:
					return
				case <-tick.C:
				}
				all.Go(func() {
					c := <-callers
					defer func() { callers <- c }()
					a, err := ask(c)
					if n.Add(1); err != nil || a.status != http.StatusOK {
						s.mu.Lock()
						defer s.mu.Unlock()
						s.failed = append(s.failed, fmt.Sprintf("%s: %d %s %v", kind, a.status, a.body, err))
					}
				})
			}
		})
	}
	s.end = sync.OnceFunc(func() { close(over); all.Wait() })
	t.Cleanup(s.end)
	return s
}
