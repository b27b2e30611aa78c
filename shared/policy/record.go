package policy

import (
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"puente/shared/audit"
	"puente/shared/contract"
	"puente/shared/hop"
	"puente/shared/problem"
)

// record writes the audit record's end before the answer's last byte. Its cost is one write to
// the journal, and masking both bodies. The record's begin is written by begin, once nothing but
// the API itself can refuse.
func (e *Edge) record(x *Exchange) {
	x.Record = audit.NewRecord("request")
	room := bodies.Get().(*[]byte)
	x.masked = (*room)[:0]
	x.changed()
	x.Record.Layer, x.Record.API, x.Record.Method = x.Route.layer(), x.Route.API, x.Request.Method
	x.peer = clientAddress(x.Request, x.Settings.trusted) // refused requests have one, too
	x.Address = x.peer.String()
	if x.Route.Operation != nil {
		x.Record.Operation = x.Route.Operation.ID
	}
	e.guarded(x)
	if x.Err != nil {
		x.render()
		e.logCause(x)
	}
	x.SetHeader(hop.CorrelationHeader, x.correlation)
	e.conclude(x)
	if err := e.Audit.End(x.Record); err != nil {
		e.Log.ErrorContext(x.Context(), "audit record lost", "error", err)
	}
	x.Record.Request, x.Record.Response = nil, nil // they are journalled: their room is free
	if cap(x.masked) <= keptBodies {
		*room = x.masked
		bodies.Put(room)
	}
	x.write()
	e.sample(x)
}

// bodies is where records have their masked bodies until they are journalled.
var bodies = sync.Pool{New: func() any { return new([]byte) }}

const keptBodies = 64 << 10

// mask masks a body for the record.
func (x *Exchange) mask(check *contract.Check, body []byte, with contract.Masking) []byte {
	at := len(x.masked)
	x.masked = check.Mask(x.masked, body, with)
	return x.masked[at:len(x.masked):len(x.masked)]
}

// guarded runs the rest of the chain; a panic in it is an Internal error.
func (e *Edge) guarded(x *Exchange) {
	defer func() {
		if p := recover(); p != nil {
			x.Err = problem.Errorf(problem.Internal, "panic: %v\n%s", p, debug.Stack())
		}
	}()
	x.next()
	if x.Err == nil && x.Answer.Status == 0 {
		x.Err = problem.Errorf(problem.Internal, "the chain ended without an answer")
	}
}

// begin writes the record's begin: before the first effect and the first call out.
func (e *Edge) begin(x *Exchange) error {
	e.describe(x)
	if e.Audit.Full() && x.Route.Operation.AuditRequired {
		return &problem.Error{Kind: problem.Unavailable, RetryAfter: 5 * time.Second, Err: fmt.Errorf("the audit journal is full")}
	}
	if err := e.Audit.Begin(x.Record); err != nil && x.Route.Operation.AuditRequired {
		return &problem.Error{Kind: problem.Unavailable, RetryAfter: 5 * time.Second, Err: fmt.Errorf("audit: %w", err)}
	}
	return nil
}

// describe fills in what is known of who asks for what.
func (e *Edge) describe(x *Exchange) {
	r := x.Record
	r.Client, r.System, r.Channel, r.Address = x.Principal.Client, x.Principal.System, x.Principal.Channel, x.Address
	r.Correlation, r.Trace = x.correlation, x.traceID
	if op := x.Route.Operation; op != nil && op.Body != nil && x.Body != nil && r.Request == nil {
		r.Request = x.mask(op.Body, x.Body, e.maskingFor(r))
	}
}

// maskingFor is how bodies are masked whose x-audit-key values r is to be found by.
func (e *Edge) maskingFor(r *audit.Record) contract.Masking {
	m := e.masking
	if r.Keys == nil {
		r.Keys = make([]audit.KeyValue, 0, 4)
	}
	m.Key = func(name, value string) {
		key := audit.KeyValue{Key: name, Value: value}
		if !slices.Contains(r.Keys, key) {
			r.Keys = append(r.Keys, key)
		}
	}
	return m
}

// conclude fills in the outcome.
func (e *Edge) conclude(x *Exchange) {
	e.describe(x)
	r := x.Record
	r.Duration, r.Status, r.Outcome = time.Since(r.Started), x.Answer.Status, x.outcome()
	if x.Err != nil {
		r.Code, r.Detail = x.Err.Code, x.Err.Error()
		if r.Code == "" {
			r.Code = x.Err.Kind.String()
		}
		if r.Response = x.Answer.Body; x.Answer.Recorded != nil {
			r.Response = x.Answer.Recorded
		} else if x.Route.Raw && !x.answersJSON() { // a page
			r.Response = nil
		}
	} else if check := x.recorded(); check != nil {
		r.Code = x.retold
		r.Response = x.mask(check, x.Answer.Body, e.maskingFor(r))
	}
	if event := x.security(); event != "" {
		r.Kind, r.Detail = "security", event+": "+r.Detail
	}
}

// outcome is what the request counts as: ok, client, quota, shed or server.
func (x *Exchange) outcome() string {
	switch {
	case x.Err != nil:
		return x.Err.Kind.Outcome()
	case x.retold != "" || x.Answer.Status >= 400: // told again; only refusals that the caller gave rise to are kept
		return problem.Invalid.Outcome()
	}
	return "ok"
}

// security names the security event that a refusal is, or nothing.
func (x *Exchange) security() string {
	if x.Err == nil || x.Err.Kind.Outcome() == "server" { // our own trouble says nothing about the caller
		return ""
	}
	switch x.refusedBy {
	case "": // the API itself: who calls back proves who it is to nobody else
		if x.Route.Class == "webhook" && x.Err.Kind == problem.Forbidden {
			return "forged webhook"
		}
	case Token, Client:
		return "authentication refused"
	case Address, Origin:
		return "origin refused"
	case ClientLimit, Limits:
		return "limit hit"
	case Idempotency:
		if x.Err.Kind == problem.Rejected {
			return "correlation reused with another body"
		}
	}
	return ""
}

func (x *Exchange) decide(policy, verdict, detail string) {
	x.Record.Decisions = append(x.Record.Decisions, audit.Decision{Policy: policy, Verdict: verdict, Detail: detail})
}

// logCause logs what the answer hides. What the caller did wrong is not worth a line of its own.
func (e *Edge) logCause(x *Exchange) {
	if x.Err.Kind.Outcome() == "server" {
		e.Log.ErrorContext(x.Context(), "request failed", "incident", x.Record.ID, "error", x.Err.Error())
	}
}
