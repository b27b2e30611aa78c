package sandbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// grace is how long a stopping sandbox lets answers finish; those who hang do not get it.
const grace = 5 * time.Second

// Listen takes the configured address, which must be on loopback: the sandbox files orders and
// issues tokens for whoever asks.
func (s *Sandbox) Listen() (net.Listener, error) {
	addr := s.cfg.Addr
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	tcp, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("sandbox: address %s: %w", addr, err)
	}
	if !tcp.IP.IsLoopback() {
		return nil, fmt.Errorf("sandbox: address %s is not on loopback", addr)
	}
	l, err := net.ListenTCP("tcp", tcp)
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	s.setURL("http://" + l.Addr().String())
	return l, nil
}

// Serve answers on l until ctx ends, then ends the requests that hang, lets the others finish and
// closes the sandbox.
func (s *Sandbox) Serve(ctx context.Context, l net.Listener) error {
	s.setURL("http://" + l.Addr().String())
	server := &http.Server{
		Handler: s.handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	silent := newSilent(server)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	var err error
	select {
	case err = <-served:
		err = fmt.Errorf("sandbox: serve: %w", err)
	case <-ctx.Done():
		s.release(true)
		silent.close()
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		if server.Shutdown(last) != nil { // somebody reads too slowly: cut
			err = errors.Join(errors.New("sandbox: answers were cut"), server.Close())
		}
		<-served
	}
	return errors.Join(err, s.Close())
}

// silent are the connections that have asked for nothing yet, which a client that asks for much at once
// opens and keeps. A server that shuts down would wait five seconds for each to ask (net/http).
type silent struct {
	mu      sync.Mutex
	conns   map[net.Conn]bool
	closing bool
}

func newSilent(server *http.Server) *silent {
	s := &silent{conns: make(map[net.Conn]bool)}
	server.ConnState = s.observe
	return s
}

func (s *silent) observe(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case state != http.StateNew:
		delete(s.conns, c)
	case s.closing:
		c.Close()
	default:
		s.conns[c] = true
	}
}

func (s *silent) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing = true
	for c := range s.conns {
		c.Close()
	}
}
