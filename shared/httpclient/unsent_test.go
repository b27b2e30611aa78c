package httpclient

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"puente/shared/problem"
)

func TestUnsentIsExact(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	silent := listen(t, func(c *net.TCPConn, _ func() *http.Request) { hold(c) })
	plain := listen(t, func(c *net.TCPConn, _ func() *http.Request) { says(c, "HTTP/1.1 400 Bad Request\r\n\r\n") })
	trusted := httptest.NewTLSServer(http.NotFoundHandler())
	defer trusted.Close()
	trusted.Config.ErrorLog = nil
	tests := []struct {
		name string
		url  string
		kind problem.Kind
	}{
		{"connection refused", "http://" + closed.Addr().String(), problem.Unavailable},
		{"no such name", "http://inventory.invalid", problem.Unavailable},
		{"certificate of an unknown authority", trusted.URL, problem.Unavailable},
		{"no TLS at all", strings.Replace(plain.url, "http:", "https:", 1), problem.Unavailable},
		{"TLS never answered", strings.Replace(silent.url, "http:", "https:", 1), problem.Timeout},
		{"a scheme nobody speaks", "ftp://127.0.0.1", problem.Internal},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cfg := Config{Timeout: time.Minute}
			if test.kind == problem.Timeout {
				cfg.Timeout = 200 * time.Millisecond
			}
			c := New("inventory", cfg, Deps{})
			defer c.Close()
			_, err := c.Operation("post", Once).RoundTrip(request(t, http.MethodPost, test.url))
			wantKind(t, err, test.kind)
			if !Unsent(err) {
				t.Errorf("not known to be unsent: %v", err)
			}
		})
	}
	if Unsent(nil) || Unsent(errors.New("x")) || Unsent(context.Canceled) {
		t.Error("errors of others are not known to be unsent")
	}
}

// The time passes before there is a connection to write to.
func TestTimeoutBeforeTheFirstByteIsUnsent(t *testing.T) {
	entered := make(chan struct{})
	p := listen(t, func(c *net.TCPConn, next func() *http.Request) {
		if next() != nil {
			close(entered)
			hold(c)
		}
	})
	c := New("charging", Config{Timeout: time.Minute, Pool: Pool{Max: 1}}, Deps{})
	defer c.Close()
	holding, release := context.WithCancel(t.Context())
	var first sync.WaitGroup
	first.Go(func() {
		_, err := c.Operation("read", Safe).RoundTrip(request(t, http.MethodGet, p.url).WithContext(holding))
		if !errors.Is(err, context.Canceled) || Unsent(err) {
			t.Errorf("the one that was sent: %v, unsent %v", err, Unsent(err))
		}
	})
	<-entered
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := c.Operation("charge", Once).RoundTrip(request(t, http.MethodPost, p.url).WithContext(ctx))
	wantKind(t, err, problem.Timeout)
	if !Unsent(err) {
		t.Errorf("the one that waited: %v", err)
	}
	release()
	first.Wait()
	if n := p.requests.Load(); n != 1 {
		t.Errorf("%d requests arrived", n)
	}
}

// A kept connection dies at the moment of the next request, which the system has read. A read goes
// out again on a new connection; for a charge that would be one too many.
func TestOnceIsNeverSentTwice(t *testing.T) {
	for _, end := range []string{"closed", "reset"} {
		for _, method := range []string{http.MethodPost, http.MethodGet} {
			for _, mode := range []Mode{Once, Safe} {
				t.Run(strings.Join([]string{end, method, mode.String()}, " "), func(t *testing.T) {
					p := listen(t, func(c *net.TCPConn, next func() *http.Request) {
						if next() == nil {
							return
						}
						says(c, ok)
						if next() != nil && end == "reset" {
							reset(c)
						}
					})
					c := New("charging", Config{Timeout: time.Minute}, Deps{})
					defer c.Close()
					rt := c.Operation("charge", mode)
					if _, err := rt.RoundTrip(request(t, method, p.url)); err != nil {
						t.Fatal(err)
					}
					_, err := rt.RoundTrip(request(t, method, p.url))
					if mode == Safe { // goes out again, which costs no retry
						if err != nil || p.requests.Load() != 3 {
							t.Errorf("error %v, %d requests; want an answer to the third", err, p.requests.Load())
						}
						return
					}
					wantKind(t, err, problem.BadUpstream)
					if Unsent(err) {
						t.Error("said to be unsent, was read by the system")
					}
					if n := p.requests.Load(); n != 2 {
						t.Errorf("%d requests arrived, want 2", n)
					}
				})
			}
		}
	}
}

// A system that closes each connection after its answer, without saying so: a call may meet the
// closing one, and then fails unread, or takes a new one. Nothing is read twice.
func TestStaleConnection(t *testing.T) {
	closed := make(chan struct{}, 1)
	p := listen(t, func(c *net.TCPConn, next func() *http.Request) {
		if next() != nil {
			says(c, ok)
			_ = c.Close()
			closed <- struct{}{}
		}
	})
	c := New("charging", Config{Timeout: time.Minute, Breaker: Breaker{Off: true}}, Deps{})
	defer c.Close()
	rt := c.Operation("charge", Once)
	var answered int64
	for range 50 {
		if _, err := rt.RoundTrip(request(t, http.MethodPost, p.url)); err == nil {
			answered++
			<-closed
		}
	}
	if read := p.requests.Load(); read != answered || answered == 0 {
		t.Errorf("%d requests were read, %d answered", read, answered)
	}
}

func TestReadsAreCancelledAtTheSystem(t *testing.T) {
	cancelled := make(chan struct{})
	entered := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
		close(cancelled)
	}))
	defer server.Close()
	c := New("inventory", Config{Timeout: time.Minute}, Deps{})
	defer c.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-entered
		cancel()
	}()
	_, err := c.Operation("get", Safe).RoundTrip(request(t, http.MethodGet, server.URL).WithContext(ctx))
	if !errors.Is(err, context.Canceled) || Unsent(err) {
		t.Errorf("error %v, unsent %v", err, Unsent(err))
	}
	<-cancelled
}
