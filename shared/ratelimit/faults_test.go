package ratelimit

import (
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/config"
)

// proxy stands between a limiter and its Redis, and delays or swallows what is sent.
type proxy struct {
	listener net.Listener
	target   string
	delay    atomic.Int64 // of requests
	hole     atomic.Bool
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, target: target}
	t.Cleanup(func() { _ = listener.Close() })
	go p.serve()
	return p
}

func (p *proxy) serve() {
	for {
		in, err := p.listener.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = in.Close()
			continue
		}
		go func() { _, _ = io.Copy(in, out); _ = in.Close() }()
		go p.forward(in, out)
	}
}

func (p *proxy) forward(in, out net.Conn) {
	defer out.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := in.Read(buffer)
		if err != nil {
			return
		}
		if d := p.delay.Load(); d > 0 {
			<-time.After(time.Duration(d))
		}
		if p.hole.Load() {
			continue
		}
		if _, err := out.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// A Redis that is away costs no call more than a bounded wait and none its answer; afterwards Redis
// knows every request that was admitted meanwhile, once.
func TestRedisMayVanish(t *testing.T) {
	binary := redisBinary(t)
	if binary == "" {
		t.Log("no redis-server here: nothing to take away")
		return
	}
	for name, fault := range map[string]struct{ breakIt, mend func(*redisServer, *proxy) }{
		"down": {
			func(s *redisServer, _ *proxy) { s.kill() },
			func(s *redisServer, _ *proxy) { s.start() },
		},
		"frozen": {
			func(s *redisServer, _ *proxy) { s.signal(syscall.SIGSTOP) },
			func(s *redisServer, _ *proxy) { s.signal(syscall.SIGCONT) },
		},
		"black hole": {
			func(_ *redisServer, p *proxy) { p.hole.Store(true) },
			func(_ *redisServer, p *proxy) { p.hole.Store(false) },
		},
		"slow": {
			func(_ *redisServer, p *proxy) { p.delay.Store(int64(200 * time.Millisecond)) },
			func(_ *redisServer, p *proxy) { p.delay.Store(0) },
		},
		"read only": {
			func(s *redisServer, _ *proxy) { s.client.Do(ctx, "REPLICAOF", "127.0.0.1", "1") },
			func(s *redisServer, _ *proxy) { s.client.Do(ctx, "REPLICAOF", "NO", "ONE") },
		},
		"emptied": {
			func(s *redisServer, _ *proxy) { s.client.FlushAll(ctx) },
			func(*redisServer, *proxy) {},
		},
		"out of memory": {
			func(s *redisServer, _ *proxy) { s.client.ConfigSet(ctx, "maxmemory", "1") },
			func(s *redisServer, _ *proxy) { s.client.ConfigSet(ctx, "maxmemory", "0") },
		},
		"scripts forgotten": {
			func(s *redisServer, _ *proxy) { s.client.ScriptFlush(ctx) },
			func(*redisServer, *proxy) {},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startRedis(t, binary)
			s.client.HSet(ctx, "puente:limit:{0}", "born", 1, "last", 1) // long in use
			p := newProxy(t, "127.0.0.1:"+s.port)
			registry := prometheus.NewRegistry()
			l, err := New(Config{URL: config.NewSecret("redis://" + p.listener.Addr().String()), Replicas: 2}, quiet, registry)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			a := newArrivals(t, l)
			a.until(func() bool { return l.State() == "shared" })
			a.calls(20)
			fault.breakIt(s, p)
			a.calls(40)
			switch name {
			case "emptied", "scripts forgotten":
			default:
				a.until(func() bool { return l.State() == "degraded" && gauge(t, registry, "ratelimit_degraded") == 1 })
				before := a.longest
				a.longest = 0
				a.calls(30)
				t.Log("longest wait", before, ", once it is known", a.longest)
			}
			fault.mend(s, p)
			a.calls(20)
			a.until(func() bool { return l.State() == "shared" && a.last.Degraded == false })
			a.until(func() bool { return a.last.Remaining == a.limit.Requests-a.admitted })
			if a.longest > time.Second {
				t.Error("a call waited ", a.longest)
			}
		})
	}
}

// gauge is the value of the metric of that name.
func gauge(t *testing.T, registry *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatal("no metric ", name)
	return 0
}

// arrivals are calls that keep coming, one after the other, 10 ms apart.
type arrivals struct {
	t        *testing.T
	l        *Limiter
	limit    Limit
	tick     *time.Ticker
	admitted int
	last     Decision
	longest  time.Duration
}

func newArrivals(t *testing.T, l *Limiter) *arrivals {
	a := &arrivals{t: t, l: l, limit: limit("arrivals", 999, time.Hour), tick: time.NewTicker(10 * time.Millisecond)}
	t.Cleanup(a.tick.Stop)
	return a
}

func (a *arrivals) call() {
	a.t.Helper()
	<-a.tick.C
	began := time.Now()
	a.last = a.l.Take(ctx, a.limit)
	a.longest = max(a.longest, time.Since(began))
	if !a.last.Allowed {
		a.t.Fatalf("refused because of Redis: %+v", a.last)
	}
	a.admitted++
}

func (a *arrivals) calls(n int) {
	for range n {
		a.call()
	}
}

// until calls until what it waits for is there.
func (a *arrivals) until(there func() bool) {
	a.t.Helper()
	for range 400 {
		if a.call(); there() {
			return
		}
	}
	a.t.Fatalf("%s after %d calls, last %+v", a.l.State(), a.admitted, a.last)
}
