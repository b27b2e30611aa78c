// Package sandboxtest starts a sandbox for the length of a test.
package sandboxtest

import (
	"context"
	"testing"

	"puente/test/sandbox"
	"puente/test/sandbox/fault"
)

// Sandbox is a sandbox that listens at URL, on loopback.
type Sandbox struct {
	*sandbox.Sandbox
	URL string
}

// Start serves a sandbox on a free port until the test ends.
func Start(t testing.TB, cfg sandbox.Config) *Sandbox {
	t.Helper()
	s, err := sandbox.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return &Sandbox{Sandbox: s, URL: s.URL()}
}

// Fault makes an operation of a system misbehave.
func (s *Sandbox) Fault(t testing.TB, f fault.Fault) {
	t.Helper()
	if err := s.SetFault(f); err != nil {
		t.Fatal(err)
	}
}
