// Package admin is administration without SQL: an API declares its resources (clients, switches,
// typologies), and the operations API, `puente admin`, `puente apply` and the console read and
// change them through one Registry, which checks the role, compares before it changes and audits
// every change.
//
// An entity is one thing of a resource: a kind, an id and a spec. What is read back can be applied
// again as it is, and applying what is there already changes nothing.
package admin

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	jsonv2 "github.com/go-json-experiment/json"

	"puente/shared/problem"
)

// Actor is who asks: the name of a token or of an account, and what it may do.
type Actor struct {
	Name string
	Role Role
}

type actorKey struct{}

// ActorOf is who asked for the change that Resource.Apply or Resource.Delete makes, for a resource whose
// entities say who changed them. Elsewhere it is nobody.
func ActorOf(ctx context.Context) Actor {
	who, _ := ctx.Value(actorKey{}).(Actor)
	return who
}

func withActor(ctx context.Context, who Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, who)
}

// Change is what the security record of a change says. Digests instead of values: a spec may hold
// personal data, and two equal digests are enough to prove that nothing else was written.
type Change struct {
	Actor    Actor
	Resource string // plural name
	ID       string
	Action   Action
	Before   string // SHA-256 of the spec as it was, hexadecimal; empty: it was not there
	After    string // of the spec as it is; empty: it is gone, or the action was denied
}

// String is the change in one line, without its actor: changed clients/store 5f0c… → 91aa…
func (c Change) String() string {
	s := string(c.Action) + " " + c.Resource + "/" + c.ID
	if c.Action == Denied {
		return s
	}
	return s + " " + cmp.Or(c.Before, "nothing") + " → " + cmp.Or(c.After, "nothing")
}

// Action says what a Change did.
type Action string

// The actions. Denied is an attempt without a valid token or without the role.
const (
	Created Action = "created"
	Changed Action = "changed"
	Deleted Action = "deleted"
	Denied  Action = "denied"
)

// Outcome says what applying an entity did.
type Outcome string

// The outcomes of Put and Apply.
const (
	OutcomeCreated   Outcome = "created"
	OutcomeChanged   Outcome = "changed"
	OutcomeUnchanged Outcome = "unchanged"
)

// Result is the outcome for one entity.
type Result struct {
	Kind    string  `json:"kind"`
	ID      string  `json:"id"`
	Outcome Outcome `json:"outcome"`
}

// Registry holds the resources of a process. Resources are listed, and applied, in the order in
// which they were added: what is referred to comes before what refers to it.
type Registry struct {
	audit func(context.Context, Change)

	mu        sync.RWMutex
	resources []Resource

	changing sync.Mutex // one change at a time: the digests of before and after belong together
}

// New makes a registry whose changes go to audit, which must not be nil.
func New(audit func(context.Context, Change)) *Registry {
	return &Registry{audit: audit}
}

// Add declares resources. Names and kinds are unique.
func (r *Registry) Add(resources ...Resource) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range resources {
		if n.Name == "" || n.Kind == "" || n.Get == nil || n.List == nil {
			return fmt.Errorf("admin: resource %q needs a name, a kind, List and Get", n.Name)
		}
		if slices.ContainsFunc(r.resources, func(o Resource) bool { return o.Name == n.Name || o.Kind == n.Kind }) {
			return fmt.Errorf("admin: resource %s (%s) is declared twice", n.Name, n.Kind)
		}
		r.resources = append(r.resources, n)
	}
	return nil
}

// Resources gives the declared resources in order.
func (r *Registry) Resources() []Resource {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Clone(r.resources)
}

// List gives the entities of the resource name.
func (r *Registry) List(ctx context.Context, name string) ([]any, error) {
	res, err := r.named(name)
	if err != nil {
		return nil, err
	}
	return res.List(ctx)
}

// Get gives one entity, or problem.NotFound.
func (r *Registry) Get(ctx context.Context, name, id string) (any, error) {
	res, err := r.named(name)
	if err != nil {
		return nil, err
	}
	return res.Get(ctx, id)
}

// Put makes the entity id of the resource name be as spec says.
func (r *Registry) Put(ctx context.Context, who Actor, name, id string, spec json.RawMessage) (Result, error) {
	res, err := r.named(name)
	if err != nil {
		return Result{}, err
	}
	if res.Apply == nil {
		return Result{}, readOnly(name)
	}
	if err := r.permit(ctx, who, res, id); err != nil {
		return Result{}, err
	}
	refers, err := res.check(id, spec)
	if err != nil {
		return Result{}, err
	}
	if broken := r.missing(ctx, refers, nil); len(broken) > 0 {
		return Result{}, &problem.Error{Kind: problem.Invalid, Fields: broken}
	}
	return r.put(ctx, who, res, id, spec)
}

// Delete removes an entity. One that is not there is problem.NotFound.
func (r *Registry) Delete(ctx context.Context, who Actor, name, id string) error {
	res, err := r.named(name)
	if err != nil {
		return err
	}
	if res.Delete == nil {
		return readOnly(name)
	}
	if err := r.permit(ctx, who, res, id); err != nil {
		return err
	}
	r.changing.Lock()
	defer r.changing.Unlock()
	before, err := res.digest(ctx, id)
	if err != nil {
		return err
	}
	if err := res.Delete(withActor(ctx, who), id); err != nil {
		return err
	}
	r.audit(ctx, Change{Actor: who, Resource: res.Name, ID: id, Action: Deleted, Before: before})
	return nil
}

// put applies one checked entity and audits it where something changed.
func (r *Registry) put(ctx context.Context, who Actor, res Resource, id string, spec json.RawMessage) (Result, error) {
	r.changing.Lock()
	defer r.changing.Unlock()
	before, err := res.digest(ctx, id)
	if err != nil && !errors.Is(err, problem.NotFound) {
		return Result{}, err
	}
	changed, err := res.Apply(withActor(ctx, who), id, spec)
	if err != nil {
		return Result{}, err
	}
	result := Result{Kind: res.Kind, ID: id, Outcome: OutcomeUnchanged}
	if !changed {
		return result, nil
	}
	action := Changed
	result.Outcome = OutcomeChanged
	if before == "" {
		action, result.Outcome = Created, OutcomeCreated
	}
	// The change stands whether or not it can be read back: it is audited either way.
	after, err := res.digest(ctx, id)
	if err != nil {
		after = "unknown"
	}
	r.audit(ctx, Change{Actor: who, Resource: res.Name, ID: id, Action: action, Before: before, After: after})
	return result, nil
}

// permit refuses, and audits, an actor whose role may not change res.
func (r *Registry) permit(ctx context.Context, who Actor, res Resource, id string) error {
	if who.Role >= res.role() {
		return nil
	}
	r.Deny(ctx, who, res.Name, id)
	return &problem.Error{Kind: problem.Forbidden, Detail: "changing " + res.Name + " takes the role " + res.role().String()}
}

// Deny audits an attempt that was refused for want of a token or of a role.
func (r *Registry) Deny(ctx context.Context, who Actor, resource, id string) {
	r.audit(ctx, Change{Actor: who, Resource: resource, ID: id, Action: Denied})
}

func (r *Registry) named(name string) (Resource, error) {
	return r.find(func(o Resource) bool { return o.Name == name })
}

func (r *Registry) ofKind(kind string) (Resource, error) {
	return r.find(func(o Resource) bool { return o.Kind == kind })
}

func (r *Registry) find(is func(Resource) bool) (Resource, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if i := slices.IndexFunc(r.resources, is); i >= 0 {
		return r.resources[i], nil
	}
	return Resource{}, &problem.Error{Kind: problem.NotFound, Detail: "there is no such resource"}
}

func readOnly(name string) error {
	return &problem.Error{Kind: problem.MethodNotAllowed, Detail: name + " can only be read"}
}

// digest is the SHA-256 of what Get answers for id.
func (r Resource) digest(ctx context.Context, id string) (string, error) {
	v, err := r.Get(ctx, id)
	if err != nil {
		return "", err
	}
	b, err := jsonv2.Marshal(v, jsonv2.Deterministic(true))
	if err != nil {
		return "", fmt.Errorf("admin: digest of %s: %w", r.Name, err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}
