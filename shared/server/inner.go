package server

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	oteltrace "go.opentelemetry.io/otel/trace"

	"puente/shared/access"
	"puente/shared/audit"
	"puente/shared/contract"
	"puente/shared/hop"
	"puente/shared/policy"
	"puente/shared/problem"
	"puente/shared/telemetry"
)

// withHopPolicies is what every hop goes through, typed or HTTP: recover, trace, metrics and
// audit, deadline, switch; in this order, so that a defect and a passed deadline are counted, too.
// received: the call is another process's, which has the begin of its request in a journal of its own;
// in this one only the hop's own begin tells what a killed process was at.
func withHopPolicies[In, Out any](env *Env, o *contract.Operation, received bool, serve func(context.Context, In) (Out, error)) func(context.Context, In) (Out, error) {
	layer, api, h := env.api.Contract.Layer, env.api.Contract.Name, env.host
	metrics, name, kind := h.metrics.Of(layer, api, o.ID), layer+"/"+api+"/"+o.ID, oteltrace.SpanKindInternal
	if received {
		kind = oteltrace.SpanKindServer
	}
	return func(ctx context.Context, in In) (out Out, err error) {
		record := audit.NewRecord(audit.Hop)
		record.Layer, record.API, record.Operation = layer, api, o.ID
		principal, parent := hop.PrincipalOf(ctx), telemetry.TraceOf(ctx)
		trace := parent.Child()
		describeHop(ctx, record, principal, trace)
		ctx, cancel := bounded(telemetry.WithTrace(ctx, trace), o.Deadline)
		defer cancel()
		span := h.tracer.Start(ctx, name, kind, parent)
		defer func() {
			if p := recover(); p != nil {
				err = problem.Errorf(problem.Internal, "panic: %v\n%s", p, debug.Stack())
			}
			err = problem.Leaving(ctx, err)
			h.concludeHop(ctx, record, metrics, trace, err, o)
			endHop(span, record, err)
		}()
		if err := policy.SwitchedOff(h.access.Snapshot(), access.Subject{API: api, Operation: o.ID, System: principal.System, Channel: principal.Channel}); err != nil {
			return out, err
		}
		if received {
			if err := h.audit.Begin(record); err != nil && o.AuditRequired {
				return out, &problem.Error{Kind: problem.Unavailable, RetryAfter: 5 * time.Second, Err: err}
			}
		}
		return serve(audit.WithRecord(ctx, record), in)
	}
}

// bounded bounds ctx by the contract's deadline, unless it ends before that anyway: a timer saved.
func bounded(ctx context.Context, deadline time.Duration) (context.Context, context.CancelFunc) {
	if end, ok := ctx.Deadline(); ok && time.Until(end) <= deadline {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, deadline)
}

// describeHop fills in who asks.
func describeHop(ctx context.Context, r *audit.Record, p hop.Principal, t telemetry.Trace) {
	r.Client, r.System, r.Channel = p.Client, p.System, p.Channel
	r.Correlation, r.Trace = telemetry.Correlation(ctx), t.String()
}

// concludeHop counts a hop, journals its record and logs what its error hides from callers.
func (h *host) concludeHop(ctx context.Context, r *audit.Record, m *policy.OperationMetrics, t telemetry.Trace, err error, o *contract.Operation) {
	r.Duration, r.Status, r.Outcome = time.Since(r.Started), o.Status, "ok"
	if e := problem.Of(err); e != nil {
		r.Status, r.Outcome, r.Code, r.Detail = e.Kind.Status(), e.Kind.Outcome(), e.Code, err.Error()
		if event := o.Event(e.Code); event != "" {
			r.Kind, r.Detail = audit.Security, event+": "+r.Detail
		}
		level := slog.LevelInfo
		switch {
		case r.Outcome == "server":
			level = slog.LevelError
		case r.Address != "": // not a call of ours, or not as we make them
			level = slog.LevelWarn
		}
		h.log.LogAttrs(ctx, level, "hop failed", slog.String("layer", r.Layer), slog.String("api", r.API),
			slog.String("operation", r.Operation), slog.String("outcome", r.Outcome), slog.String("error", r.Detail))
	}
	m.Observe(r.Status, r.Outcome, r.Duration, t)
	if err := h.audit.End(r); err != nil {
		h.log.ErrorContext(ctx, "audit record lost", "error", err)
	}
}

// endHop ends the span of a hop with what its record says.
func endHop(span telemetry.Span, r *audit.Record, err error) {
	if span.Recording() {
		span.Set(attribute.String("puente.outcome", r.Outcome))
		if r.Code != "" {
			span.Set(attribute.String("puente.code", r.Code))
		}
	}
	span.End(err)
}

// newRefusal begins the record of a call from address that did not become a hop: security wants to
// know who has no key of ours.
func newRefusal(err error, began time.Time, address string) *audit.Record {
	kind := audit.Hop
	if e := problem.Of(err); e.Kind == problem.Unauthenticated || e.Code == invalidEncryption {
		kind = audit.Security
	}
	r := audit.NewRecord(kind)
	r.Started = began
	r.Address, _, _ = net.SplitHostPort(address)
	return r
}

const invalidEncryption = "INVALID_ENCRYPTION"

// call is an HTTP hop as it was received.
type call struct {
	body        []byte
	kid         string // of the seal it came under
	nonce       string
	principal   hop.Principal
	correlation string
	trace       telemetry.Trace
	budget      time.Duration
}

// receive reads and verifies an HTTP hop: limits, service token, seal, contract. path gives a parameter of
// the path by its name.
func (h *host) receive(r *http.Request, path func(string) string, o *contract.Operation, layer string) (call, error) {
	in := call{correlation: r.Header.Get(hop.CorrelationHeader), budget: o.Deadline, trace: telemetry.NewTrace()}
	if trace, ok := telemetry.ParseTraceparent(r.Header.Get("Traceparent")); ok {
		in.trace = trace
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 2*o.MaxBody+1)) // a sealed body is larger than what it seals
	if err != nil {
		return in, problem.Errorf(problem.Invalid, "read body: %w", err)
	}
	if int64(len(body)) > 2*o.MaxBody {
		return in, problem.TooLarge
	}
	if _, in.nonce, in.principal, err = h.services.Caller(r.Header.Get("Authorization"), layer, r.Method+" "+r.URL.RequestURI(), body); err != nil {
		return in, err
	}
	if broken := o.Params.Read(path, r.URL.Query(), r.Header); len(broken) > 0 {
		return in, policy.ParamFault(broken, "")
	}
	if o.MediaType != "" && r.Header.Get("Content-Type") != o.MediaType {
		return in, problem.UnsupportedMedia
	}
	if o.MediaType == hop.JOSE {
		if body, in.kid, err = h.sealer.Decrypt(body); err != nil {
			return in, &problem.Error{Kind: problem.Invalid, Code: invalidEncryption, Detail: "The payload does not decrypt", Err: err}
		}
	}
	var broken []problem.Field
	if o.Body != nil {
		if body, broken = o.Body.Read(body, contract.Limits{}); len(broken) > 0 {
			return in, &problem.Error{Kind: problem.Invalid, Fields: broken}
		}
	}
	in.body = body
	if ms, err := strconv.ParseInt(r.Header.Get(hop.DeadlineHeader), 10, 64); err == nil && ms > 0 {
		in.budget = min(in.budget, time.Duration(ms)*time.Millisecond)
	}
	return in, nil
}

// context is what a received call runs in: all that crosses a hop, and nothing else.
func (in *call) context(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx = telemetry.WithIdentity(ctx, in.correlation, in.trace)
	return context.WithTimeout(hop.WithPrincipal(ctx, in.principal), in.budget)
}

// seal encrypts an answer under the key of its request.
func (h *host) seal(o *contract.Operation, kid string, body []byte) ([]byte, error) {
	if o.MediaType != hop.JOSE {
		return body, nil
	}
	sealed, err := h.sealer.EncryptFor(kid, body)
	if err != nil {
		return nil, problem.Errorf(problem.Internal, "seal answer: %w", err)
	}
	return sealed, nil
}
