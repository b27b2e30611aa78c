package telemetry

import (
	"crypto/rand"
	"encoding/hex"
)

// Trace is the position of a request in its trace: W3C Trace Context, level 1.
type Trace struct {
	ID      [16]byte
	Span    [8]byte
	Sampled bool
}

// NewTrace begins a trace. It is not sampled: who wants samples decides so at the root.
func NewTrace() Trace {
	var t Trace
	_, _ = rand.Read(t.ID[:])
	_, _ = rand.Read(t.Span[:])
	return t
}

// Child is a new span of the same trace, or of a new one where t is no trace.
func (t Trace) Child() Trace {
	if t.IsZero() {
		return NewTrace()
	}
	_, _ = rand.Read(t.Span[:])
	return t
}

// IsZero reports whether t is no trace.
func (t Trace) IsZero() bool { return t.ID == [16]byte{} }

// String is the trace ID as 32 hexadecimal digits, or "" where there is no trace.
func (t Trace) String() string {
	if t.IsZero() {
		return ""
	}
	var text [2 * len(t.ID)]byte
	hex.Encode(text[:], t.ID[:])
	return string(text[:])
}

// Traceparent is t as the header of that name (W3C Trace Context §3.2), or "" where there is no trace.
func (t Trace) Traceparent() string {
	if t.IsZero() {
		return ""
	}
	var text [55]byte
	b := append(text[:0], "00-"...)
	b = hex.AppendEncode(b, t.ID[:])
	b = append(b, '-')
	b = hex.AppendEncode(b, t.Span[:])
	if t.Sampled {
		return string(append(b, "-01"...))
	}
	return string(append(b, "-00"...))
}

// ParseTraceparent reads a traceparent header. What is not valid (§3.2.2) is no trace: the caller
// begins a new one.
func ParseTraceparent(header string) (Trace, bool) {
	var t Trace
	var version, flags [1]byte
	if len(header) < 55 || header[2] != '-' || header[35] != '-' || header[52] != '-' {
		return Trace{}, false
	}
	ok := lowerHex(version[:], header[:2]) && lowerHex(t.ID[:], header[3:35]) && lowerHex(t.Span[:], header[36:52]) && lowerHex(flags[:], header[53:55])
	if !ok || version[0] == 0xff || t.IsZero() || t.Span == [8]byte{} {
		return Trace{}, false
	}
	if len(header) > 55 && (version[0] == 0 || header[55] != '-') { // later versions may append fields
		return Trace{}, false
	}
	t.Sampled = flags[0]&1 == 1
	return t, true
}

// lowerHex decodes s into dst; capitals are not allowed (§3.2.2.1).
func lowerHex(dst []byte, s string) bool {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'F' {
			return false
		}
	}
	_, err := hex.Decode(dst, []byte(s))
	return err == nil
}
