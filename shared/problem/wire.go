package problem

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// MediaType is that of RFC 9457 §3.
const MediaType = "application/problem+json"

// wire is an Error as it crosses processes: RFC 9457 §3.1 with the extension members of §3.2.
type wire struct {
	Type       string  `json:"type"`
	Title      string  `json:"title"`
	Status     int     `json:"status"`
	Detail     string  `json:"detail,omitempty"`
	Kind       string  `json:"kind"`
	Code       string  `json:"code,omitempty"`
	Fields     []Field `json:"fields,omitempty"`
	RetryAfter int     `json:"retryAfterMs,omitempty"`
	Trail      []Cause `json:"trail,omitempty"`
}

// Marshal is e as RFC 9457 problem+json, without its hidden cause.
func Marshal(e *Error) []byte {
	b, err := json.Marshal(wire{
		Type: "about:blank", Title: title(e.Kind.Status()), Status: e.Kind.Status(),
		Detail: e.Detail, Kind: e.Kind.String(), Code: e.Code, Fields: e.Fields,
		RetryAfter: int(wholeMilliseconds(e.RetryAfter) / time.Millisecond), Trail: e.Trail,
	})
	if err != nil { // strings and numbers only: cannot happen
		panic(err)
	}
	return b
}

// title is a status in words.
func title(status int) string {
	if status == StatusAbandoned {
		return "Client Closed Request"
	}
	return http.StatusText(status)
}

// Unmarshal reads back what Marshal wrote. A body it does not understand is a BadUpstream that
// names only the status.
func Unmarshal(status int, body []byte) *Error {
	var w wire
	if err := json.Unmarshal(body, &w); err != nil || w.Kind == "" {
		return Errorf(BadUpstream, "status %d without a problem document", status)
	}
	return &Error{
		Kind: KindOf(w.Kind), Code: w.Code, Detail: w.Detail, Fields: w.Fields,
		RetryAfter: time.Duration(w.RetryAfter) * time.Millisecond, Trail: w.Trail,
	}
}

// wholeMilliseconds is d as it travels, rounded up: an error says the same after a typed hop and after
// one by HTTP.
func wholeMilliseconds(d time.Duration) time.Duration {
	if whole := d.Truncate(time.Millisecond); whole < d {
		return whole + time.Millisecond
	}
	return d
}

// RetryAfterHeader is d as the value of a Retry-After header: whole seconds, rounded up, at least 1.
func RetryAfterHeader(d time.Duration) string {
	return strconv.FormatInt(max(1, int64((d+time.Second-1)/time.Second)), 10)
}
