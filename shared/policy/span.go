package policy

import (
	"net/http"
	"slices"

	"go.opentelemetry.io/otel/attribute"

	"puente/shared/telemetry"
)

// tell ends the request's span with what became of the request and what each policy decided; taken are the
// steps that it came to. Attributes are those of OpenTelemetry's conventions for HTTP servers, less what
// callers choose: path, query, host, addresses.
func (x *Exchange) tell(span telemetry.Span, taken []step) {
	if !span.Recording() {
		return
	}
	span.Set(
		attribute.String("http.request.method", knownMethod(x.Request.Method)), attribute.Int("http.response.status_code", x.Answer.Status),
		attribute.String("puente.outcome", x.outcome()))
	if op := x.Route.Operation; op != nil {
		span.Set(attribute.String("http.route", op.Path), attribute.String("puente.operation", op.ID))
	}
	if x.Client != nil {
		span.Set(attribute.String("puente.client", x.Client.ID))
	}
	if system, ok := x.Access.System(x.Principal.System); ok { // else it is what somebody wrote
		span.Set(attribute.String("puente.system", system.Name))
	}
	if x.limit != "" {
		span.Set(attribute.String("puente.limit", x.limit))
	}
	for i, step := range taken {
		if step.policy != "" && x.mode(step.policy) != Off {
			last := i == len(taken)-1
			span.Set(attribute.String("puente.policy."+step.policy, x.verdict(step.policy, last)))
		}
	}
	var failed error
	if x.Err != nil {
		span.Set(attribute.String("puente.code", codeOf(x.Err)), attribute.String("error.type", x.Err.Kind.String()))
		if x.Err.Kind.Outcome() == "server" {
			failed = x.Err
		}
	} else if x.retold != "" {
		span.Set(attribute.String("puente.code", x.retold))
	}
	span.End(failed)
}

// verdict is what a policy decided in the end: passed, or what is recorded of it. last: the chain ended with it.
func (x *Exchange) verdict(policy string, last bool) string {
	verdict := "passed"
	for _, d := range x.Record.Decisions {
		if d.Policy == policy {
			verdict = d.Verdict
		}
	}
	switch {
	case x.refusedBy == policy:
		return "refused"
	case last && x.Err != nil && verdict == "passed": // by no rule: what it asked was away, or it has a defect
		return "failed"
	}
	return verdict
}

// methods are those that have a meaning of their own.
var methods = []string{
	http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodConnect,
}

// knownMethod is a method as an attribute: any other is one that a caller thought of.
func knownMethod(method string) string {
	if slices.Contains(methods, method) {
		return method
	}
	return "_OTHER"
}
