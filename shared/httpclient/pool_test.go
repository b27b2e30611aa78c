package httpclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func poolFor(t *testing.T, cfg Pool, address string) (*pool, *url.URL) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	p := newPool(Config{Pool: cfg}.withDefaults().Pool, 64<<10, nil, nil)
	t.Cleanup(p.closeIdle)
	return p, u
}

func take(t *testing.T, p *pool, u *url.URL) *conn {
	t.Helper()
	c, err := p.take(t.Context(), u, false)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// waitReadable returns once the network has something for c, were it the end.
func waitReadable(t *testing.T, c *conn) {
	t.Helper()
	err := c.raw.Read(func(fd uintptr) bool {
		_, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		return err != syscall.EAGAIN
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheConnectionUsedLastIsTakenFirst(t *testing.T) {
	peer := listen(t, func(c *net.TCPConn, _ func() *http.Request) { hold(c) })
	p, u := poolFor(t, Pool{}, peer.url)
	a, b := take(t, p, u), take(t, p, u)
	p.keep(a)
	p.keep(b)
	if got := take(t, p, u); got != b {
		t.Error("not the one used last")
	}
	if got := take(t, p, u); got != a {
		t.Error("not the one kept")
	}
	p.drop(a)
	p.drop(b)
	if len(p.hosts) != 0 {
		t.Errorf("%d hosts are remembered, without a connection", len(p.hosts))
	}
}

// What a system did to a kept connection meanwhile costs no call: the next one is taken.
func TestDeadConnectionsAreNotTaken(t *testing.T) {
	for name, dies := range map[string]func(*net.TCPConn){
		"closed":      func(c *net.TCPConn) { _ = c.Close() },
		"half-closed": func(c *net.TCPConn) { _ = c.CloseWrite(); hold(c) },
		"reset":       reset,
		"spoken on":   func(c *net.TCPConn) { says(c, "HTTP/1.1 408 Request Timeout\r\n\r\n"); hold(c) },
	} {
		t.Run(name, func(t *testing.T) {
			die := make(chan struct{})
			var first atomic.Bool
			peer := listen(t, func(c *net.TCPConn, _ func() *http.Request) {
				if first.CompareAndSwap(false, true) {
					<-die
					dies(c)
					return
				}
				hold(c)
			})
			p, u := poolFor(t, Pool{Max: 1}, peer.url)
			c := take(t, p, u)
			p.keep(c)
			if again := take(t, p, u); again != c {
				t.Fatal("a living connection was not taken again")
			}
			p.keep(c)
			close(die)
			waitReadable(t, c)
			other := take(t, p, u)
			defer p.drop(other)
			if other == c {
				t.Error("the dead connection was taken")
			}
		})
	}
}

func TestNoMoreConnectionsThanAllowed(t *testing.T) {
	peer := listen(t, func(c *net.TCPConn, _ func() *http.Request) { hold(c) })
	p, u := poolFor(t, Pool{Max: 2, Idle: 1}, peer.url)
	a, b := take(t, p, u), take(t, p, u)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.take(ctx, u, false); !errors.Is(err, context.Canceled) {
		t.Errorf("one that left while it waited: %v", err)
	}
	got := make(chan *conn)
	wait := func(n int) { // until n wait
		for waiting := -1; waiting < n; {
			p.mu.Lock()
			waiting = len(p.hosts[origin{u.Scheme, u.Host}].waiting)
			p.mu.Unlock()
		}
	}
	var waiters sync.WaitGroup
	for n := range 2 {
		waiters.Go(func() {
			c, err := p.take(t.Context(), u, false)
			if err != nil {
				t.Error(err)
			}
			got <- c
		})
		wait(n + 1)
	}
	p.keep(a) // to the first
	if c := <-got; c != a {
		t.Error("a connection that came back was not handed on")
	}
	p.drop(b) // its place to the second
	c := <-got
	waiters.Wait()
	if c == a || c == b || peer.conns.Load() > 3 {
		t.Errorf("no new connection in the place of the dropped; %d in all", peer.conns.Load())
	}
	p.keep(a)
	p.keep(c)
	if h := p.hosts[origin{u.Scheme, u.Host}]; len(h.idle) != 1 || h.open != 1 {
		t.Errorf("%d kept, %d open; want 1, 1", len(h.idle), h.open)
	}
}

// Whatever callers do, places are neither lost nor made.
func TestPlacesAreCounted(t *testing.T) {
	peer := listen(t, func(c *net.TCPConn, _ func() *http.Request) { hold(c) })
	p, u := poolFor(t, Pool{Max: 3, Idle: 2}, peer.url)
	var under atomic.Int64
	var callers sync.WaitGroup
	for n := range 16 {
		callers.Go(func() {
			for i := range 50 {
				ctx, cancel := context.WithCancel(t.Context())
				if (n+i)%5 == 0 {
					cancel()
				}
				c, err := p.take(ctx, u, i%7 == 0)
				cancel()
				if err != nil {
					continue
				}
				if under.Add(1) > 3 {
					t.Error("more connections than allowed")
				}
				under.Add(-1)
				if (n+i)%3 == 0 {
					p.drop(c)
				} else {
					p.keep(c)
				}
			}
		})
	}
	callers.Wait()
	p.closeIdle()
	if len(p.hosts) != 0 {
		t.Errorf("places are lost: %+v", p.hosts[origin{u.Scheme, u.Host}])
	}
}

func TestConnectionsAreNotKeptForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &url.URL{Scheme: "http", Host: "inventory.test"}
		p := newPool(Config{Pool: Pool{IdleTimeout: time.Minute}}.withDefaults().Pool, 64<<10, nil, nil)
		p.connect = func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			t.Cleanup(func() { _ = far.Close() })
			return near, nil
		}
		idle := func() int {
			p.mu.Lock()
			defer p.mu.Unlock()
			if h := p.hosts[origin{u.Scheme, u.Host}]; h != nil {
				return len(h.idle)
			}
			return 0
		}
		a, b := take(t, p, u), take(t, p, u)
		p.keep(a)
		time.Sleep(40 * time.Second)
		p.keep(b)
		for _, step := range []struct {
			after time.Duration
			idle  int
		}{{19 * time.Second, 2}, {time.Second, 1}, {39 * time.Second, 1}, {time.Second, 0}} {
			time.Sleep(step.after)
			synctest.Wait()
			if n := idle(); n != step.idle {
				t.Errorf("%d kept, want %d", n, step.idle)
			}
		}
	})
}

func TestTLSConnectionsAreKept(t *testing.T) {
	var conns atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.TLS.NegotiatedProtocol) }))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	c := New("inventory", Config{}, Deps{TLS: &tls.Config{RootCAs: roots}})
	defer c.Close()
	for range 3 {
		resp, err := c.Operation("get", Once).RoundTrip(request(t, http.MethodPost, server.URL))
		if err != nil {
			t.Fatal(err)
		}
		if proto, _ := ReadAll(resp); string(proto) != "http/1.1" {
			t.Errorf("negotiated %q", proto)
		}
	}
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections for three calls", n)
	}
}
