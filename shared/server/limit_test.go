package server

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// A caller whose request was refused before its end once read a reset in place of the answer.
func TestRefusedCallerReadsTheAnswer(t *testing.T) {
	addr := serveLimited(t, 2)
	conn := dialed(t, addr)
	go fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\nX-Long: %s\r\n\r\n", strings.Repeat("a", 300_000))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("%d %s, %v", resp.StatusCode, text, err)
	}
}

func TestConnectionsBeyondTheLimitWait(t *testing.T) {
	addr := serveLimited(t, 1)
	first, second := dialed(t, addr), dialed(t, addr)
	const request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	ask := func(conn net.Conn) {
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
	}
	answered := func(conn net.Conn) {
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	ask(first)
	answered(first)
	ask(second)
	first.Close()
	answered(second) // only now: the one place was the first's
}

func serveLimited(t *testing.T, connections int) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{MaxHeaderBytes: maxHeaderBytes, Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(limit(l, connections)) }()
	t.Cleanup(func() {
		s.Close()
		if err := <-ended; err != http.ErrServerClosed {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func dialed(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}
