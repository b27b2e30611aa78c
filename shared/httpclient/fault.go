package httpclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"puente/shared/problem"
)

// The reasons a call fails for, as metrics, logs and Observation name them.
const (
	reasonTimeout   = "timeout"   // the attempt's time or the call's passed
	reasonCancelled = "cancelled" // the caller went away
	reasonConnect   = "connect"   // no connection: refused, unreachable, unresolved, no TLS
	reasonBroken    = "broken"    // reset, cut off, or not HTTP
	reasonLimit     = "limit"     // an answer larger than allowed, or encoded against our wish
	reasonOpen      = "open"      // the circuit breaker is open
	reasonFull      = "full"      // the bulkhead is full
	reasonBarred    = "barred"    // the SSRF guard
	reasonAuth      = "auth"      // no credentials to be had
	reasonRequest   = "request"   // the request itself cannot be sent
)

// fault is an attempt that brought no answer.
type fault struct {
	reason     string
	kind       problem.Kind
	err        error
	retryAfter time.Duration
	sent       bool // the request, or a part of it, may have reached the system
	counts     bool // against the system, in its breaker
	again      bool // another attempt may fare better
}

// cause is the hidden cause of the errors of this package, for Unsent.
type cause struct {
	reason string
	unsent bool
	err    error
}

func (c *cause) Error() string { return c.reason + ": " + c.err.Error() }
func (c *cause) Unwrap() error { return c.err }

func (f *fault) problem(target string, sent bool) error {
	e := &problem.Error{Kind: f.kind, RetryAfter: f.retryAfter, Err: &cause{f.reason, !sent, f.err}}
	return e.Caused(target)
}

// Unsent reports that err is of this package and that the system certainly saw no byte of the
// request: the connection or its TLS was refused, the breaker open, the bulkhead full, or the time
// over before the first write. Any other error of a Once call leaves its outcome unknown.
func Unsent(err error) bool {
	var c *cause
	return errors.As(err, &c) && c.unsent
}

var errMalformed = errors.New("the connection broke or the answer is not HTTP")

// blame says what went wrong in an attempt, from err, the transport's or that of reading the body.
func (o *operation) blame(c *call, err error) *fault {
	f := &fault{reason: reasonBroken, kind: problem.BadUpstream, sent: c.trip.stage == sent, counts: true, again: true, err: err}
	ended := c.term.Err()
	var barred *barredError
	var ours *requestError
	switch {
	case errors.As(err, &barred):
		f.reason, f.kind, f.counts, f.again = reasonBarred, problem.Rejected, false, false
	case errors.Is(ended, context.Canceled): // never of a Once call, whose term ignores it
		f.reason, f.kind, f.counts, f.again = reasonCancelled, problem.Timeout, false, false
		f.err = context.Canceled
	case ended != nil, c.trip.stage > connecting && errors.Is(err, os.ErrDeadlineExceeded):
		f.reason, f.kind = reasonTimeout, problem.Timeout
		f.err = context.DeadlineExceeded
		// A caller that came with little time left says nothing of the system.
		f.counts = time.Since(c.began) >= o.config.AttemptTimeout/2
	case errors.As(err, &ours):
		f.reason, f.kind, f.counts, f.again = reasonRequest, problem.Internal, false, false
	case c.trip.stage == connecting:
		f.reason, f.kind = reasonConnect, problem.Unavailable
		f.retryAfter = time.Second
	case errors.Is(err, errTooLarge): // the headers; answerLimit sees to the body
		f.reason, f.again = reasonLimit, false
	case !tellable(err):
		f.err = errMalformed
	}
	return f
}

// tellable reports whether the text of err is free of what the system sent. net/http quotes a
// malformed answer in its errors, and an answer may hold personal data.
func tellable(err error) bool {
	var (
		network     net.Error
		errno       syscall.Errno
		certificate *tls.CertificateVerificationError
		authority   x509.UnknownAuthorityError
	)
	return errors.As(err, &network) || errors.As(err, &errno) || errors.As(err, &certificate) || errors.As(err, &authority) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
