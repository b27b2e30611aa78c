package httpclient

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"puente/shared/problem"
)

// transport carries a trip; *pool is one.
type transport interface {
	send(*trip) (*http.Response, error)
}

// exchange hands the request to the transport. What it returns has its body still on the wire.
func (o *operation) exchange(link) link {
	return func(c *call) (*http.Response, *fault) {
		if o.deps.Guard != nil {
			if err := o.deps.Guard.Check(c.trip.req.URL); err != nil {
				return nil, &fault{reason: reasonBarred, kind: problem.Rejected, err: err}
			}
		}
		c.trip.body, c.body = c.body, nil // the transport closes it from here on
		resp, err := o.transport.send(&c.trip)
		if err != nil {
			return nil, o.blame(c, err)
		}
		return resp, nil
	}
}

// trip is a request on its way to a system and the answer on its way back, all in the goroutine of
// the caller. Once the answer's headers are there it is the answer's body.
type trip struct {
	req      *http.Request // with header and body instead of its own
	header   http.Header
	body     io.ReadCloser
	ctx      context.Context // bounds the wait for a connection
	leaves   context.Context // whose end cuts the exchange short; nil: only the deadline does
	deadline time.Time
	twice    bool // the system may see it twice

	stage stage
	pool  *pool
	conn  *conn         // nil once given back
	stop  func() bool   // of the watch on leaves
	heard bool          // a byte of an answer came
	last  bool          // no other request may follow on conn
	wire  io.ReadCloser // the body as net/http reads it
}

// stage is how far a trip came.
type stage uint8

const (
	connecting stage = iota
	connected        // no byte of the request left
	sent             // one may have reached the system
)

// send brings the request to its system, on one connection. There is one exception: a kept
// connection can die at the moment of the next request, which is the system's right and no fault.
// Then the request goes out again, at once and on a new connection, if no byte of it left or if
// twice is no harm.
func (p *pool) send(t *trip) (*http.Response, error) {
	if t.body != nil {
		defer func() { _ = t.body.Close() }() // it was read from
	}
	m, err := newMessage(t)
	if err != nil {
		return nil, err
	}
	defer m.free()
	t.pool = p
	resp, again, err := p.try(t, m, false)
	if again {
		resp, _, err = p.try(t, m, true)
	}
	return resp, err
}

func (p *pool) try(t *trip, m *message, fresh bool) (_ *http.Response, again bool, err error) {
	c, err := p.take(t.ctx, t.req.URL, fresh)
	if err != nil {
		return nil, false, err
	}
	t.stage = max(t.stage, connected)
	t.conn, t.last = c, false
	defer func() {
		if err != nil || t.wire == nil { // nil: a body of the caller's panicked
			t.end(false)
		}
	}()
	_ = c.SetDeadline(t.deadline) // fails only on a closed connection, which the write will find
	if t.leaves != nil && t.leaves.Done() != nil {
		t.stop = context.AfterFunc(t.leaves, c.cut)
	}
	resp, err := t.over(c, m)
	if err != nil {
		died := c.kept && !t.heard && !errors.Is(err, os.ErrDeadlineExceeded)
		return nil, died && (t.stage < sent || t.twice && m.rest == nil), err
	}
	t.wire, resp.Body = resp.Body, t
	if t.wire == http.NoBody {
		t.end(true)
	}
	return resp, false, nil
}

// repeatable reports whether r may be seen twice by what it says itself: it reads (RFC 9110 §9.2.1),
// or has a key by which its system knows it again.
func repeatable(r *http.Request) bool {
	return r.Method == http.MethodGet || r.Method == http.MethodHead || r.Header["Idempotency-Key"] != nil
}

// grace is for an answer that a system gave before it had read the whole request, and that has
// arrived when our write fails. One that answers early, reads no more and keeps the connection open
// is heard at the deadline only, as a timeout.
const grace = 10 * time.Millisecond

func (t *trip) over(c *conn, m *message) (*http.Response, error) {
	n, err := c.Write(m.text)
	if n > 0 {
		t.stage = sent
	}
	if err == nil && m.rest != nil {
		err = m.stream(c)
	}
	if err == nil {
		return t.answer(c)
	}
	t.last = true
	var ours *requestError
	if t.stage < sent || t.ctx.Err() != nil || errors.As(err, &ours) {
		return nil, err
	}
	_ = c.SetReadDeadline(time.Now().Add(grace))
	if resp, early := t.answer(c); early == nil {
		return resp, nil
	}
	return nil, err
}

// answer reads the headers of the answer, past those of interim ones, into bounded memory.
func (t *trip) answer(c *conn) (*http.Response, error) {
	c.room = t.pool.maxHeader
	if _, err := c.in.Peek(1); err != nil {
		return nil, err
	}
	t.heard = true
	for {
		resp, err := http.ReadResponse(c.in, t.req)
		if err != nil {
			return nil, err
		}
		if interim := resp.StatusCode/100 == 1; interim && resp.StatusCode != http.StatusSwitchingProtocols {
			continue
		}
		c.room = math.MaxInt64
		resp.TLS = c.secured
		t.last = t.last || resp.Close || resp.StatusCode < 200 || t.req.Close || t.header["Connection"] != nil
		return resp, nil
	}
}

// Read reads the answer's body. With its end the connection is free again.
func (t *trip) Read(p []byte) (int, error) {
	n, err := t.wire.Read(p)
	if err != nil {
		t.end(err == io.EOF)
	}
	return n, err
}

// Close gives up what was not read.
func (t *trip) Close() error {
	t.end(false)
	return nil
}

// end gives the connection back: to serve again if the answer was read whole and nothing follows it.
func (t *trip) end(whole bool) {
	c := t.conn
	if c == nil {
		return
	}
	t.conn = nil
	quiet := true
	if t.stop != nil {
		quiet = t.stop() // else it is being cut
		t.stop = nil
	}
	if whole && quiet && !t.last && c.in.Buffered() == 0 {
		t.pool.keep(c)
	} else {
		t.pool.drop(c)
	}
}

// conn is a connection to a system.
type conn struct {
	net.Conn // TLS or TCP
	tcp      net.Conn
	host     *host
	in       *bufio.Reader
	room     int64 // bytes that may still be read
	secured  *tls.ConnectionState
	kept     bool // served before
	since    time.Time
	cut      func() // ends what is under way

	raw   syscall.RawConn
	peek  func(fd uintptr)
	first [1]byte
	alive bool // as peek found it
}

func newConn(tcp net.Conn, h *host) *conn {
	c := &conn{Conn: tcp, tcp: tcp, host: h}
	c.cut = func() { _ = c.SetDeadline(time.Unix(1, 0)) } // fails only on a closed connection
	c.peek = func(fd uintptr) {
		_, _, err := syscall.Recvfrom(int(fd), c.first[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		c.alive = err == syscall.EAGAIN
	}
	if s, ok := tcp.(syscall.Conn); ok {
		c.raw, _ = s.SyscallConn() // fails on none that was just made
	}
	return c
}

// Read reads what the headers may take, and without bound once they are there.
func (c *conn) Read(p []byte) (int, error) {
	if c.room <= 0 {
		return 0, errTooLarge
	}
	n, err := c.Conn.Read(p[:min(int64(len(p)), c.room)])
	c.room -= int64(n)
	return n, err
}

// quiet reports that the system neither closed a kept connection nor said anything unasked on it.
func (c *conn) quiet() bool {
	if c.secured != nil { // TLS may hold bytes that it took from the network already
		_ = c.SetReadDeadline(time.Unix(1, 0))
		if _, err := c.Conn.Read(c.first[:]); !errors.Is(err, os.ErrDeadlineExceeded) {
			return false
		}
	}
	return c.raw == nil || c.raw.Control(c.peek) == nil && c.alive
}
