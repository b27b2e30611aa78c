package httpclient

import (
	"errors"
	"maps"
	"net/http"

	"puente/shared/problem"
	"puente/shared/telemetry"
)

// Values of headers, made once. Nothing changes them.
var (
	identity  = []string{"identity"}
	userAgent = []string{"puente"}
)

// credentials completes the headers: our wish for an unencoded answer, correlation and trace, and
// last what the system authenticates us by.
func (o *operation) credentials(next link) link {
	return func(c *call) (*http.Response, *fault) {
		header := maps.Clone(c.req.Header) // the lists of values are shared: they are replaced, never changed
		if header == nil {
			header = make(http.Header, 4)
		}
		c.out.Header = header
		header["Accept-Encoding"] = identity
		if _, set := header["User-Agent"]; !set {
			header["User-Agent"] = userAgent
		}
		if id := telemetry.Correlation(c.ctx); id != "" && header.Get(correlationHeader) == "" {
			header[correlationHeader] = []string{id}
		}
		if o.deps.Propagate != nil {
			o.deps.Propagate(c.ctx, header)
		}
		if o.deps.Credentials != nil {
			address := *c.out.URL // some systems want them in the query
			c.out.URL = &address
			if err := o.deps.Credentials(c.out); err != nil {
				return nil, &fault{reason: reasonAuth, kind: authKind(err), err: errors.New(err.Error())} // not wrapped: its kind must not show through
			}
		}
		return next(c)
	}
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
