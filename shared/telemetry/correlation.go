package telemetry

import "context"

// identity is what every line, span and call out of a request is marked with. Both halves lie in
// one value of the context: they change together, and a context is made for every hop.
type identity struct {
	correlation string
	trace       Trace
}

// marked is a context with an identity: one allocation, where context.WithValue takes two.
type marked struct {
	context.Context
	identity
}

type identityKey struct{}

// Value implements context.Context.
func (c *marked) Value(key any) any {
	if key == (identityKey{}) {
		return &c.identity
	}
	return c.Context.Value(key)
}

func identityOf(ctx context.Context) identity {
	if id, ok := ctx.Value(identityKey{}).(*identity); ok {
		return *id
	}
	return identity{}
}

// WithIdentity returns a context that carries the correlation ID of a request and its place in its
// trace.
func WithIdentity(ctx context.Context, correlation string, t Trace) context.Context {
	return &marked{ctx, identity{correlation, t}}
}

// WithCorrelation returns a context that carries the correlation ID of the request.
func WithCorrelation(ctx context.Context, id string) context.Context {
	return WithIdentity(ctx, id, identityOf(ctx).trace)
}

// Correlation is the correlation ID of the request that ctx belongs to, or "".
func Correlation(ctx context.Context) string { return identityOf(ctx).correlation }

// WithTrace returns a context that carries t.
func WithTrace(ctx context.Context, t Trace) context.Context {
	return WithIdentity(ctx, identityOf(ctx).correlation, t)
}

// TraceOf is the trace that ctx carries; the zero Trace where there is none.
func TraceOf(ctx context.Context) Trace { return identityOf(ctx).trace }
