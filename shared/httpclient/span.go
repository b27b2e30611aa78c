package httpclient

import (
	"cmp"
	"errors"
	"net/http"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"puente/shared/telemetry"
)

// trace gives the call its place in the trace of its caller, and a span where that is sampled. Of the
// attributes of OpenTelemetry's conventions for HTTP clients url.full is left out: paths and queries may
// hold personal data. Attempts and refusals are events: who reads the trace sees when, and why it took so
// long.
func (o *operation) trace(next link) link {
	return func(c *call) (*http.Response, *fault) {
		parent := telemetry.TraceOf(c.ctx)
		if !parent.Sampled && o.deps.Propagate == nil { // nobody needs its place
			return next(c)
		}
		c.place = parent.Child()
		if !c.place.Sampled {
			return next(c)
		}
		method := cmp.Or(c.req.Method, http.MethodGet)
		c.span = o.deps.Tracer.Start(telemetry.WithTrace(c.ctx, c.place), method+" "+o.target+"/"+o.name, trace.SpanKindClient, parent)
		resp, f := next(c)
		if c.span.Recording() {
			c.span.Set(attribute.String("http.request.method", method), attribute.String("server.address", c.req.URL.Hostname()),
				attribute.String("puente.target", o.target), attribute.String("puente.operation", o.name))
			if port, err := strconv.Atoi(c.req.URL.Port()); err == nil {
				c.span.Set(attribute.Int("server.port", port))
			}
			c.span.Set(append(fate(resp, f), resends(c.attempts)...)...)
			c.span.End(failure(resp, f))
		}
		return resp, f
	}
}

// fate is how an attempt or a call ended.
func fate(resp *http.Response, f *fault) []attribute.KeyValue {
	if f != nil {
		return []attribute.KeyValue{attribute.String("error.type", f.reason)}
	}
	attributes := []attribute.KeyValue{attribute.Int("http.response.status_code", resp.StatusCode)}
	if resp.StatusCode >= 400 {
		attributes = append(attributes, attribute.String("error.type", strconv.Itoa(resp.StatusCode)))
	}
	return attributes
}

// resends says how many attempts there were beside the first.
func resends(attempts int) []attribute.KeyValue {
	if attempts < 2 {
		return nil
	}
	return []attribute.KeyValue{attribute.Int("http.request.resend_count", attempts-1)}
}

var errStatus = errors.New("an error by its status")

// failure is the error of a span, as the conventions have it: for a client 4xx is one, too.
func failure(resp *http.Response, f *fault) error {
	if f != nil {
		return f.err
	}
	if resp.StatusCode >= 400 {
		return errStatus
	}
	return nil
}
