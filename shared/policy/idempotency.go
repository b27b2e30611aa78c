package policy

import (
	"cmp"
	"context"
	"maps"
	"time"

	"puente/shared/contract"
	"puente/shared/idempotency"
	"puente/shared/problem"
)

// once keeps the first answer under the request's key and replays it. The key is the
// Idempotency-Key header, else client, system and correlation where the contract says so. It costs
// two durable writes, each grouped with those of other requests.
func (e *Edge) once(x *Exchange) {
	if err := e.begin(x); err != nil {
		x.Refuse(err)
		return
	}
	if x.mode(Idempotency) == Off {
		x.next()
		return
	}
	key := x.Request.Header.Get("Idempotency-Key")
	if key == "" && x.Route.Operation.Idempotency == contract.IdempotencyCorrelation {
		key = x.correlation
	}
	if key == "" || !wellFormed(key) {
		x.refusedBy = Idempotency
		x.Refuse(&problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: "header.Idempotency-Key", Rule: "is required, 1 to 128 visible ASCII characters"}}})
		return
	}
	deadline, _ := x.ctx.Deadline()
	outcome, err := e.Answers.Begin(x.Context(), idempotency.Claim{
		Scope: x.Principal.Scoped(x.Route.API, x.Route.Operation.ID),
		Key:   key, Path: x.Request.URL.Path, Body: x.Body, Deadline: deadline,
	})
	if err == nil {
		err = repeated(outcome.State)
	}
	if err != nil {
		x.refusedBy = Idempotency
		x.Refuse(err)
		return
	}
	if outcome.State == idempotency.Replayed {
		x.Answer.Status, x.Answer.Body, x.retold = outcome.Answer.Status, outcome.Answer.Body, outcome.Answer.Refusal
		maps.Copy(x.Answer.Header, outcome.Answer.Header)
		x.SetHeader("Idempotent-Replayed", "true")
		x.decide(Idempotency, "replayed", "")
		return
	}
	if outcome.State == idempotency.Resumed {
		x.decide(Idempotency, "resumed", "")
	}
	x.next()
	e.keep(x, outcome)
}

// repeated is the refusal of a key that is in use.
func repeated(state idempotency.State) error {
	switch state {
	case idempotency.Running:
		return &problem.Error{Kind: problem.Conflict, Code: "REQUEST_IN_PROGRESS", RetryAfter: time.Second,
			Detail: "A request with the same correlation is still running"}
	case idempotency.Reused:
		return &problem.Error{Kind: problem.Rejected, Code: "CORRELATION_REUSED",
			Detail: "The correlation was used with another body"}
	}
	return nil
}

// keep stores what was answered, so that the same request has the same answer. An answer that
// says nothing definite is not kept: where nothing was done, or the caller is told to come again,
// the key is free again; where something may have been done it stays taken until its deadline, and
// the next request asks for the outcome.
func (e *Edge) keep(x *Exchange, outcome idempotency.Outcome) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(x.Context()), Reserve)
	defer cancel()
	var err error
	switch kind := kindOf(x); {
	case x.Err == nil:
		err = e.Answers.Finish(ctx, outcome.Ticket, idempotency.Answer{Status: x.Answer.Status, Header: x.Answer.Header, Body: x.Answer.Body})
	case kind == problem.Unavailable || kind == problem.Quota || kind == problem.Shed || kind == problem.Conflict && x.Err.RetryAfter > 0:
		err = e.Answers.Release(ctx, outcome.Ticket)
	case kind == problem.Conflict || kind == problem.Rejected || kind == problem.Invalid || kind == problem.NotFound || kind == problem.Forbidden:
		x.render()
		err = e.Answers.Finish(ctx, outcome.Ticket, idempotency.Answer{Status: x.Answer.Status, Header: x.Answer.Header, Body: x.Answer.Body, Refusal: codeOf(x.Err)})
	}
	if err != nil {
		// The effect is done and guarded by the system's own record; only its replay is lost.
		x.decide(Idempotency, "answer_not_kept", "")
		e.Log.ErrorContext(ctx, "answer not kept for replay", "error", err)
	}
}

// codeOf is what a refusal is counted and found by.
func codeOf(e *problem.Error) string { return cmp.Or(e.Code, e.Kind.String()) }

func kindOf(x *Exchange) problem.Kind {
	if x.Err == nil {
		return problem.Internal
	}
	return x.Err.Kind
}
