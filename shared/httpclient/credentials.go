package httpclient

import (
	"errors"
	"maps"
	"net/http"

	"puente/shared/config"
	"puente/shared/problem"
	"puente/shared/telemetry"
)

// Values of headers, made once. Nothing changes them.
var (
	identity  = []string{"identity"}
	userAgent = []string{"puente"}
)

// Bearer is the credentials of a system that knows us by one token; nil, which is none, without it.
func Bearer(token config.Secret) func(*http.Request) error {
	if token.IsZero() {
		return nil
	}
	return func(r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+token.Reveal())
		return nil
	}
}

// credentials completes the headers: our wish for an unencoded answer, correlation and trace, and
// last what the system authenticates us by.
func (o *operation) credentials(next link) link {
	return func(c *call) (*http.Response, *fault) {
		if c.header == nil {
			c.header = o.header(c)
		}
		c.trip.header = c.header // attempts share it: the transport only reads it
		if o.deps.Credentials != nil {
			out := c.req.WithContext(&c.term)
			out.Header = c.header
			if o.repeats() {
				out.Header = maps.Clone(c.header)
			}
			address := *out.URL // some systems want them in the query
			out.URL = &address
			if err := o.deps.Credentials(out); err != nil {
				return nil, &fault{reason: reasonAuth, kind: authKind(err), err: errors.New(err.Error())} // not wrapped: its kind must not show through
			}
			c.trip.req, c.trip.header = out, out.Header
		}
		return next(c)
	}
}

// header is what every attempt of c begins with. The lists of values are shared with the caller's
// header: they are replaced, never changed.
func (o *operation) header(c *call) http.Header {
	header := maps.Clone(c.req.Header)
	if header == nil {
		header = make(http.Header, 4)
	}
	header["Accept-Encoding"] = identity
	if _, set := header["User-Agent"]; !set {
		header["User-Agent"] = userAgent
	}
	if o.deps.Propagate != nil {
		told := c.place
		if o.config.Untraced {
			told = telemetry.Trace{}
		}
		o.deps.Propagate(c.ctx, told, header)
	}
	if header.Get(correlationHeader) == "" {
		if id := telemetry.Correlation(c.ctx); id != "" {
			header[correlationHeader] = []string{id}
		}
	}
	return header
}

const correlationHeader = "X-Correlation-Id" // canonical form of X-Correlation-ID

// authKind: without credentials of ours the fault is ours or our provider's, never the caller's.
func authKind(err error) problem.Kind {
	switch kind := problem.Of(err).Kind; kind {
	case problem.Unavailable, problem.Timeout:
		return kind
	default:
		return problem.BadUpstream
	}
}
