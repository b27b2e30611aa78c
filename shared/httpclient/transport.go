package httpclient

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"puente/shared/problem"
)

// newTransport is net/http's, with a pool of the configured size and none of its defaults that
// surprise: no proxy from the environment, no transparent decompression, no HTTP/2, whose one
// connection would hide from the bulkhead and from wire what is under way.
func newTransport(cfg Config, guard *SSRF, trust *tls.Config) *http.Transport {
	if trust == nil {
		trust = &tls.Config{}
	}
	trust = trust.Clone()
	trust.MinVersion = max(trust.MinVersion, tls.VersionTLS12)

	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Transport{
		DialContext:            dial(&net.Dialer{Timeout: cfg.Pool.DialTimeout, KeepAlive: 15 * time.Second}, guard),
		TLSClientConfig:        trust,
		TLSHandshakeTimeout:    cfg.Pool.DialTimeout,
		Protocols:              &protocols,
		DisableCompression:     true,
		MaxResponseHeaderBytes: cfg.MaxHeader,
		MaxConnsPerHost:        cfg.Pool.Max,
		MaxIdleConnsPerHost:    cfg.Pool.Idle,
		IdleConnTimeout:        cfg.Pool.IdleTimeout,
	}
}

func dial(d *net.Dialer, guard *SSRF) func(context.Context, string, string) (net.Conn, error) {
	connect := d.DialContext
	if guard != nil {
		connect = guard.dial(d)
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		raw, err := connect(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &conn{Conn: raw}, nil
	}
}

// exchange hands the request to the transport. What it returns has its body still on the wire.
func (o *operation) exchange(link) link {
	return func(c *call) (*http.Response, *fault) {
		if o.deps.Guard != nil {
			if err := o.deps.Guard.Check(c.out.URL); err != nil {
				return nil, &fault{reason: reasonBarred, kind: problem.Rejected, err: err}
			}
		}
		c.out.Body, c.body = c.body, nil // the transport closes it from here on
		resp, err := o.transport.RoundTrip(c.out)
		if err != nil {
			return nil, o.blame(c, err)
		}
		return resp, nil
	}
}

// conn counts the bytes that were given to the network, or are being given to it. HTTP/1.1 serves
// one request at a time on a connection, so those written since an attempt got it are the attempt's.
type conn struct {
	net.Conn
	written atomic.Int64
	barred  atomic.Bool
}

func (c *conn) Write(p []byte) (int, error) {
	if c.barred.Load() {
		return 0, errSecond
	}
	c.written.Add(int64(len(p))) // before: a write that hangs may have reached the peer
	n, err := c.Conn.Write(p)
	if n < len(p) {
		c.written.Add(int64(n - len(p)))
	}
	return n, err
}

// wire watches one attempt on the network. Its hooks run in the goroutine of RoundTrip.
type wire struct {
	once    bool
	asked   bool  // the request was found valid, a connection was asked for
	conn    *conn // the last one used
	before  int64 // what conn had written when the attempt got it
	earlier bool  // bytes were written to a connection before conn
	hooks   httptrace.ClientTrace
}

func (w *wire) trace() *httptrace.ClientTrace {
	w.hooks.GetConn = func(string) { w.asked = true }
	w.hooks.GotConn = w.got
	return &w.hooks
}

// got runs when the transport has a connection for the attempt. net/http repeats a request by
// itself where a kept connection turns out to be dead (Transport's documentation): any GET, and a
// POST whose headers hold an Idempotency-Key. For a Once call whose bytes may already have left, the
// second connection is barred from writing.
func (w *wire) got(info httptrace.GotConnInfo) {
	w.earlier = w.sent()
	w.conn = countingConn(info.Conn)
	if w.conn == nil { // not dialled by us: assume the worst
		w.earlier = true
		return
	}
	w.before = w.conn.written.Load()
	if w.once && w.earlier {
		w.conn.barred.Store(true)
	}
}

func (w *wire) connected() bool { return w.conn != nil || w.earlier }

// sent reports whether a byte of the request may have left.
func (w *wire) sent() bool {
	return w.earlier || w.conn != nil && w.conn.written.Load() > w.before
}

func countingConn(c net.Conn) *conn {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	counting, _ := c.(*conn)
	return counting
}
