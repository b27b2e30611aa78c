package e2e

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"puente/test/machine"
)

// replicas are processes beside each other, each with all layers.
func replicas(n int) shape {
	return shape{fmt.Sprintf("replicas%d", n), slices.Repeat([][]string{{}}, n)}
}

// campaign sizes a test: its short form, and the long one that `make soak` runs.
func campaign[T any](short, long T) T {
	if soaking {
		return long
	}
	return short
}

// long skips a test that has no short form.
func long(t *testing.T, target string) {
	t.Helper()
	if !soaking {
		t.Skip("it takes minutes: make " + target)
	}
}

// TestReplicasShareLimits offers three times a client's limit to three replicas on one Redis: first
// undisturbed, then with Redis killed and started again.
func TestReplicasShareLimits(t *testing.T) {
	if !machine.Has(t, "redis-server", "redis") {
		return
	}
	const limit = 1000
	window := campaign(5*time.Second, time.Minute)
	short := campaign(3, 1) // percent that may be missing: of a window this short a slot is 1.7, and its replicas share two cores
	redis := startRedis(t)
	p := begin(t, replicas(3), settings{redis: redis.url(), more: "limiter: {replicas: 3}\n"})
	p.apply(t, document("Tier", "shared", fmt.Sprintf("{limits: [{requests: %d, window: %s}]}", limit, window)))

	t.Run("undisturbed", func(t *testing.T) {
		calls := p.offer(t, 3*limit, window, 3*window, nil)
		calls.mustNotFail(t)
		for _, at := range calls.admitted {
			n := calls.within(at, window)
			if n > limit*101/100 {
				t.Errorf("%d admitted in the %s from %s on", n, window, at)
			}
			if at >= window && at <= 2*window && n < limit*(100-short)/100 {
				t.Errorf("only %d admitted in the %s from %s on", n, window, at)
			}
		}
		t.Logf("%d calls, %d admitted, most in one window %d", calls.sent, len(calls.admitted), calls.most(window))
	})
	t.Run("Redis lost and back", func(t *testing.T) {
		calls := p.offer(t, 3*limit, window, 4*window, func(at time.Duration) {
			switch {
			case at > 3*window/2 && redis.running() && !redis.killed:
				redis.kill()
			case at > 5*window/2 && !redis.running():
				redis.start(t)
			}
		})
		calls.mustNotFail(t)
		if most := calls.most(window); most > limit*105/100 {
			t.Errorf("%d admitted in one %s", most, window)
		}
		if !calls.degraded {
			t.Error("no answer showed that Redis was away")
		}
		eventually(t, within, "every replica counts with the others again", func() bool {
			for _, one := range p.processes {
				if one.metric(t, "ratelimit_degraded") != 0 {
					return false
				}
			}
			return true
		})
		t.Logf("%d calls, %d admitted, most in one window %d", calls.sent, len(calls.admitted), calls.most(window))
	})
}

// offered is what became of calls at a constant rate.
type offered struct {
	mu       sync.Mutex
	sent     int
	admitted []time.Duration // since the first call, ascending
	failed   []string
	headers  []string // 429 without the headers it needs
	degraded bool
}

// offer sends perWindow calls a window, evenly, for as long as told, to the replicas in turn, in the
// name of a fresh client of tier shared. Each tick of the rate first calls meanwhile.
func (p *platform) offer(t *testing.T, perWindow int, window, length time.Duration, meanwhile func(time.Duration)) *offered {
	t.Helper()
	c := p.caller(t)
	p.apply(t, document("Client", c.id, fmt.Sprintf("{name: e2e, systems: [%s], contracts: [{api: portabilities, tier: shared}]}", c.system)))
	phone := p.phone()
	found := &offered{}
	first := time.Now()
	ticker := time.NewTicker(window / time.Duration(perWindow))
	defer ticker.Stop()
	var all sync.WaitGroup
	for time.Since(first) < length {
		<-ticker.C
		if meanwhile != nil {
			meanwhile(time.Since(first))
		}
		edge := p.processes[found.sent%len(p.processes)]
		found.sent++
		all.Go(func() {
			at := time.Since(first)
			status, header, body := c.ask(edge, lookup(phone))
			found.note(at, status, header, body)
		})
	}
	all.Wait()
	slices.Sort(found.admitted)
	return found
}

// ask is one status request to one replica; status 0 is a broken connection.
func (c *caller) ask(edge *process, body string) (status int, header http.Header, text string) {
	req, err := http.NewRequest(http.MethodPost, "http://"+edge.at.Public+statusPath, strings.NewReader(body))
	if err != nil {
		return 0, nil, err.Error()
	}
	req.GetBody = nil // one attempt: the transport must not send it again
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.p.http.Do(req)
	if err != nil {
		return 0, nil, err.Error()
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(resp.Body); err != nil {
		return 0, nil, err.Error()
	}
	return resp.StatusCode, resp.Header, b.String()
}

// note files one answer. BotService knows nothing of the phone: an admitted call is answered 404.
func (o *offered) note(at time.Duration, status int, header http.Header, body string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if strings.Contains(header.Get("RateLimit-Policy"), "degraded") || header.Get("X-RateLimit-Degraded") != "" {
		o.degraded = true
	}
	switch status {
	case http.StatusNotFound:
		o.admitted = append(o.admitted, at)
	case http.StatusTooManyRequests:
		for _, name := range []string{"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "RateLimit", "RateLimit-Policy", "Retry-After"} {
			if header.Get(name) == "" {
				o.headers = append(o.headers, name)
			}
		}
	default:
		o.failed = append(o.failed, fmt.Sprintf("%d at %s: %s", status, at, body))
	}
}

func (o *offered) mustNotFail(t *testing.T) {
	t.Helper()
	if len(o.failed) > 0 {
		t.Errorf("%d calls failed, such as %s", len(o.failed), o.failed[0])
	}
	if len(o.headers) > 0 {
		t.Errorf("refusals lack headers, such as %s", o.headers[0])
	}
}

// within counts the calls admitted in the window that begins at from.
func (o *offered) within(from, window time.Duration) int {
	i, _ := slices.BinarySearch(o.admitted, from)
	j, _ := slices.BinarySearch(o.admitted, from+window)
	return j - i
}

// most is the largest number admitted in any window.
func (o *offered) most(window time.Duration) int {
	most := 0
	for _, at := range o.admitted {
		most = max(most, o.within(at, window))
	}
	return most
}

// redisServer is a real Redis of the test's own.
type redisServer struct {
	addr   string
	cmd    *exec.Cmd
	ended  chan struct{} // of cmd
	killed bool
}

// startRedis starts redis-server on a free port.
func startRedis(t *testing.T) *redisServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &redisServer{addr: l.Addr().String()}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	r.start(t)
	t.Cleanup(r.kill)
	return r
}

func (r *redisServer) url() string   { return "redis://" + r.addr }
func (r *redisServer) running() bool { return r.cmd != nil }

func (r *redisServer) start(t *testing.T) {
	t.Helper()
	_, port, err := net.SplitHostPort(r.addr)
	if err != nil {
		t.Fatal(err)
	}
	r.cmd = exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	ended := make(chan struct{})
	r.ended = ended
	if err := child(r.cmd, func(error) { close(ended) }); err != nil {
		t.Fatalf("redis-server: %v", err)
	}
	eventually(t, within, "redis-server listens", func() bool {
		conn, err := net.Dial("tcp", r.addr)
		if err != nil {
			return false
		}
		return conn.Close() == nil
	})
}

func (r *redisServer) kill() {
	if r.cmd == nil {
		return
	}
	_ = r.cmd.Process.Kill() // it may have ended
	<-r.ended
	r.cmd, r.killed = nil, true
}
