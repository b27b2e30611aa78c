package problem

import (
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// A Dialect renders errors the way the callers of an API know them.
type Dialect interface {
	Render(e *Error, at Occurrence) Answer
}

// Occurrence is what a dialect may say of the request besides its error.
type Occurrence struct {
	Incident    string // the reference under which log and audit hold the details
	System      string // as the caller named itself; empty where the body was not read
	Correlation string
	Read        bool   // whether the body was read: enveloped dialects answer in their envelope only then
	Policy      string // that refused
	Operation   string // of the contract; empty where the request matches none
	Language    string // the request's Accept-Language
	Manner      string // how the client wants to be answered, as the API's own verifier said of its token
	Now         time.Time

	// Of enveloped dialects.
	Instance         string           // opaque label of this replica
	ProcessingServer *string          // as the caller sent it
	Property         []jsontext.Value // likewise
	// Text is what the typologies say of a code, and false for one that the API does not have; nil
	// where the API has none.
	Text func(code string) (Text, bool)
}

// Policies whose refusals enveloped dialects have codes for.
const (
	ByOrigin      = "origin"
	BySwitch      = "switch"
	ByIdempotency = "idempotency"
)

// Answer is a rendered error. Header holds Content-Type and what the error asks for; nobody
// changes it afterwards.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte

	Recorded []byte // what the audit keeps in place of Body; nil: Body, which holds nothing personal
}

// Details renders RFC 9457 problem+json: for requests that no contract covers.
var Details Dialect = details{}

type details struct{}

func (details) Render(e *Error, at Occurrence) Answer {
	shown := *e
	shown.Trail = nil
	if shown.Detail == "" && e.Kind.Status() >= http.StatusInternalServerError {
		shown.Detail = "incident " + at.Incident
	}
	return Answer{Status: e.Kind.Status(), Header: Header(e, MediaType), Body: Marshal(&shown)}
}

// Header is what every dialect sends: the media type, and Retry-After where e says when.
func Header(e *Error, mediaType string) http.Header {
	h := http.Header{"Content-Type": {mediaType}}
	if e.RetryAfter > 0 {
		h.Set("Retry-After", RetryAfterHeader(e.RetryAfter))
	} else if e.Kind == Shed || e.Kind == Unavailable || e.Kind == Quota {
		h.Set("Retry-After", "1")
	}
	return h
}

// explanation is what e says of itself for technical readers: its fields, else its detail, else otherwise;
// with the incident where the log knows more.
func explanation(e *Error, otherwise string, at Occurrence) string {
	text := otherwise
	if e.Detail != "" {
		text = e.Detail
	}
	if len(e.Fields) > 0 {
		rules := make([]string, len(e.Fields))
		for i, f := range e.Fields {
			rules[i] = f.String()
		}
		text = strings.Join(rules, "; ")
	}
	if e.Kind.Status() >= http.StatusInternalServerError || e.Kind == Conflict || len(e.Trail) > 0 {
		text += " (incident " + at.Incident + ")"
	}
	return text
}
