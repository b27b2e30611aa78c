package sandbox_test

import (
	"context"
	"net"
	"net/http"
	"testing"

	"puente/test/sandbox"
	"puente/test/sandbox/fault"
)

// A sandbox with hanging requests stops all the same, and cuts nobody else.
func TestStopsWhileRequestsHang(t *testing.T) {
	s, err := sandbox.New(sandbox.Config{})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l) }()
	phones := []string{"3000000504", "3000000506", "3000000508"}
	got := make(chan answer, len(phones))
	for _, phone := range phones {
		go func() { got <- call(t.Context(), "POST", "http://"+l.Addr().String()+portability, body(phone)) }()
	}
	if _, err := s.Await(t.Context(), sandbox.Filter{}, func(rs []sandbox.Request) bool {
		return struck(fault.Hang)(rs) && struck(fault.Drip)(rs) && struck(fault.HangAfterCommit)(rs)
	}); err != nil {
		t.Fatal(err)
	}
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
	for range phones {
		if a := <-got; a.err == nil {
			t.Errorf("answered %+v", a)
		}
	}
}

// A client may keep connections that it never used: they neither hold up a stop nor fail it.
func TestStopsBesideConnectionsThatNeverAsked(t *testing.T) {
	s, err := sandbox.New(sandbox.Config{})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	silent, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l) }()
	if a := call(t.Context(), "GET", "http://"+l.Addr().String()+"/_sandbox/systems", ""); a.status != http.StatusOK {
		t.Fatalf("%+v", a)
	}
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
