package hop

import (
	"context"
	"strconv"

	"puente/shared/telemetry"
)

// Principal is on whose behalf a request is served: established once, at the public edge.
type Principal struct {
	Client  string `json:"client,omitempty"`  // the OAuth client_id
	System  string `json:"system,omitempty"`  // as registered: TIENDA
	Channel string `json:"channel,omitempty"` // of the system
}

// Scoped is what parts name for p's client and system: no other principal, and no other parts,
// make the same text.
func (p Principal) Scoped(parts ...string) string {
	var room [256]byte // most texts fit
	b := appendPart(appendPart(room[:0], p.Client), p.System)
	for _, part := range parts {
		b = appendPart(b, part)
	}
	return string(b)
}

func appendPart(b []byte, part string) []byte {
	return append(append(strconv.AppendInt(b, int64(len(part)), 10), ':'), part...)
}

// represented is a context with a principal: one allocation, where context.WithValue takes two.
type represented struct {
	context.Context
	principal Principal
}

type principalKey struct{}

// Value implements context.Context.
func (c *represented) Value(key any) any {
	if key == (principalKey{}) {
		return &c.principal
	}
	return c.Context.Value(key)
}

// WithPrincipal returns a context that carries p.
func WithPrincipal(ctx context.Context, p Principal) context.Context {
	return &represented{ctx, p}
}

// PrincipalOf is the principal that ctx carries; the zero Principal where there is none.
func PrincipalOf(ctx context.Context) Principal {
	if p, ok := ctx.Value(principalKey{}).(*Principal); ok {
		return *p
	}
	return Principal{}
}

// crossing is a context on the far side of a typed hop. It ends when the caller's does, and
// carries what an HTTP hop would have carried.
type crossing struct {
	context.Context                 // of the caller: deadline and end
	carried         context.Context // correlation, trace and principal
}

// cross strips ctx of all that does not cross layers.
func cross(ctx context.Context) context.Context {
	carried := telemetry.WithIdentity(context.Background(), telemetry.Correlation(ctx), telemetry.TraceOf(ctx))
	return crossing{ctx, WithPrincipal(carried, PrincipalOf(ctx))}
}

// Value hides the caller's values. Keys of type *int are those the context package uses to find
// the next cancellable parent; hidden, every derived context would cost a goroutine.
func (c crossing) Value(key any) any {
	if _, ok := key.(*int); ok {
		return c.Context.Value(key)
	}
	return c.carried.Value(key)
}
