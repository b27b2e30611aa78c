package httpclient

import (
	"errors"
	"fmt"
	"net/url"
	"time"
)

// Config is section http of a system's configuration. Zero members take the default named here.
type Config struct {
	URL            string        `yaml:"url"`            // base URL of the system; empty where URLs come from outside
	Timeout        time.Duration `yaml:"timeout"`        // of the whole call with its retries; 10s
	AttemptTimeout time.Duration `yaml:"attemptTimeout"` // of one attempt; what is left of Timeout
	Retries        int           `yaml:"retries"`        // of Safe calls, beside the first attempt; none
	MaxResponse    int64         `yaml:"maxResponse"`    // bytes of a body; 4 MiB
	MaxHeader      int64         `yaml:"maxHeader"`      // bytes of an answer's status line and headers; 64 KiB
	Untraced       bool          `yaml:"untraced"`       // it gets no traceparent; its calls have spans all the same
	StatusAlone    bool          `yaml:"-"`              // other answers than 2xx count by their status: where the body cannot be read, they come without
	Bulkhead       Bulkhead      `yaml:"bulkhead"`
	Breaker        Breaker       `yaml:"breaker"`
	Pool           Pool          `yaml:"pool"`
}

// Bulkhead bounds the calls to one target that are under way at once.
type Bulkhead struct {
	Max  int           `yaml:"max"`  // 64
	Wait time.Duration `yaml:"wait"` // for a place; 100ms
}

// Breaker says when calls to a target stop for a while. It opens on any of three: the ratio of
// failures in the rolling window, the ratio of slow calls in it, or a run of failures, which
// catches a dead system that is called too rarely to fill a window.
type Breaker struct {
	Off          bool          `yaml:"off"`          // for a Client that serves many hosts
	Window       time.Duration `yaml:"window"`       // 10s
	MinCalls     int           `yaml:"minCalls"`     // counted calls before a ratio means anything; 10
	FailureRatio float64       `yaml:"failureRatio"` // 0.5
	Consecutive  int           `yaml:"consecutive"`  // failures in a row; 20
	SlowCall     time.Duration `yaml:"slowCall"`     // 0.8 of an attempt's timeout
	SlowRatio    float64       `yaml:"slowRatio"`    // 0.8
	OpenFor      time.Duration `yaml:"openFor"`      // 5s
	Probes       int           `yaml:"probes"`       // half-open: under way at once, and to succeed before it closes; 3, which is also the most
}

// Pool sizes the connections to one host.
type Pool struct {
	Max         int           `yaml:"max"`         // Bulkhead.Max
	Idle        int           `yaml:"idle"`        // kept open for later; Max
	IdleTimeout time.Duration `yaml:"idleTimeout"` // shorter than the system's, or a call meets a closing connection; 30s
	DialTimeout time.Duration `yaml:"dialTimeout"` // TCP, and again TLS; 2s
}

const (
	defaultMaxResponse = 4 << 20
	maxProbes          = 3
)

func (c Config) withDefaults() Config {
	or(&c.Timeout, 10*time.Second)
	if c.AttemptTimeout <= 0 || c.AttemptTimeout > c.Timeout {
		c.AttemptTimeout = c.Timeout
	}
	or(&c.MaxResponse, defaultMaxResponse)
	or(&c.MaxHeader, 64<<10)
	or(&c.Bulkhead.Max, 64)
	or(&c.Bulkhead.Wait, 100*time.Millisecond)
	or(&c.Breaker.Window, 10*time.Second)
	or(&c.Breaker.MinCalls, 10)
	or(&c.Breaker.FailureRatio, 0.5)
	or(&c.Breaker.Consecutive, 20)
	or(&c.Breaker.SlowCall, c.AttemptTimeout*8/10)
	or(&c.Breaker.SlowRatio, 0.8)
	or(&c.Breaker.OpenFor, 5*time.Second)
	or(&c.Breaker.Probes, maxProbes)
	or(&c.Pool.Max, c.Bulkhead.Max)
	or(&c.Pool.Idle, c.Pool.Max)
	or(&c.Pool.IdleTimeout, 30*time.Second)
	or(&c.Pool.DialTimeout, 2*time.Second)
	return c
}

func or[T int | int64 | float64 | time.Duration](member *T, value T) {
	if *member <= 0 {
		*member = value
	}
}

// Validate joins all that is wrong with c. An empty URL is not: a system's own section says whether
// it needs one.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	if c.URL != "" {
		errs = append(errs, validateURL(c.URL))
	}
	for name, d := range map[string]time.Duration{
		"timeout": c.Timeout, "attemptTimeout": c.AttemptTimeout, "bulkhead.wait": c.Bulkhead.Wait,
		"breaker.window": c.Breaker.Window, "breaker.slowCall": c.Breaker.SlowCall, "breaker.openFor": c.Breaker.OpenFor,
		"pool.idleTimeout": c.Pool.IdleTimeout, "pool.dialTimeout": c.Pool.DialTimeout,
	} {
		check(d >= 0, "%s must not be negative", name)
	}
	for name, n := range map[string]int64{
		"retries": int64(c.Retries), "maxResponse": c.MaxResponse, "maxHeader": c.MaxHeader,
		"bulkhead.max": int64(c.Bulkhead.Max), "breaker.minCalls": int64(c.Breaker.MinCalls),
		"breaker.consecutive": int64(c.Breaker.Consecutive), "pool.max": int64(c.Pool.Max), "pool.idle": int64(c.Pool.Idle),
	} {
		check(n >= 0, "%s must not be negative", name)
	}
	for name, r := range map[string]float64{"breaker.failureRatio": c.Breaker.FailureRatio, "breaker.slowRatio": c.Breaker.SlowRatio} {
		check(r >= 0 && r <= 1, "%s must lie between 0 and 1", name)
	}
	check(c.Timeout == 0 || c.AttemptTimeout <= c.Timeout, "attemptTimeout must not exceed timeout")
	check(c.Pool.Max == 0 || c.Pool.Max >= c.Bulkhead.Max, "pool.max must not be less than bulkhead.max: a wait for our own connections would count as the system's")
	check(c.Retries <= 5, "retries must not exceed 5")
	check(c.Breaker.Probes >= 0 && c.Breaker.Probes <= maxProbes, "breaker.probes must lie between 1 and %d", maxProbes)
	return errors.Join(errs...)
}

func validateURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return errors.New("url cannot be parsed") // the parser's text would repeat it, with a password perhaps
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return errors.New("url must begin with http:// or https:// and a host")
	case u.User != nil, u.RawQuery != "", u.Fragment != "":
		return errors.New("url must hold neither user, query nor fragment")
	}
	return nil
}
