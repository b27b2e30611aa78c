package httpclient

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"puente/shared/problem"
)

// peer is a system on a real socket that says, byte for byte, what a test wants said.
type peer struct {
	url      string
	requests atomic.Int64 // whose headers arrived
	conns    atomic.Int64
}

// listen serves each connection with fn, in a goroutine that ends with the test. next reads a
// request with its body, nil once the client is gone.
func listen(t *testing.T, fn func(c *net.TCPConn, next func() *http.Request)) *peer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{url: "http://" + l.Addr().String()}
	var running sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	running.Go(func() {
		for {
			raw, err := l.Accept()
			if err != nil {
				return
			}
			p.conns.Add(1)
			mu.Lock()
			open[raw] = true
			mu.Unlock()
			running.Go(func() {
				defer func() { _ = raw.Close() }()
				in := bufio.NewReader(raw)
				fn(raw.(*net.TCPConn), func() *http.Request {
					r, err := http.ReadRequest(in)
					if err != nil {
						return nil
					}
					p.requests.Add(1)
					body, _ := io.ReadAll(r.Body)
					r.Body = io.NopCloser(bytes.NewReader(body))
					return r
				})
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		running.Wait()
	})
	return p
}

func says(c net.Conn, s string) { _, _ = io.WriteString(c, s) } // the client may be gone already

// request is one of a kind that other clients like to send again: it has GetBody and an idempotency key.
func request(t *testing.T, method, address string) *http.Request {
	t.Helper()
	var body io.Reader
	if method == http.MethodPost {
		body = strings.NewReader(`{"amount":1}`)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, address+"/x?phone=3000000019", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Idempotency-Key", "k1")
	return r
}

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

func TestGarbageIsAnError(t *testing.T) {
	tests := []struct {
		name  string
		serve func(*net.TCPConn)
		kind  problem.Kind
	}{
		{"closed without a word", func(c *net.TCPConn) {}, problem.BadUpstream},
		{"reset before the answer", reset, problem.BadUpstream},
		{"half-closed", func(c *net.TCPConn) { says(c, "HTTP/1.1 200 OK\r\nConte"); _ = c.CloseWrite(); hold(c) }, problem.BadUpstream},
		{"reset in the body", func(c *net.TCPConn) { says(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{\"a\""); reset(c) }, problem.BadUpstream},
		{"half-closed in the body", func(c *net.TCPConn) {
			says(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{\"a\"")
			_ = c.CloseWrite()
			hold(c)
		}, problem.BadUpstream},
		{"fewer bytes than promised", func(c *net.TCPConn) { says(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}") }, problem.BadUpstream},
		{"a chunk cut off", func(c *net.TCPConn) {
			says(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{}")
		}, problem.BadUpstream},
		{"a chunk of no length", func(c *net.TCPConn) {
			says(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}")
		}, problem.BadUpstream},
		{"two lengths", func(c *net.TCPConn) {
			says(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}")
		}, problem.BadUpstream},
		{"a negative length", func(c *net.TCPConn) { says(c, "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}") }, problem.BadUpstream},
		{"not HTTP", func(c *net.TCPConn) { says(c, "SSH-2.0-OpenSSH_9.2 3000000019\r\n"); hold(c) }, problem.BadUpstream},
		{"a header without colon", func(c *net.TCPConn) { says(c, "HTTP/1.1 200 OK\r\n3000000019\r\n\r\n"); hold(c) }, problem.BadUpstream},
		{"more than promised memory", func(c *net.TCPConn) {
			says(c, "HTTP/1.1 200 OK\r\nContent-Length: 109951162777600\r\n\r\n")
			hold(c)
		}, problem.BadUpstream},
		{"an endless body", func(c *net.TCPConn) { says(c, "HTTP/1.1 200 OK\r\n\r\n"); forever(c, 64<<10) }, problem.BadUpstream},
		{"headers without end", func(c *net.TCPConn) { says(c, "HTTP/1.1 200 OK\r\nA: "); forever(c, 64<<10) }, problem.BadUpstream},
		{"ten megabytes of headers", func(c *net.TCPConn) {
			says(c, "HTTP/1.1 200 OK\r\n")
			for range 10_000 {
				says(c, "X-Filler: "+strings.Repeat("x", 1024)+"\r\n")
			}
			says(c, "Content-Length: 2\r\n\r\n{}")
		}, problem.BadUpstream},
		{"interim answers without end", func(c *net.TCPConn) {
			for {
				if _, err := io.WriteString(c, "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n"); err != nil {
					return
				}
			}
		}, problem.BadUpstream},
		{"gzip that was not asked for", func(c *net.TCPConn) {
			says(c, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 400000\r\n\r\n")
			forever(c, 64<<10)
		}, problem.BadUpstream},
		{"another protocol", func(c *net.TCPConn) {
			says(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
			hold(c)
		}, problem.BadUpstream},
		{"silence", hold, problem.Timeout},
		{"a drip of headers", func(c *net.TCPConn) { says(c, "HTTP/1.1 200 OK\r\nX: "); drip(c) }, problem.Timeout},
		{"a drip of body", func(c *net.TCPConn) { says(c, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"); drip(c) }, problem.Timeout},
		{"a drip without length", func(c *net.TCPConn) { says(c, "HTTP/1.1 200 OK\r\n\r\n"); drip(c) }, problem.Timeout},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := listen(t, func(c *net.TCPConn, next func() *http.Request) {
				if next() != nil {
					test.serve(c)
				}
			})
			var seen Observation
			var log bytes.Buffer
			cfg := Config{Timeout: time.Minute, MaxResponse: 1 << 20, Breaker: Breaker{MinCalls: 1}}
			if test.kind == problem.Timeout {
				cfg.Timeout = 100 * time.Millisecond
			}
			c := New("inventory", cfg, Deps{
				Observe: func(_ context.Context, o Observation) { seen = o },
				Logger:  slog.New(slog.NewJSONHandler(&log, nil)),
			})
			defer c.Close()
			resp, err := c.Operation("get", Once).RoundTrip(request(t, http.MethodPost, p.url))
			if resp != nil {
				t.Errorf("answered %d with an error", resp.StatusCode)
			}
			wantKind(t, err, test.kind)
			if Unsent(err) || seen.Unsent || seen.Error == "" || seen.Attempts != 1 {
				t.Errorf("unsent %v, observed %+v", Unsent(err), seen)
			}
			if s := c.States()[Once].State; s != Open {
				t.Errorf("the breaker did not see it: %v", s)
			}
			if strings.Contains(err.Error()+log.String(), "3000000019") {
				t.Errorf("what the system sent shows:\n%v\n%s", err, log.String())
			}
			if n := p.requests.Load(); n != 1 {
				t.Errorf("%d requests arrived", n)
			}
		})
	}
}

func reset(c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}

// hold keeps the connection until the client closes it.
func hold(c *net.TCPConn) { _, _ = io.Copy(io.Discard, c) }

func forever(c *net.TCPConn, block int) {
	b := bytes.Repeat([]byte("x"), block)
	for {
		if _, err := c.Write(b); err != nil {
			return
		}
	}
}

func drip(c *net.TCPConn) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		if _, err := io.WriteString(c, "x"); err != nil {
			return
		}
	}
}

func TestAnswersArriveWhole(t *testing.T) {
	for _, size := range []int{0, 1, 511, 512, 513, 65_535, 65_536, 65_537, 1 << 20} {
		for _, chunked := range []bool{false, true} {
			body := bytes.Repeat([]byte("x"), size)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if chunked {
					w.(http.Flusher).Flush()
				}
				_, _ = w.Write(body)
			}))
			c := New("inventory", Config{MaxResponse: 1 << 20}, Deps{})
			resp, err := c.Operation("get", Safe).RoundTrip(request(t, http.MethodGet, server.URL))
			if err != nil {
				t.Fatal(err)
			}
			got, err := ReadAll(resp)
			if err != nil || !bytes.Equal(got, body) || resp.ContentLength != int64(size) {
				t.Errorf("size %d, chunked %v: got %d bytes, length %d, error %v", size, chunked, len(got), resp.ContentLength, err)
			}
			c.Close()
			server.Close()
		}
	}
}

func TestTheLimitIsExact(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Chunked") != "" {
			w.(http.Flusher).Flush()
		}
		_, _ = w.Write(make([]byte, 1001))
	}))
	defer server.Close()
	for _, chunked := range []string{"", "yes"} {
		for limit, kind := range map[int64]error{1001: nil, 1000: problem.BadUpstream} {
			c := New("inventory", Config{MaxResponse: limit}, Deps{})
			r := request(t, http.MethodGet, server.URL)
			r.Header.Set("Chunked", chunked)
			_, err := c.Operation("get", Safe).RoundTrip(r)
			if !errors.Is(err, kind) {
				t.Errorf("limit %d, chunked %q: error %v, want %v", limit, chunked, err, kind)
			}
			c.Close()
		}
	}
}

func TestHeadAndNoContent(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			w.Header().Set("Content-Length", "99999999999")
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	c := New("inventory", Config{}, Deps{})
	defer c.Close()
	for method, status := range map[string]int{http.MethodHead: 200, http.MethodDelete: 204} {
		resp, err := c.Operation("x", Safe).RoundTrip(request(t, method, server.URL))
		if err != nil || resp.StatusCode != status {
			t.Errorf("%s: %v, %v", method, resp, err)
		}
	}
}

func TestRedirectsAreAnswers(t *testing.T) {
	canary := listen(t, func(c *net.TCPConn, next func() *http.Request) { next() })
	server := httptest.NewServer(http.RedirectHandler(canary.url, http.StatusFound))
	defer server.Close()
	c := New("inventory", Config{}, Deps{})
	defer c.Close()
	resp, err := HTTPClient(c.Operation("get", Safe)).Do(request(t, http.MethodGet, server.URL))
	if err != nil || resp.StatusCode != http.StatusFound {
		t.Fatalf("answer %v, error %v", resp, err)
	}
	if err := StatusError(resp, "inventory"); !errors.Is(err, problem.BadUpstream) {
		t.Errorf("a redirect is %v", err)
	}
	if canary.conns.Load() != 0 {
		t.Error("the redirect was followed")
	}
}

func TestTLS(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }))
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	c := New("inventory", Config{}, Deps{TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS10}})
	defer c.Close()
	resp, err := c.Operation("get", Once).RoundTrip(request(t, http.MethodPost, server.URL))
	if err != nil || resp.TLS == nil || resp.TLS.Version < tls.VersionTLS12 {
		t.Fatalf("answer %v, error %v", resp, err)
	}
	old := httptest.NewUnstartedServer(http.NotFoundHandler())
	old.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	old.StartTLS()
	defer old.Close()
	_, err = c.Operation("get", Once).RoundTrip(request(t, http.MethodPost, old.URL))
	wantKind(t, err, problem.Unavailable)
}

func TestNoProxyFromTheEnvironment(t *testing.T) {
	proxy := listen(t, func(c *net.TCPConn, next func() *http.Request) { next() })
	t.Setenv("HTTP_PROXY", proxy.url)
	p := listen(t, func(c *net.TCPConn, next func() *http.Request) {
		if next() != nil {
			says(c, ok)
		}
	})
	c := New("inventory", Config{}, Deps{})
	defer c.Close()
	// An address that reaches this machine and yet is none of the loopback's, which net/http exempts.
	_, err := c.Operation("get", Safe).RoundTrip(request(t, http.MethodGet, strings.Replace(p.url, "127.0.0.1", "0.0.0.0", 1)))
	if err != nil || proxy.conns.Load() != 0 {
		t.Errorf("error %v, %d connections to the proxy", err, proxy.conns.Load())
	}
}
