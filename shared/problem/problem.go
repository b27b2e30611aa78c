// Package problem is the one error that crosses layers, and the way to write it and read it back.
//
// A system API returns it, a process API maps it, the public edge renders it in the dialect of the
// API that was called (see Dialect). Between layers it travels as RFC 9457 problem+json with the
// members kind, code, fields, retryAfter and trail beside the standard ones.
package problem

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Error is what a caller can act on. Kind decides the status, Code is the contract's, Detail is
// safe to show, Err is logged and never sent.
type Error struct {
	Kind       Kind
	Code       string        // the contract's code, e.g. INVALID_FIELD; empty: the dialect's default for Kind
	Detail     string        // safe to show to any caller: never a host, a query, a value of a person
	Fields     []Field       // of Invalid and Rejected: which parts of the request broke which rule
	RetryAfter time.Duration // of Quota, Shed and Unavailable: when another try makes sense
	Trail      []Cause       // the layers below, outermost first
	Err        error         // for the log
}

// Field names a part of the request and the rule it broke; it never holds the value.
type Field struct {
	Path string `json:"path"` // as the caller wrote it: order.flow, query.page, header.X-Channel
	Rule string `json:"rule"` // for people: "is required", "must match ^3[0-9]{9}$"

	// For dialects; they cross no hop.
	Breach Breach `json:"-"`
	Member string `json:"-"` // Path as the contract spells it; empty: as Path does
}

// Proper is f's path as the contract spells it.
func (f Field) Proper() string { return cmp.Or(f.Member, f.Path) }

// Breach says how a part of a request breaks its rule, where that makes a difference to a dialect.
type Breach uint8

// The breaches.
const (
	Wrong      Breach = iota // it is there, and not as it should be
	Missing                  // it is required, and absent, null or empty
	Unreadable               // nothing after it could be read, or in one way only: no JSON, a name twice, beyond a limit
)

func (f Field) String() string { return f.Path + " " + f.Rule }

// Cause is a layer that an error went through on its way up.
type Cause struct {
	Origin  string `json:"origin"`  // the API or system: salesorder, botservice
	Message string `json:"message"` // technical, from an allow-list
}

// Error is the log's view: kind, code, detail and the hidden causes.
func (e *Error) Error() string {
	s := e.Kind.String()
	if e.Code != "" {
		s += " " + e.Code
	}
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	for i, f := range e.Fields {
		if i == 0 {
			s += ": " + f.String()
		} else {
			s += "; " + f.String()
		}
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the hidden cause to errors.Is and errors.As.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is the Kind of e.
func (e *Error) Is(target error) bool {
	k, ok := target.(Kind)
	return ok && k == e.Kind
}

// Errorf makes an Error whose hidden cause is the formatted message; the caller sees only kind.
func Errorf(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Err: fmt.Errorf(format, args...)}
}

// Of returns the *Error in err's chain, or one of the Kind that is in it. An error that holds neither
// is Internal; a passed deadline, or a caller that went away, is Timeout. It returns nil for nil.
func Of(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	if k, ok := err.(Kind); ok {
		return &Error{Kind: k}
	}
	var k Kind
	if errors.As(err, &k) {
		return &Error{Kind: k, Err: err}
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return &Error{Kind: Timeout, Err: err}
	}
	return &Error{Kind: Internal, Err: err}
}

// Leaving is err as it counts where ctx is the request's. A Timeout is the caller's own, Abandoned, where
// it went away: ctx was cancelled while there was time left. What a call gives up just before its deadline
// is a Timeout, for between processes the far side may hear of the one before its own clock says so.
func Leaving(ctx context.Context, err error) error {
	if ctx.Err() != context.Canceled || Of(err) == nil || Of(err).Kind != Timeout {
		return err
	}
	if end, ok := ctx.Deadline(); ok && time.Until(end) < nearly {
		return err
	}
	left := *Of(err)
	left.Kind = Abandoned
	return &left
}

// nearly is how far the clocks of two layers may be apart in what they think is left.
const nearly = 50 * time.Millisecond

// Cross is err as the layer above sees it: without what only the log may know, and with origin,
// the API that returned it, put first in the trail.
func Cross(err error, origin string) *Error {
	e := *Of(err)
	e.Err = nil
	e.RetryAfter = wholeMilliseconds(e.RetryAfter)
	e.Fields = slices.Clone(e.Fields)
	for i := range e.Fields {
		e.Fields[i].Breach, e.Fields[i].Member = Wrong, ""
	}
	e.Trail = append([]Cause{{Origin: origin, Message: e.Kind.message()}}, e.Trail...)
	return &e
}

// message is what a trail says of a kind.
func (k Kind) message() string {
	switch k {
	case Invalid, Rejected, MethodNotAllowed, TooLarge, TargetTooLong, HeadersTooLarge, UnsupportedMedia:
		return "the request was refused"
	case Unauthenticated, Forbidden:
		return "access was denied"
	case NotFound:
		return "nothing was found"
	case Conflict:
		return "the state does not allow it"
	case Abandoned:
		return "the caller went away"
	case Quota, Shed:
		return "a limit was reached"
	case Unavailable:
		return "the dependency is not available"
	case BadUpstream:
		return "the dependency answered with an error"
	case Timeout:
		return "the deadline passed"
	case Unknown:
		return "the outcome is not known yet"
	default:
		return "an internal error occurred"
	}
}

// Caused appends to e's trail the third-party system that gave rise to it, with the kind's
// allow-listed message, and returns e.
func (e *Error) Caused(system string) *Error {
	e.Trail = append(e.Trail, Cause{Origin: system, Message: e.Kind.message()})
	return e
}
