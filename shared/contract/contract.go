// Package contract reads the OpenAPI 3.0.3 documents in contracts/ and turns each operation into what
// the platform does with it at run time: checks of body, path, query and headers, masks for personal
// data, the deadline, the scopes. kin-openapi reads and validates the documents and is the oracle of
// the checks; nothing of it runs while a request is served.
//
// A document says what the platform needs beyond OpenAPI in extensions:
//
//	x-category       info       the catalogue's business category
//	x-sla            doc, op    {deadline: 5s, availability: 99.9}, one of both levels must have each
//	x-idempotency    doc, op    none (default) | key | correlation
//	x-origin         doc, op    required (default): the client speaks for a registered system | optional: one that is bound
//	                            to none and names none is let pass, as partners are; what it does name still counts
//	x-audit          doc, op    optional (default) | required: refuse rather than serve unaudited
//	x-errors         doc, op    [CODE, …] the operation may answer; a code of the contract's own explains itself:
//	                            {code, status, meaning, acts: caller|operator|nobody, retry: 'no'|later|with a new correlation},
//	                            and, where security wants to know of it, event: what it calls it
//	x-max-body       doc, op    bytes, default 1 MiB
//	x-subjects       doc, op    [{name, member, requests, window}, …] limits by what the body names, unless the configuration has others
//	                            without member by the caller's address, of IPv6 by its network of 64 bits
//	x-fold-names     op         true: names of query parameters match without regard to case
//	x-plain          op         true: is served over plain HTTP, too, on a listener of its own (only of open operations that are read)
//	x-deprecation    op         {since: '2025-08-04', successor: /path} of an operation that is deprecated: true
//	x-pii            schema     mask | mask-document | hash | drop, for logs and audit; on an object also keep-unknown
//	x-audit-key      schema     true: a string or number by which audit records are found, masked as x-pii says
//	x-fold-names     schema     true: member names of this object and below match without ASCII case
//	x-aliases        property   [name, …] other names of the member; the canonical body has its own
//	x-digits         schema     true: of an integer, which may also come as a string of digits and is then a number in the
//	                            canonical body, or of a string, which may also come as a whole number and is then a string
//	                            there; sign, fraction and exponent are refused in both
//	x-envelope       schema     true: this request body, or this alternative of one, is the envelope around the API's own
//	x-fault          schema     true: this alternative of an answer is how errors look; the answer's check is the other's
//
// What of a request breaks its contract is told in one order, that of the document: see Check.Read.
//
// Whatever else stands in a document, an extension or a schema keyword that the check would have to
// ignore, is refused by Load with the JSON pointer of the place.
package contract

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"puente/shared/problem"
)

// Document is one API's contract, loaded and compiled. It is not changed after Load.
type Document struct {
	Title, Version, Category string
	Operations               []*Operation // by path, then method
	OpenAPI                  *openapi3.T  // as kin-openapi reads it, without servers
}

// Operation finds an operation by its operationId; nil if the document has none of that name.
func (d *Document) Operation(id string) *Operation {
	for _, op := range d.Operations {
		if op.ID == id {
			return op
		}
	}
	return nil
}

// Operation is one operation of a document.
type Operation struct {
	ID, Method string
	Path       string // as OpenAPI writes it: /services/{connection}
	Status     int    // its one 2xx; of one that only redirects, its first 3xx

	Deadline     time.Duration
	Availability float64 // percent

	Scheme string   // the security scheme that guards it; empty if Public
	Scopes []string // what a token must hold
	Public bool     // the document says so: security: []

	Idempotency    string // none, key or correlation
	OriginOptional bool   // a client that is bound to no system need not name one
	AuditRequired  bool
	Codes          []string        // the error codes it may answer, those of the document first
	Errors         []problem.Entry // those of Codes that the contract explains

	MediaType    string   // of the request: that of Body if there are several; empty without a body
	MediaTypes   []string // all of them, MediaType first
	BodyRequired bool
	MaxBody      int64 // bytes

	FoldQuery bool // names of query parameters match without regard to case: see Params.Respell
	Plain     bool // it is served over plain HTTP, too

	Subjects    []SubjectLimit // limits by what the body names, and by address, unless the configuration has others
	Deprecation *Deprecation   // nil: it is not deprecated

	Envelope         bool // the body may come in the envelope; Body checks what is inside
	EnvelopeRequired bool // it must

	Form bool // Body is that of a form, as ReadForm makes JSON of it

	Body    *Check         // nil unless the request has a JSON body or is a form
	Params  *Params        // never nil
	Answers map[int]*Check // the JSON answers by status, but for those that only errors have; 0 is the document's default answer
}

// SubjectLimit limits calls that name the same business subject, such as a phone, or come from the same
// address.
type SubjectLimit struct {
	Name     string        `yaml:"name"`   // shown in headers and metrics
	Member   string        `yaml:"member"` // of the body: a top-level member, or a path of members with dots; empty: the caller's address
	Requests int           `yaml:"requests"`
	Window   time.Duration `yaml:"window"`
}

// Outermost is the top-level member that Member begins with.
func (l SubjectLimit) Outermost() string {
	name, _, _ := strings.Cut(l.Member, ".")
	return name
}

// Deprecation is what callers of a deprecated operation are told with every answer.
type Deprecation struct {
	Since     time.Time
	Successor string // path of what takes its place; empty: nothing does
}

// Date is the field Deprecation (RFC 9745).
func (d *Deprecation) Date() string { return "@" + strconv.FormatInt(d.Since.Unix(), 10) }

// Link is the field Link with the successor (RFC 5829, RFC 8288); empty: there is none.
func (d *Deprecation) Link() string {
	if d.Successor == "" {
		return ""
	}
	return "<" + d.Successor + `>; rel="successor-version"`
}

// The values of x-idempotency.
const (
	IdempotencyNone        = "none"
	IdempotencyKey         = "key"
	IdempotencyCorrelation = "correlation"
)

// Event is what security calls an answer of this code; empty: nothing.
func (o *Operation) Event(code string) string {
	for _, e := range o.Errors {
		if e.Code == code {
			return e.Event
		}
	}
	return ""
}

// Load reads a document, validates it with its examples and compiles it. The error joins everything
// that the document lacks, each with the JSON pointer of the place.
func Load(spec []byte) (*Document, error) {
	t, err := openapi3.NewLoader().LoadFromData(spec)
	if err != nil {
		return nil, fmt.Errorf("contract: %w", err)
	}
	if !t.IsOpenAPI30() {
		return nil, fmt.Errorf("contract: openapi %q: only 3.0 is supported", t.OpenAPI)
	}
	clearServers(t)
	if err := t.Validate(context.Background(), openapi3.EnableSchemaFormatValidation(), openapi3.EnableMultiError()); err != nil {
		return nil, fmt.Errorf("contract: %w", err)
	}
	places, err := orderOf(spec)
	if err != nil {
		return nil, fmt.Errorf("contract: %w", err)
	}
	r := reading{doc: t, compiler: newCompiler(places)}
	d := r.document()
	if err := errors.Join(append(r.errs, r.compiler.errs...)...); err != nil {
		return nil, fmt.Errorf("contract: %w", err)
	}
	return d, nil
}

// clearServers removes what would bind the document to a host or a prefix: where an API listens is
// configuration.
func clearServers(t *openapi3.T) {
	t.Servers = nil
	for _, item := range t.Paths.Map() {
		item.Servers = nil
		for _, op := range item.Operations() {
			op.Servers = nil
		}
	}
}
