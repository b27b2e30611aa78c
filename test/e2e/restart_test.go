package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"puente/test/machine"
)

// soaking says that the long forms of campaigns are wanted.
var soaking = os.Getenv("PUENTE_TEST_SOAK") != ""

// TestRollingRestart restarts two replicas in turn behind HAProxy, which asks /readyz, while
// requests keep coming at a constant rate: none fails.
func TestRollingRestart(t *testing.T) {
	if !machine.Has(t, "haproxy", "haproxy") {
		return
	}
	p := begin(t, replicas(2), settings{})
	balancer := startHAProxy(t, p)
	p.awaitBalanced(t)
	c := p.caller(t)
	known := p.phone()
	if a := c.nip(t, known); a.status != 200 {
		t.Fatalf("NIP: %d %s", a.status, a.body)
	}

	var sent atomic.Int64
	var mu sync.Mutex
	var failed []string
	stop := make(chan struct{})
	var load sync.WaitGroup
	load.Go(func() { // a constant rate: callers do not wait for each other
		front := &process{at: addresses{Public: balancer}}
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			sent.Add(1)
			load.Go(func() {
				if status, _, body := c.ask(front, lookup(known)); status != 200 {
					mu.Lock()
					failed = append(failed, fmt.Sprintf("%d %s", status, body))
					mu.Unlock()
				}
			})
		}
	})
	for range campaign(1, 3) {
		for _, one := range p.processes {
			before := sent.Load()
			one.signal(t, syscall.SIGTERM)
			if code := one.awaitExit(t); code != 0 {
				t.Errorf("%s ended with %d\n%s", one.name, code, one.log.tail())
			}
			one.start(t)
			eventually(t, within, "the balancer sends to all replicas", func() bool {
				out, err := haproxyState(p)
				return err == nil && strings.Count(out, "L7OK") == len(p.processes) && sent.Load() > before
			})
		}
	}
	close(stop)
	load.Wait()
	if len(failed) > 0 {
		t.Errorf("%d of %d requests failed, such as %s", len(failed), sent.Load(), failed[0])
	}
	t.Logf("%d requests over %d restarts", sent.Load(), campaign(1, 3)*len(p.processes))
}

// startHAProxy balances over the replicas, as deploy/config shows it: a replica that is not ready
// gets nothing new.
func startHAProxy(t *testing.T, p *platform) (addr string) {
	t.Helper()
	addr = unused(t)
	p.haproxy(t, []front{{"public", addr, p.processes, func(one *process) string { return one.at.Public }}})
	return addr
}

// front is a balancer of HAProxy's, and whom it sends to.
type front struct {
	name, addr string
	replicas   []*process
	of         func(*process) string // the address of a replica
}

// haproxy runs one with fronts; checks come often, for a drain is short here.
func (p *platform) haproxy(t *testing.T, fronts []front) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, `global
  stats socket %s mode 600 level admin
defaults
  mode http
  timeout connect 1s
  timeout client 30s
  timeout server 30s
  timeout check 2s
  retries 3
  option redispatch
`, haproxySocket(p))
	for _, f := range fronts {
		fmt.Fprintf(&b, `frontend %[1]s
  bind %[2]s
  default_backend %[1]s
backend %[1]s
  balance roundrobin
  option httpchk GET /readyz
  default-server check inter 100ms fall 1 rise 1
`, f.name, f.addr)
		for i, one := range f.replicas {
			_, port, err := net.SplitHostPort(one.at.Operations)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "  server r%d %s port %s\n", i, f.of(one), port)
		}
	}
	file := filepath.Join(p.dir, "haproxy.cfg")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("haproxy", "-f", file, "-db")
	ended := make(chan struct{})
	if err := child(cmd, func(error) { close(ended) }); err != nil {
		t.Fatalf("haproxy: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		<-ended
	})
}

// awaitBalanced waits until HAProxy sends to every process.
func (p *platform) awaitBalanced(t *testing.T) {
	t.Helper()
	eventually(t, within, "haproxy sees every replica", func() bool {
		out, err := haproxyState(p)
		return err == nil && strings.Count(out, "L7OK") == len(p.processes)
	})
}

func haproxySocket(p *platform) string { return filepath.Join(p.dir, "haproxy.sock") }

// haproxyState is HAProxy's own view of its servers.
func haproxyState(p *platform) (string, error) {
	conn, err := net.Dial("unix", haproxySocket(p))
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("show stat\n")); err != nil {
		return "", err
	}
	var b strings.Builder
	buf := make([]byte, 16<<10)
	for {
		n, err := conn.Read(buf)
		b.Write(buf[:n])
		if err != nil {
			return b.String(), nil
		}
	}
}
