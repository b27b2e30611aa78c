package fault

import (
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Visit is the host's side of one request: what Serve needs of it and tells it.
type Visit struct {
	Stop   <-chan struct{} // closed when the host stops or is reset
	Struck func(Kind)      // called before a fault answers; may be nil
}

type visitKey struct{}

// WithVisit returns a context from which Serve learns of the host.
func WithVisit(ctx context.Context, v Visit) context.Context {
	return context.WithValue(ctx, visitKey{}, v)
}

// Serve answers r as f says; next is the system's own handler, called where f commits. The context
// of r must end when the caller leaves, for which its body must have been read. Where no answer is
// to be sent Serve ends the connection by panicking with http.ErrAbortHandler.
func (f Fault) Serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	visit, _ := r.Context().Value(visitKey{}).(Visit)
	if visit.Struck != nil {
		visit.Struck(f.Kind)
	}
	left := r.Context().Done()
	if f.Kind == LateCommit {
		left = visit.Stop
	}
	if !pause(left, f.Delay) {
		abort()
	}
	a := &answer{status: f.status(), header: http.Header{}}
	if f.commits() {
		a = &answer{header: http.Header{}}
		next.ServeHTTP(a, r)
	}
	switch f.Kind {
	case Hang, HangAfterCommit:
		<-r.Context().Done()
		abort()
	case Status, Flap:
		f.made(f.status(), f.Body).send(w)
	case Garbage:
		f.made(http.StatusOK, page(f.Body)).send(w)
	case Drip:
		a.drip(w, left, f.Period)
	case Reset:
		conn := hijack(w)
		conn.Write(a.half())
		if tcp, ok := conn.(*net.TCPConn); ok {
			tcp.SetLinger(0) // what is unsent is discarded and the peer gets a RST
		}
		conn.Close()
	case Truncate:
		conn := hijack(w)
		conn.Write(a.half())
		conn.Close()
	case Stale:
		conn := hijack(w)
		conn.Write(a.whole())
		conn.Close()
	case HalfClose:
		conn := hijack(w)
		defer context.AfterFunc(r.Context(), func() { conn.Close() })()
		if tcp, ok := conn.(*net.TCPConn); ok {
			tcp.CloseWrite()
		}
		io.Copy(io.Discard, conn)
		conn.Close()
	case GzipBomb:
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Content-Length", strconv.Itoa(len(bomb())))
		w.Write(bomb())
	case HeaderBomb:
		conn := hijack(w)
		headerBomb(conn)
		conn.Close()
	default: // Delay, LateCommit
		a.send(w)
	}
}

// pause waits for d and reports whether it could to the end.
func pause(stop <-chan struct{}, d time.Duration) bool {
	select {
	case <-stop:
		return false
	default:
	}
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-stop:
		return false
	}
}

// abort ends the connection without an answer, and the handler with it.
func abort() { panic(http.ErrAbortHandler) }

// hijack takes the connection from the server; where there is none to take it aborts.
func hijack(w http.ResponseWriter) net.Conn {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		abort()
	}
	return conn
}

// made is the answer that f makes up itself.
func (f Fault) made(status int, body string) *answer {
	a := &answer{status: status, header: http.Header{}, body: []byte(body)}
	switch {
	case strings.HasPrefix(body, "{"), strings.HasPrefix(body, "["):
		a.header.Set("Content-Type", "application/json")
	case strings.HasPrefix(body, "<"):
		a.header.Set("Content-Type", "text/html; charset=utf-8")
	case body != "":
		a.header.Set("Content-Type", "text/plain; charset=utf-8")
	}
	for name, value := range f.Headers {
		a.header.Set(name, value)
	}
	return a
}

// page is what a balancer in front of a broken system shows, with status 200.
func page(body string) string {
	if body != "" {
		return body
	}
	return "<!DOCTYPE html>\n<html><head><title>Service Unavailable</title></head>\n" +
		"<body><h1>The page cannot be displayed</h1><p>{\"success\":true</p></body></html>\n"
}
