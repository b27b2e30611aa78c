package ratelimit

import (
	"context"
	"io"
	"log/slog"
	"net"
	"os/exec"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"puente/shared/config"
	"puente/test/machine"
)

// tb is what *testing.T and *rapid.T share.
type tb interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// fleet is some replicas that share their limits, and the time they live in.
type fleet struct {
	limiters []*Limiter
	now      func() time.Time
	pass     func(time.Duration) // lets time pass
	mini     *miniredis.Miniredis
	registry *prometheus.Registry // of the replica that joined first
}

// store is a place where limits are counted.
type store struct {
	name   string
	shared bool          // more than one replica may count there
	unit   time.Duration // of windows: in real time short, but long enough for a handful of calls
	brief  time.Duration // of windows, where any length will do
	fleet  func(t tb, replicas int) *fleet
}

// stores are all there are on this machine.
func stores(t *testing.T) []store {
	t.Helper()
	all := []store{
		{name: "process", unit: time.Minute, brief: time.Minute, fleet: func(t tb, _ int) *fleet {
			f, _ := manual(t)
			f.limiters = append(f.limiters, f.join(t, "", 1))
			return f
		}},
		{name: "miniredis", shared: true, unit: time.Minute, brief: time.Minute, fleet: onMiniredis},
	}
	if binary := redisBinary(t); binary != "" {
		server := startRedis(t, binary)
		all = append(all, store{name: "redis", shared: true, unit: 900 * time.Millisecond, brief: 30 * time.Millisecond, fleet: func(t tb, replicas int) *fleet {
			server.client.FlushAll(context.Background())
			server.client.HSet(context.Background(), "puente:limit:{0}", "born", 1, "last", 1)
			f := &fleet{now: time.Now, pass: server.pass}
			for range replicas {
				l := f.join(t, server.url(), replicas)
				f.limiters = append(f.limiters, l)
			}
			return f
		}})
	}
	return all
}

// join starts a replica without work in the background, and with patience: the machine may be busy.
func (f *fleet) join(t tb, url string, replicas int) *Limiter {
	t.Helper()
	registry := prometheus.NewRegistry()
	if f.registry == nil {
		f.registry = registry
	} else if len(f.limiters) == 0 {
		registry = f.registry
	}
	l, err := prepare(Config{URL: config.NewSecret(url), Replicas: replicas, Wait: 10 * time.Second}, f.now, quiet, registry)
	if err != nil {
		t.Fatal(err)
	}
	if l.remote != nil {
		l.remote.visitAll(context.Background())
	}
	return l
}

// visit makes every replica look after its Redis.
func (f *fleet) visit() {
	for _, l := range f.limiters {
		if l.remote != nil {
			l.remote.visitAll(context.Background())
		}
	}
}

func (f *fleet) close() {
	for _, l := range f.limiters {
		l.Close()
	}
	if f.mini != nil {
		f.mini.Close()
	}
}

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// manual is a fleet whose time passes only when told.
func manual(tb) (*fleet, *atomic.Int64) {
	var clock atomic.Int64
	clock.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixNano())
	f := &fleet{now: func() time.Time { return time.Unix(0, clock.Load()) }}
	f.pass = func(d time.Duration) { clock.Add(int64(d)) }
	return f, &clock
}

func onMiniredis(t tb, replicas int) *fleet {
	t.Helper()
	f, clock := manual(t)
	f.mini = miniredis.NewMiniRedis()
	if err := f.mini.Start(); err != nil {
		t.Fatal(err)
	}
	f.mini.SetTime(f.now())
	f.mini.HSet("puente:limit:{0}", "born", "1", "last", "1") // long in use
	f.pass = func(d time.Duration) {
		clock.Add(int64(d))
		f.mini.SetTime(f.now())
		f.mini.FastForward(d) // it expires no key by itself
	}
	for range replicas {
		f.limiters = append(f.limiters, f.join(t, "redis://"+f.mini.Addr(), replicas))
	}
	return f
}

// redisServer is a real one, a child of the test.
type redisServer struct {
	t       testing.TB
	binary  string
	port    string
	options []string
	process *exec.Cmd
	client  *redis.Client
}

func redisBinary(t testing.TB) string {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	machine.Found(t, "redis", err)
	return binary
}

func startRedis(t testing.TB, binary string, options ...string) *redisServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &redisServer{t: t, binary: binary, port: strconv.Itoa(listener.Addr().(*net.TCPAddr).Port), options: options}
	_ = listener.Close()
	s.client = redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + s.port, Protocol: 2, DialTimeout: time.Second})
	s.start()
	t.Cleanup(func() {
		_ = s.client.Close()
		s.kill()
	})
	return s
}

func (s *redisServer) url() string { return "redis://127.0.0.1:" + s.port }

// start returns when the server answers.
func (s *redisServer) start() {
	s.t.Helper()
	s.process = exec.Command(s.binary, append([]string{
		"--port", s.port, "--hz", "500", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", s.t.TempDir(),
	}, s.options...)...)
	s.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	for attempt := range 5000 {
		if s.client.Ping(context.Background()).Err() == nil {
			return
		}
		if attempt == 4999 {
			s.t.Fatal("redis-server does not answer")
		}
		<-time.After(2 * time.Millisecond)
	}
}

func (s *redisServer) kill() {
	_ = s.process.Process.Kill()
	_ = s.process.Wait()
}

func (s *redisServer) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.process.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// pass waits in the server, by its clock, for something that never comes.
func (s *redisServer) pass(d time.Duration) {
	if d >= time.Millisecond { // none would be for ever
		s.client.Do(context.Background(), "BLPOP", "nothing", strconv.FormatFloat(d.Seconds(), 'f', 4, 64))
	}
}
