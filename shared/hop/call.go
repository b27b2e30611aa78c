package hop

import (
	"context"
	"fmt"
	"sync"

	"puente/shared/problem"
)

// Dialer finds out how an API is reached from where it is asked. *server.Env is one.
type Dialer interface {
	Peer(*Contract) Peer
}

// Peer is an API as its caller reaches it: the typed operations of this process, or an address.
type Peer struct {
	contract *Contract
	registry *Registry // typed hop
	verify   bool      // typed hop that proves it could have been an HTTP hop
	remote   *Remote   // HTTP hop
}

// Local is an API whose operations this process provides. With verify each value goes through
// JSON and back and is compared and checked against the contract.
func Local(c *Contract, r *Registry, verify bool) Peer {
	return Peer{contract: c, registry: r, verify: verify}
}

// Away is an API in another process.
func Away(c *Contract, remote *Remote) Peer { return Peer{contract: c, remote: remote} }

// Call calls op of the API behind p. Its error is a *problem.Error whose trail begins with the API.
func Call[In, Out any](ctx context.Context, p Peer, op Operation[In, Out], in In) (Out, error) {
	if p.remote != nil {
		return callRemote(ctx, p.remote, op, in)
	}
	serve, err := lookup(p.registry, op)
	if err != nil {
		var none Out
		return none, err
	}
	if p.verify {
		return callVerified(ctx, serve, op, in)
	}
	out, err := serve(cross(ctx), in)
	if err != nil {
		return out, problem.Cross(err, op.Contract.Name)
	}
	return out, nil
}

// Registry holds the operations that this process provides to typed hops.
type Registry struct {
	mu       sync.RWMutex
	provided map[key]any // func(context.Context, In) (Out, error)
}

type key struct{ layer, api, operation string }

// NewRegistry makes an empty registry.
func NewRegistry() *Registry { return &Registry{provided: make(map[key]any)} }

// Provide offers serve as op to the typed hops of this process.
func Provide[In, Out any](r *Registry, op Operation[In, Out], serve func(context.Context, In) (Out, error)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.provided[key{op.Contract.Layer, op.Contract.Name, op.ID}] = serve
}

func lookup[In, Out any](r *Registry, op Operation[In, Out]) (func(context.Context, In) (Out, error), error) {
	r.mu.RLock()
	serve, ok := r.provided[key{op.Contract.Layer, op.Contract.Name, op.ID}].(func(context.Context, In) (Out, error))
	r.mu.RUnlock()
	if !ok {
		return nil, problem.Errorf(problem.Internal, "hop: nobody provides %s with these types", op)
	}
	return serve, nil
}

// callVerified is a typed hop that also does what an HTTP hop would do to its values.
func callVerified[In, Out any](ctx context.Context, serve func(context.Context, In) (Out, error), op Operation[In, Out], in In) (Out, error) {
	var none Out
	o, err := op.Lookup()
	if err != nil {
		return none, err
	}
	received, err := throughWire[In](in)
	if err == nil && o.Body != nil {
		err = checked(o.Body, in)
	}
	if err != nil {
		return none, problem.Errorf(problem.Internal, "hop: verify input of %s: %w", op, err)
	}
	out, err := serve(cross(ctx), received)
	if err != nil {
		crossed := problem.Cross(err, op.Contract.Name)
		return none, problem.Unmarshal(crossed.Kind.Status(), problem.Marshal(crossed))
	}
	if out, err = throughWire[Out](out); err == nil && o.Answers[o.Status] != nil {
		err = checked(o.Answers[o.Status], out)
	}
	if err != nil {
		return none, problem.Errorf(problem.Internal, "hop: verify answer of %s: %w", op, err)
	}
	return out, nil
}

var errChanged = fmt.Errorf("the value does not survive JSON")
