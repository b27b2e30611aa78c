package httpclient

import (
	"bufio"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"golang.org/x/net/http/httpguts"
)

// pool holds the connections to systems: HTTP/1.1, each serving one trip at a time, without a
// goroutine of its own, without a proxy from the environment and without HTTP/2, whose one
// connection would hide from the bulkhead what is under way.
type pool struct {
	config    Pool // Max 0: any number
	maxHeader int64
	trust     *tls.Config
	connect   func(ctx context.Context, network, address string) (net.Conn, error)

	mu    sync.Mutex
	hosts map[origin]*host
	sweep *time.Timer // closes what was kept too long; nil: nothing is kept
}

// origin is where a URL leads, as it spells it.
type origin struct{ scheme, host string }

// host is what a pool has for one origin. It is forgotten with its last connection.
type host struct {
	origin
	idle    []*conn      // the one used last at the end, from where it is taken first
	open    int          // in use, idle, or being made
	waiting []chan *conn // each gets a connection, or nil: a place to make one
}

func newPool(cfg Pool, maxHeader int64, guard *SSRF, trust *tls.Config) *pool {
	if trust == nil {
		trust = &tls.Config{}
	}
	trust = trust.Clone()
	trust.MinVersion = max(trust.MinVersion, tls.VersionTLS12)
	trust.NextProtos = []string{"http/1.1"}
	dialer := &net.Dialer{Timeout: cfg.DialTimeout, KeepAlive: 15 * time.Second}
	p := &pool{config: cfg, maxHeader: maxHeader, trust: trust, connect: dialer.DialContext, hosts: make(map[origin]*host)}
	if guard != nil {
		p.connect = guard.dial(dialer)
	}
	return p
}

// take gives a connection to where u leads: the kept one that was used last and still lives, else a
// new one, once there is a place for it. A fresh one is new in any case; it may take the place of a
// kept one.
func (p *pool) take(ctx context.Context, u *url.URL, fresh bool) (*conn, error) {
	for {
		c, h, err := p.place(ctx, origin{u.Scheme, u.Host})
		switch {
		case err != nil:
			return nil, err
		case c == nil:
			return p.dial(ctx, u, h)
		case fresh:
			_ = c.Close() // its place is what is wanted
			return p.dial(ctx, u, h)
		case c.quiet():
			return c, nil
		}
		p.drop(c)
	}
}

// place gives a kept connection or, with nil, the right to make one, after a wait if need be.
func (p *pool) place(ctx context.Context, o origin) (*conn, *host, error) {
	p.mu.Lock()
	h := p.hosts[o]
	if h == nil {
		h = &host{origin: o}
		p.hosts[o] = h
	}
	if last := len(h.idle) - 1; last >= 0 {
		c := h.idle[last]
		h.idle[last] = nil
		h.idle = h.idle[:last]
		p.mu.Unlock()
		return c, h, nil
	}
	if p.config.Max <= 0 || h.open < p.config.Max {
		h.open++
		p.mu.Unlock()
		return nil, h, nil
	}
	turn := make(chan *conn, 1)
	h.waiting = append(h.waiting, turn)
	p.mu.Unlock()
	select {
	case c := <-turn:
		return c, h, nil
	case <-ctx.Done():
		p.desert(h, turn)
		return nil, nil, ctx.Err()
	}
}

// desert takes a waiter out of the queue; what it was given meanwhile goes to the next.
func (p *pool) desert(h *host, turn chan *conn) {
	p.mu.Lock()
	at := slices.Index(h.waiting, turn)
	if at >= 0 {
		h.waiting = slices.Delete(h.waiting, at, at+1)
	}
	p.mu.Unlock()
	if at >= 0 {
		return
	}
	if c := <-turn; c != nil {
		p.keep(c)
	} else {
		p.leave(h)
	}
}

// give passes c, or the place of a connection, to whoever waits longest. The lock is held.
func (h *host) give(c *conn) bool {
	if len(h.waiting) == 0 {
		return false
	}
	h.waiting[0] <- c
	h.waiting = slices.Delete(h.waiting, 0, 1)
	return true
}

// keep takes back a connection on which another request may be sent.
func (p *pool) keep(c *conn) {
	c.kept, c.since = true, time.Now()
	p.mu.Lock()
	given := c.host.give(c)
	spare := !given && len(c.host.idle) >= p.config.Idle
	if !given && !spare {
		c.host.idle = append(c.host.idle, c)
		if p.sweep == nil {
			p.sweep = time.AfterFunc(p.config.IdleTimeout, p.expire)
		}
	}
	p.mu.Unlock()
	if spare {
		p.drop(c)
	}
}

// drop closes a connection and makes its place free.
func (p *pool) drop(c *conn) {
	_ = c.tcp.Close() // not TLS's own Close, which says goodbye for up to 5 s to a peer that reads no more
	p.leave(c.host)
}

func (p *pool) leave(h *host) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h.give(nil) {
		return
	}
	if h.open--; h.open == 0 {
		delete(p.hosts, h.origin)
	}
}

// expire closes what was kept for too long, and comes back when the next will be.
func (p *pool) expire() {
	now := time.Now()
	old := p.unkeep(func(c *conn) bool { return now.Sub(c.since) >= p.config.IdleTimeout }, now)
	for _, c := range old {
		p.drop(c)
	}
}

// closeIdle closes the connections that no trip uses.
func (p *pool) closeIdle() {
	for _, c := range p.unkeep(func(*conn) bool { return true }, time.Now()) {
		p.drop(c)
	}
}

// unkeep takes out the kept connections that are out, and winds the sweep for those that stay.
func (p *pool) unkeep(out func(*conn) bool, now time.Time) (gone []*conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sweep != nil {
		p.sweep.Stop()
		p.sweep = nil
	}
	next := time.Duration(-1)
	for _, h := range p.hosts {
		n := 0 // those kept longest come first
		for n < len(h.idle) && out(h.idle[n]) {
			n++
		}
		gone = append(gone, h.idle[:n]...)
		h.idle = slices.Delete(h.idle, 0, n)
		if len(h.idle) > 0 {
			if left := h.idle[0].since.Add(p.config.IdleTimeout).Sub(now); next < 0 || left < next {
				next = max(left, 0)
			}
		}
	}
	if next >= 0 {
		p.sweep = time.AfterFunc(next, p.expire)
	}
	return gone
}

// dial makes a connection in the place that the caller holds.
func (p *pool) dial(ctx context.Context, u *url.URL, h *host) (_ *conn, err error) {
	defer func() {
		if err != nil {
			p.leave(h)
		}
	}()
	name, err := httpguts.PunycodeHostPort(u.Hostname())
	if err != nil {
		return nil, &requestError{err}
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	raw, err := p.connect(ctx, "tcp", net.JoinHostPort(name, port))
	if err != nil {
		return nil, err
	}
	c := newConn(raw, h)
	if u.Scheme == "https" {
		if err := c.secure(ctx, p, name); err != nil {
			_ = raw.Close()
			return nil, err
		}
	}
	c.in = bufio.NewReader(c)
	return c, nil
}

// secure puts TLS on the connection.
func (c *conn) secure(ctx context.Context, p *pool, name string) error {
	ctx, cancel := context.WithTimeout(ctx, p.config.DialTimeout)
	defer cancel()
	trust := p.trust
	if trust.ServerName == "" {
		trust = trust.Clone()
		trust.ServerName = name
	}
	secured := tls.Client(c.Conn, trust)
	if err := secured.HandshakeContext(ctx); err != nil {
		return err
	}
	state := secured.ConnectionState()
	c.Conn, c.secured = secured, &state
	return nil
}

// Direct is a way to services of our own: the connections of this package without the rules of its
// chain. A request takes no longer than timeout, its answer's body included, which is still on the
// wire when RoundTrip returns.
type Direct struct {
	pool    *pool
	timeout time.Duration
}

// NewDirect makes a Direct. Members of cfg that are zero take the defaults of Pool, but that any
// number of connections may be open where Max is 0.
func NewDirect(cfg Pool, timeout time.Duration) *Direct {
	defaults := Config{Pool: cfg}.withDefaults()
	defaults.Pool.Max = cfg.Max
	return &Direct{newPool(defaults.Pool, defaults.MaxHeader, nil, nil), timeout}
}

// RoundTrip sends r. GET and HEAD alone may be sent twice, where a kept connection proves dead.
func (d *Direct) RoundTrip(r *http.Request) (*http.Response, error) {
	t := &term{Context: r.Context(), deadline: time.Now().Add(d.timeout)}
	defer t.end()
	return d.pool.send(&trip{
		req: r, header: r.Header, body: r.Body,
		ctx: t, leaves: r.Context(), deadline: t.deadline,
		twice: r.Method == http.MethodGet || r.Method == http.MethodHead,
	})
}

// CloseIdleConnections closes the connections that no request uses.
func (d *Direct) CloseIdleConnections() { d.pool.closeIdle() }
