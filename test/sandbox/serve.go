package sandbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
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
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	var err error
	select {
	case err = <-served:
		err = fmt.Errorf("sandbox: serve: %w", err)
	case <-ctx.Done():
		s.release(true)
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		if server.Shutdown(last) != nil { // somebody reads too slowly: cut
			err = errors.Join(errors.New("sandbox: answers were cut"), server.Close())
		}
		<-served
	}
	return errors.Join(err, s.Close())
}
