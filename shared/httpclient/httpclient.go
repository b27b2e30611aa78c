// Package httpclient is the way out: every call to a system that is not ours goes through one chain
// of rules, so that a slow, dead or hostile system costs its callers a bounded time, a bounded
// memory and a bounded number of connections, and a charge is never sent twice.
//
// The chain reads the answer's body before it returns. A body that is cut off, too long, compressed
// against our wish or dripping past the deadline is therefore an error of the call, seen by the
// retry, the breaker and the metrics like any other, and a connection is back in the pool before
// the caller decodes. What it costs is memory: at most Config.MaxResponse for each place in the
// bulkhead.
package httpclient

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/telemetry"
)

// Mode says how often a call may reach its system. It is also the class of operations that share a
// circuit breaker: what reads from a system and what changes it fail apart.
type Mode uint8

const (
	// Safe calls may be repeated: reads, and writes under a key that the system honours. They end
	// when their caller goes away.
	Safe Mode = iota
	// Once calls reach the system at most once. A caller that goes away does not cancel one that is
	// under way; the deadline does. See Unsent for what an error of theirs means.
	Once
	modes
)

// String is the mode as the class label of metrics: safe or once.
func (m Mode) String() string {
	if m == Once {
		return "once"
	}
	return "safe"
}

// Deps is what a Client uses of its surroundings. Every member may be left out.
type Deps struct {
	API         string                             // label api of the metrics; empty: the target
	Registerer  prometheus.Registerer              // nil: the metrics are exported nowhere
	Logger      *slog.Logger                       // nil: nothing is logged
	Observe     func(context.Context, Observation) // sees each call once, when it is over
	Credentials func(*http.Request) error          // adds what the system authenticates us by, to each attempt
	Tracer      *telemetry.Tracer                  // nil: calls have no spans

	// Propagate adds correlation and trace context, once to each call. call is its place in the trace of its
	// caller; the zero Trace where the system is to get none.
	Propagate func(ctx context.Context, call telemetry.Trace, h http.Header)

	Guard *SSRF       // for URLs that come from outside
	TLS   *tls.Config // cloned; TLS 1.2 at least, whatever it says
}

// Observation is a call that is over.
type Observation struct {
	Target    string
	Operation string
	Status    int    // 0 where no answer came
	Error     string // a reason from a fixed set: timeout, cancelled, connect, broken, limit, open, full, …
	Duration  time.Duration
	Attempts  int  // that left the chain; 0: refused before
	Unsent    bool // see Unsent
}

// Client holds what all calls to one target share: pool, bulkhead, breakers, retry budget, metrics.
type Client struct {
	target      string
	config      Config
	deps        Deps
	log         *slog.Logger
	metrics     *metrics
	transport   transport
	bulkhead    *bulkhead
	breakers    [modes]*breaker
	budget      *budget
	closeUnused func()
}

// New makes the way out to target, a name for metrics, logs and trails, never an address. Members
// of cfg that are zero take their defaults; cfg was validated where it was read.
func New(target string, cfg Config, d Deps) *Client {
	cfg = cfg.withDefaults()
	if d.API == "" {
		d.API = target
	}
	log := d.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	connections := newPool(cfg.Pool, cfg.MaxHeader, d.Guard, d.TLS)
	c := &Client{
		target: target, config: cfg, deps: d,
		log:         log.With(slog.String("target", target)),
		metrics:     newMetrics(d.Registerer, d.API, target),
		transport:   connections,
		budget:      newBudget(),
		closeUnused: connections.closeIdle,
	}
	c.bulkhead = newBulkhead(cfg.Bulkhead, c.metrics.inUse)
	c.metrics.places.Set(float64(cfg.Bulkhead.Max))
	for mode := range modes {
		c.breakers[mode] = newBreaker(cfg.Breaker, c.breakerChanged(mode))
	}
	return c
}

// As is the client with a certificate of its own: what it calls knows it by that. It shares all with c but the
// connections, so that none is used under another name.
func (c *Client) As(certificate tls.Certificate) *Client {
	own := *c
	trust := &tls.Config{}
	if c.deps.TLS != nil {
		trust = c.deps.TLS.Clone()
	}
	trust.Certificates = []tls.Certificate{certificate}
	own.deps.TLS = trust
	connections := newPool(c.config.Pool, c.config.MaxHeader, c.deps.Guard, trust)
	own.transport, own.closeUnused = connections, connections.closeIdle
	return &own
}

// URL is the configured base URL, without a slash at its end.
func (c *Client) URL() string { return strings.TrimRight(c.config.URL, "/") }

// Close closes the connections that no call uses.
func (c *Client) Close() { c.closeUnused() }

// Operation is the way to one operation of the target, by its name in the system's documentation
// (a constant: it becomes a log attribute, never a path). Make it once and keep it. The errors of
// its RoundTrip are *problem.Error; answers of every status come back as responses, their bodies
// already in memory (see StatusError and ReadAll).
func (c *Client) Operation(name string, mode Mode) http.RoundTripper {
	o := &operation{Client: c, name: name, mode: mode, breaker: c.breakers[mode]}
	o.send = chain(
		o.trace,          //  1. outermost: its span is of the whole call, and of one that is refused, too
		o.totalDeadline,  //  2. neither a wait nor a retry below outlives it
		o.retry,          //  3. repeats all that follows, so that each attempt is admitted, counted and logged by itself
		o.circuitBreaker, //  4. sees each attempt; before the bulkhead, whose places are for calls with a chance
		o.compartment,    //  5. bulkhead; outside the attempt's timeout, for waiting here is not the system's slowness
		o.attemptTimeout, //  6. from here on the time is the system's
		o.observe,        //  7. log line and metrics of what was really tried
		o.credentials,    //  8. late: a token is fetched only for a call that leaves, and nothing above can log it
		o.answerLimit,    //  9. reads the answer into bounded memory: all above see a complete answer or an error
		o.exchange,       // 10. the network: sized pool, no proxy, no redirects, knows whether a byte was sent
	)
	return o
}

// HTTPClient is rt for code that wants an *http.Client: it follows no redirect, and has no timeout
// of its own since the chain has one. Mind that its errors are *url.Error, whose text holds the
// URL with its query: pass them through problem.Of before they are logged.
func HTTPClient(rt http.RoundTripper) *http.Client {
	return &http.Client{
		Transport:     rt,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// ReadAll returns the body of a response. That of an operation of this package is handed out as it
// lies in memory, without a copy; the caller must not change it while others read it. A body of
// other origin is read up to the default limit.
func ReadAll(resp *http.Response) ([]byte, error) {
	defer func() { _ = resp.Body.Close() }() // nothing was written
	if a, ok := resp.Body.(*answer); ok {
		return a.rest(), nil
	}
	return readBounded(resp.Body, resp.ContentLength, defaultMaxResponse)
}

var _ io.ReadCloser = (*answer)(nil)
