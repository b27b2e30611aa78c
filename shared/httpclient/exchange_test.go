package httpclient

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"puente/shared/problem"
)

// What an answer says of its end decides whether another request may follow it.
func TestWhichConnectionsServeAgain(t *testing.T) {
	tests := []struct {
		name   string
		method string
		answer string
		body   string
		again  bool
	}{
		{"a length", "GET", ok, "{}", true},
		{"chunks", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", "{}", true},
		{"chunks and a trailer", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Sum\r\n\r\n2\r\n{}\r\n0\r\nSum: 1\r\n\r\n", "{}", true},
		{"no content", "DELETE", "HTTP/1.1 204 No Content\r\n\r\n", "", true},
		{"not modified", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n", "", true},
		{"of a HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", "", true},
		{"after interim answers", "GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" + ok, "{}", true},
		{"HTTP/1.0 that stays", "GET", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n{}", "{}", true},
		{"HTTP/1.0", "GET", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", "{}", false},
		{"one that closes", "GET", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}", "{}", false},
		{"more than its length", "GET", ok + "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad", "{}", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := listen(t, func(c *net.TCPConn, next func() *http.Request) {
				for next() != nil {
					says(c, test.answer)
				}
			})
			c := New("inventory", Config{Timeout: time.Minute}, Deps{})
			defer c.Close()
			for range 3 {
				resp, err := c.Operation("x", Once).RoundTrip(request(t, test.method, p.url))
				if err != nil {
					t.Fatal(err)
				}
				if body, _ := ReadAll(resp); string(body) != test.body || resp.StatusCode < 200 {
					t.Errorf("answer %d %q", resp.StatusCode, body)
				}
			}
			want := int64(3)
			if test.again {
				want = 1
			}
			if n := p.conns.Load(); n != want {
				t.Errorf("%d connections for three calls, want %d", n, want)
			}
		})
	}
}

func TestARequestThatClosesIsTheLast(t *testing.T) {
	p := listen(t, func(c *net.TCPConn, next func() *http.Request) {
		for r := next(); r != nil; r = next() {
			if !r.Close {
				t.Error("the system was not told")
			}
			says(c, ok)
		}
	})
	c := New("inventory", Config{}, Deps{})
	defer c.Close()
	for range 2 {
		r := request(t, http.MethodGet, p.url)
		r.Close = true
		if _, err := c.Operation("get", Once).RoundTrip(r); err != nil {
			t.Fatal(err)
		}
	}
	if n := p.conns.Load(); n != 2 {
		t.Errorf("%d connections", n)
	}
}

// A system that refuses a large body answers and closes, without reading it.
func TestAnEarlyAnswerIsHeard(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	}))
	defer server.Close()
	c := New("inventory", Config{Timeout: time.Minute}, Deps{})
	defer c.Close()
	for _, length := range []int64{32 << 20, -1} {
		r := request(t, http.MethodPost, server.URL)
		r.Body, r.ContentLength = io.NopCloser(io.LimitReader(zeros{}, 32<<20)), length
		resp, err := c.Operation("post", Once).RoundTrip(r)
		if err != nil || resp.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("length %d: answer %v, error %v", length, resp, err)
		}
	}
}

func TestABodyThatNobodyReadsIsAFault(t *testing.T) {
	for name, kind := range map[string]problem.Kind{"cut off": problem.BadUpstream, "hung": problem.Timeout} {
		t.Run(name, func(t *testing.T) {
			stop := make(chan struct{})
			p := listen(t, func(c *net.TCPConn, _ func() *http.Request) {
				_, _ = io.ReadFull(c, make([]byte, 1<<20))
				if kind == problem.Timeout {
					<-stop
				}
			})
			defer close(stop)
			cfg := Config{Timeout: time.Minute}
			if kind == problem.Timeout {
				cfg.Timeout = 100 * time.Millisecond
			}
			c := New("inventory", cfg, Deps{})
			defer c.Close()
			r := request(t, http.MethodPost, p.url)
			r.Body, r.ContentLength = io.NopCloser(io.LimitReader(zeros{}, 64<<20)), 64<<20
			_, err := c.Operation("post", Once).RoundTrip(r)
			wantKind(t, err, kind)
			if Unsent(err) {
				t.Error("said to be unsent, was read in part")
			}
		})
	}
}

// failing is a connection that breaks at its second request, n bytes of which it takes.
type failing struct {
	net.Conn
	n      int
	writes int
}

func (f *failing) Write(p []byte) (int, error) {
	if f.writes++; f.writes > 1 {
		n, _ := f.Conn.Write(p[:f.n])
		return n, syscall.EPIPE
	}
	return f.Conn.Write(p)
}

// A charge goes out again where certainly nothing of it had left, and only then.
func TestOnceIsSentAgainIfNothingLeft(t *testing.T) {
	for n, want := range map[int]int64{0: 2, 1: 1} {
		p := listen(t, func(c *net.TCPConn, next func() *http.Request) {
			for next() != nil {
				says(c, ok)
			}
		})
		c := New("charging", Config{Timeout: time.Minute}, Deps{})
		defer c.Close()
		connections := c.transport.(*pool)
		connect := connections.connect
		connections.connect = func(ctx context.Context, network, address string) (net.Conn, error) {
			tcp, err := connect(ctx, network, address)
			return &failing{Conn: tcp, n: n}, err
		}
		rt := c.Operation("charge", Once)
		if _, err := rt.RoundTrip(request(t, http.MethodPost, p.url)); err != nil {
			t.Fatal(err)
		}
		_, err := rt.RoundTrip(request(t, http.MethodPost, p.url))
		if (err == nil) != (n == 0) || err != nil && Unsent(err) || p.requests.Load() != want {
			t.Errorf("%d bytes left: error %v, unsent %v, %d requests", n, err, Unsent(err), p.requests.Load())
		}
	}
}

func TestRequestsThatCannotBeSent(t *testing.T) {
	p := listen(t, func(c *net.TCPConn, next func() *http.Request) { next() })
	body := func(s io.Reader, length int64) func(*http.Request) {
		return func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(s), length }
	}
	broken := io.MultiReader(strings.NewReader("x"), errReader{errors.New("broken")})
	for name, spoil := range map[string]func(*http.Request){
		"a line break in a header":       func(r *http.Request) { r.Header["X"] = []string{"a\r\nY: b"} },
		"a line break in a name":         func(r *http.Request) { r.Header["X: a\r\nY"] = []string{"b"} },
		"a space in the method":          func(r *http.Request) { r.Method = "GET /y HTTP/1.1\r\nX:" },
		"CONNECT":                        func(r *http.Request) { r.Method = http.MethodConnect },
		"a space in the query":           func(r *http.Request) { r.URL.RawQuery = "a= b" },
		"a line break in the query":      func(r *http.Request) { r.URL.RawQuery = "a\r\n" },
		"a line break in the host":       func(r *http.Request) { r.Host = "x\r\nY: b" },
		"no host":                        func(r *http.Request) { r.URL.Host = "" },
		"a trailer":                      func(r *http.Request) { r.Trailer = http.Header{"X": nil} },
		"a body longer than its length":  body(strings.NewReader("123"), 2),
		"a body shorter than its length": body(strings.NewReader("123"), 4),
		"a body that cannot be read":     body(broken, 10),
		"and one of unknown length":      body(broken, -1),
		"a length without a body":        func(r *http.Request) { r.Body, r.ContentLength = nil, 4 },
	} {
		t.Run(name, func(t *testing.T) {
			c := New("inventory", Config{}, Deps{})
			defer c.Close()
			r := request(t, http.MethodPost, p.url)
			spoil(r)
			_, err := c.Operation("post", Once).RoundTrip(r)
			wantKind(t, err, problem.Internal)
			if !Unsent(err) || c.States()[Once].State != Closed {
				t.Errorf("unsent %v, breaker %v", Unsent(err), c.States()[Once].State)
			}
		})
	}
	if n := p.conns.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
}

type errReader struct{ error }

func (e errReader) Read([]byte) (int, error) { return 0, e.error }

// Direct repeats what is harmless to repeat and nothing else, and ends with its context or its time.
func TestDirect(t *testing.T) {
	for method, requests := range map[string]int64{http.MethodGet: 3, http.MethodPost: 2} {
		p := listen(t, func(c *net.TCPConn, next func() *http.Request) {
			if next() != nil {
				says(c, ok)
			}
			next() // and closes
		})
		d := NewDirect(Pool{}, time.Minute)
		var err error
		for range 2 {
			var resp *http.Response
			if resp, err = d.RoundTrip(request(t, method, p.url)); err == nil {
				if body, _ := io.ReadAll(resp.Body); string(body) != "{}" {
					t.Errorf("answer %q", body)
				}
			}
		}
		d.CloseIdleConnections()
		if n := p.requests.Load(); n != requests || (err == nil) != (method == http.MethodGet) {
			t.Errorf("%s: %d requests, error %v", method, n, err)
		}
	}
	var entered atomic.Pointer[context.CancelFunc]
	p := listen(t, func(c *net.TCPConn, next func() *http.Request) {
		next()
		if cancel := entered.Load(); cancel != nil {
			(*cancel)()
		}
		hold(c)
	})
	d := NewDirect(Pool{}, 20*time.Millisecond)
	defer d.CloseIdleConnections()
	if _, err := d.RoundTrip(request(t, http.MethodPost, p.url)); err == nil {
		t.Error("no end")
	}
	d.timeout = time.Minute
	ctx, cancel := context.WithCancel(t.Context())
	entered.Store(&cancel)
	if _, err := d.RoundTrip(request(t, http.MethodPost, p.url).WithContext(ctx)); err == nil || ctx.Err() == nil {
		t.Errorf("error %v, context %v", err, ctx.Err())
	}
}

// An answer that is given up half read takes its connection with it.
func TestAnAnswerGivenUp(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(bytes.Repeat([]byte("x"), 1<<20)) }))
	defer server.Close()
	d := NewDirect(Pool{Max: 1}, time.Minute)
	defer d.CloseIdleConnections()
	for range 3 {
		resp, err := d.RoundTrip(request(t, http.MethodGet, server.URL))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(resp.Body, make([]byte, 10)); err != nil {
			t.Error(err)
		}
		_ = resp.Body.Close()
	}
	if n := len(d.pool.hosts); n != 0 {
		t.Errorf("%d hosts have connections", n)
	}
}
