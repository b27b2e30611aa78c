// Package fault is how the systems of the sandbox misbehave: late, never, halfway, or with garbage.
//
// A Fault describes the misbehaviour of an operation, and Serve answers one request with it. The
// host applies those that were posted to /_sandbox/faults; a system applies those of its magic
// inputs. Whether the work behind the request is done is part of the fault (see Kind), for that is
// what a caller has to find out afterwards.
package fault

import (
	"encoding/json"
	"net/http"
	"time"
)

// Kind is what goes wrong.
type Kind string

// The kinds, and in brackets whether the work is done. Member commit of a fault overrides that
// where the kind has a choice.
const (
	Delay           Kind = "delay"             // answers after delay [done, unless the caller left meanwhile]
	LateCommit      Kind = "late_commit"       // works after delay, even for a caller who has left [done, late]
	Hang            Kind = "hang"              // accepts and never answers [not done]
	HangAfterCommit Kind = "hang_after_commit" // does the work and never answers [done]
	Status          Kind = "status"            // answers status, body and headers [not done]
	Garbage         Kind = "garbage"           // answers 200 with an HTML page [not done]
	Reset           Kind = "reset"             // half of the answer, then a TCP RST [done]
	Truncate        Kind = "truncate"          // half of the announced length, then an orderly end [done]
	Drip            Kind = "drip"              // the answer at one byte per period, 1 s by default [done]
	Flap            Kind = "flap"              // down and up: by period, or fail calls of each of [done only when up]
	Stale           Kind = "stale"             // answers as if it kept the connection, and closes it [done]
	HalfClose       Kind = "half_close"        // ends its side of the connection and never answers [not done]
	GzipBomb        Kind = "gzip_bomb"         // 419 MB of zeros in 0.4 MB of gzip [not done]
	HeaderBomb      Kind = "header_bomb"       // 10 MB of header fields [not done]
)

// Fault is one misbehaviour of one operation, as POST /_sandbox/faults takes it.
type Fault struct {
	System      string            `json:"system"`
	Operation   string            `json:"operation,omitempty"` // empty: every operation of the system
	Kind        Kind              `json:"fault"`
	Delay       time.Duration     `json:"delay,omitempty"`       // before anything else; of every kind
	Status      int               `json:"status,omitempty"`      // of status; of flap when down (503)
	Body        string            `json:"body,omitempty"`        // of status, flap and garbage
	Headers     map[string]string `json:"headers,omitempty"`     // of status and flap, e.g. Retry-After, Location
	Period      time.Duration     `json:"period,omitempty"`      // of flap: so long down, so long up; of drip: from byte to byte
	Fail        int               `json:"fail,omitempty"`        // of flap without period: so many calls fail (5) …
	Of          int               `json:"of,omitempty"`          // … of each so many (6)
	Times       int               `json:"times,omitempty"`       // strikes so often, then no more; 0: until cleared
	Probability float64           `json:"probability,omitempty"` // of striking, above 0 to 1; 0: always
	Commit      *bool             `json:"commit,omitempty"`      // whether the work is done first; nil: as the kind says
}

// traits is what a kind does by default and which optional members it heeds beside delay, times and
// probability, which are everyone's.
type traits struct {
	commits bool
	members []string
}

var kinds = map[Kind]traits{
	Delay:           {commits: true},
	LateCommit:      {commits: true},
	Hang:            {members: []string{"commit"}},
	HangAfterCommit: {commits: true},
	Status:          {members: []string{"status", "body", "headers", "commit"}},
	Garbage:         {members: []string{"body", "commit"}},
	Reset:           {commits: true, members: []string{"commit"}},
	Truncate:        {commits: true, members: []string{"commit"}},
	Drip:            {commits: true, members: []string{"period"}},
	Flap:            {members: []string{"status", "body", "headers", "period", "fail", "of"}},
	Stale:           {commits: true},
	HalfClose:       {members: []string{"commit"}},
	GzipBomb:        {members: []string{"commit"}},
	HeaderBomb:      {members: []string{"commit"}},
}

// commits reports whether the system does its work under f.
func (f Fault) commits() bool {
	if f.Commit != nil {
		return *f.Commit
	}
	return kinds[f.Kind].commits
}

// Strikes reports whether f hits the call of number calls, counted from 0, that arrives elapsed
// after f was set. strikes is how often it has hit so far, random a number from 0 to 1.
func (f Fault) Strikes(elapsed time.Duration, calls, strikes int, random float64) bool {
	if f.Times > 0 && strikes >= f.Times {
		return false
	}
	if f.Kind == Flap && !f.down(elapsed, calls) {
		return false
	}
	return f.Probability == 0 || random < f.Probability
}

// down reports whether a flapping system is in its bad phase; it begins with one.
func (f Fault) down(elapsed time.Duration, calls int) bool {
	if f.Period > 0 {
		return (elapsed/f.Period)%2 == 0
	}
	fail, of := f.Fail, f.Of
	if of == 0 {
		fail, of = 5, 6
	}
	return calls%of < fail
}

// MarshalJSON writes durations as Parse reads them: "2s".
func (f Fault) MarshalJSON() ([]byte, error) {
	type plain Fault
	return json.Marshal(struct {
		plain
		Delay  string `json:"delay,omitempty"`
		Period string `json:"period,omitempty"`
	}{plain(f), text(f.Delay), text(f.Period)})
}

func text(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

// status is the HTTP status of an answer that f makes up.
func (f Fault) status() int {
	switch {
	case f.Status != 0:
		return f.Status
	case f.Kind == Flap:
		return http.StatusServiceUnavailable
	default:
		return http.StatusOK
	}
}
