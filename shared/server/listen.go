package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// gate is a listener that is open from the first moment and answers 503 until it is told what to
// serve. It serves on while it drains, or when a connection is old, and asks the client to come back on another.
type gate struct {
	server   *http.Server
	listener net.Listener
	handler  atomic.Pointer[http.Handler]
	draining atomic.Bool
	inFlight atomic.Int64
	pair     *pair         // nil: plain
	kept     time.Duration // about how long a connection is, so that who balances them has some for processes that came later
}

// Timeouts of a connection. The slowest contract has 30 s; a body may take 15 s.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	writeTimeout      = 45 * time.Second
	idleTimeout       = 75 * time.Second
	connectionsKept   = 5 * time.Minute
	maxHeaderBytes    = 48 << 10 // above the exact limits of the transport policy, which answers in the API's dialect
)

// listen opens the listener of l.
func listen(l listenConfig, log *slog.Logger) (*gate, error) {
	listener, err := net.Listen("tcp", l.Addr)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	g := &gate{listener: listener, kept: connectionsKept}
	if l.Connections > 0 {
		listener = limit(listener, l.Connections)
	}
	if l.Certificate != "" {
		pair, err := newPair(l.Certificate, l.Key)
		if err != nil {
			return nil, errors.Join(err, g.listener.Close())
		}
		g.pair = pair
		listener = tls.NewListener(listener, &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: pair.get})
	}
	g.server = &http.Server{
		Handler: g, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		ConnContext: g.connected,
	}
	go func() {
		if err := g.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("listener ended", "error", err)
		}
	}()
	return g, nil
}

func (g *gate) addr() string { return g.listener.Addr().String() }

// open starts serving h.
func (g *gate) open(h http.Handler) { g.handler.Store(&h) }

// until is the key of a connection's context for the time at which it is old.
type until struct{}

// connected notes when a connection will be old. They do not all become so at once.
func (g *gate) connected(ctx context.Context, _ net.Conn) context.Context {
	return context.WithValue(ctx, until{}, time.Now().Add(g.kept*4/5+rand.N(1+g.kept*2/5)))
}

func old(r *http.Request) bool {
	at, ok := r.Context().Value(until{}).(time.Time)
	return ok && time.Now().After(at)
}

// nosniff is the value of X-Content-Type-Options. Nothing changes it.
var nosniff = []string{"nosniff"}

// ServeHTTP implements http.Handler.
func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.inFlight.Add(1)
	defer g.inFlight.Add(-1)
	if g.draining.Load() || old(r) {
		w.Header().Set("Connection", "close")
	}
	w.Header()["X-Content-Type-Options"] = nosniff
	if h := g.handler.Load(); h != nil {
		(*h).ServeHTTP(w, r)
		return
	}
	starting(w, r)
}

// starting answers whoever asks for what is not there yet.
func starting(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Retry-After", "1")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = io.WriteString(w, `{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"The platform is starting","kind":"unavailable"}`)
}

// close ends the listener once what is in flight has ended, or when ctx does.
func (g *gate) close(ctx context.Context) error {
	if err := g.server.Shutdown(ctx); err != nil {
		return errors.Join(err, g.server.Close())
	}
	return nil
}

// pair is a certificate that is read again when its file changes, looked at once a second at most.
type pair struct {
	certificate, key string

	mu      sync.Mutex
	looked  time.Time
	changed time.Time
	loaded  *tls.Certificate
}

func newPair(certificate, key string) (*pair, error) {
	p := &pair{certificate: certificate, key: key}
	_, err := p.get(nil)
	return p, err
}

// expiry is when what is served ends.
func (p *pair) expiry() time.Time {
	served, err := p.get(nil)
	if err != nil || served.Leaf == nil {
		return time.Time{}
	}
	return served.Leaf.NotAfter
}

func (p *pair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.loaded != nil && time.Since(p.looked) < time.Second {
		return p.loaded, nil
	}
	p.looked = time.Now()
	info, err := os.Stat(p.certificate)
	if err == nil && p.loaded != nil && info.ModTime().Equal(p.changed) {
		return p.loaded, nil
	}
	fresh, loadErr := tls.LoadX509KeyPair(p.certificate, p.key)
	if err := errors.Join(err, loadErr); err != nil {
		if p.loaded != nil { // a bad file does not hurt what runs
			return p.loaded, nil
		}
		return nil, fmt.Errorf("certificate: %w", err)
	}
	p.loaded, p.changed = &fresh, info.ModTime()
	return p.loaded, nil
}
