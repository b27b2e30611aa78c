package telemetry

import "context"

type correlationKey struct{}

// WithCorrelation returns a context that carries the correlation ID of the request.
func WithCorrelation(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, correlationKey{}, id)
}

// Correlation is the correlation ID of the request that ctx belongs to, or "".
func Correlation(ctx context.Context) string {
	id, _ := ctx.Value(correlationKey{}).(string)
	return id
}
