package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	jsonv2 "github.com/go-json-experiment/json"

	"puente/shared/problem"
)

// Resource is something that an API lets operators see and, where Apply and Delete are given,
// change. Most are made by Of.
type Resource struct {
	Name string // plural, the path's word: clients
	Kind string // singular, the document's word: Client
	Role Role   // the least role that may change it; zero: Admin

	// List and Get answer with an Entity each, or with what JSON makes of any other value where
	// the resource can only be read. Get of what is not there is problem.NotFound.
	List func(ctx context.Context) ([]any, error)
	Get  func(ctx context.Context, id string) (any, error)

	// Check reads spec as Apply would and changes nothing; it names what spec refers to. Nil: no check.
	Check func(id string, spec json.RawMessage) ([]Reference, error)
	// Apply makes the entity be as spec says; changed is false where it was so already.
	Apply func(ctx context.Context, id string, spec json.RawMessage) (changed bool, err error)
	// Delete removes the entity. What something else refers to is problem.Conflict.
	Delete func(ctx context.Context, id string) error

	// Exports are the files that the whole resource can be had as, by the format that a reader asks for: csv.
	Exports map[string]Export
}

// Entity is one thing of a resource: what a list holds, and a document that can be applied.
type Entity struct {
	Kind string          `json:"kind"`
	ID   string          `json:"id"`
	Spec json.RawMessage `json:"spec"`
}

// Reference is an entity that a spec names and that has to exist.
type Reference struct {
	Kind, ID string
	Path     string // of the member that names it: contracts[0].tier
}

func (r Resource) role() Role {
	if r.Role == 0 {
		return Admin
	}
	return r.Role
}

func (r Resource) check(id string, spec json.RawMessage) ([]Reference, error) {
	if r.Check == nil {
		return nil, nil
	}
	return r.Check(id, spec)
}

// Named is a spec with its id.
type Named[T any] struct {
	ID   string
	Spec T
}

// Collection is where the entities of a resource live.
type Collection[T any] struct {
	List   func(context.Context) ([]Named[T], error)
	Get    func(ctx context.Context, id string) (T, error)    // problem.NotFound
	Put    func(ctx context.Context, id string, spec T) error // creates or replaces
	Delete func(ctx context.Context, id string) error         // problem.NotFound, problem.Conflict
}

// Of makes a resource of T's collection. A spec is read strictly: unknown members, members given
// twice and wrong types are problem.Invalid with the path of each. Then, where *T has them, come
//
//	Identify(id string) error    reads the id, or refuses a spec that says otherwise
//	Normalize()                  puts equal specs in one form: sorted lists, canonical names
//	Validate() error             the rules; a *problem.Error keeps its fields
//	References() []Reference     what has to exist before
//
// Put is called only where the spec differs from what is there.
func Of[T any](name, kind string, c Collection[T]) Resource {
	read := func(id string, raw json.RawMessage) (*T, error) {
		if id == "" || len(id) > maxID || id == "." || id == ".." { // the dots would vanish from a path
			return nil, &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: "id", Rule: "must have 1 to 100 bytes, and not only dots"}}}
		}
		spec := new(T)
		if err := decode(raw, spec); err != nil {
			return nil, err
		}
		if n, ok := any(spec).(interface{ Identify(string) error }); ok {
			if err := n.Identify(id); err != nil {
				return nil, invalid(err)
			}
		}
		if n, ok := any(spec).(interface{ Normalize() }); ok {
			n.Normalize()
		}
		if v, ok := any(spec).(interface{ Validate() error }); ok {
			if err := v.Validate(); err != nil {
				return nil, invalid(err)
			}
		}
		return spec, nil
	}
	r := Resource{Name: name, Kind: kind}
	r.List = func(ctx context.Context) ([]any, error) {
		all, err := c.List(ctx)
		if err != nil {
			return nil, err
		}
		list := make([]any, len(all))
		for i, n := range all {
			if list[i], err = entity(kind, n.ID, n.Spec); err != nil {
				return nil, err
			}
		}
		return list, nil
	}
	r.Get = func(ctx context.Context, id string) (any, error) {
		spec, err := c.Get(ctx, id)
		if err != nil {
			return nil, err
		}
		return entity(kind, id, spec)
	}
	r.Check = func(id string, raw json.RawMessage) ([]Reference, error) {
		spec, err := read(id, raw)
		if err != nil {
			return nil, err
		}
		if n, ok := any(spec).(interface{ References() []Reference }); ok {
			return n.References(), nil
		}
		return nil, nil
	}
	r.Apply = func(ctx context.Context, id string, raw json.RawMessage) (bool, error) {
		spec, err := read(id, raw)
		if err != nil {
			return false, err
		}
		next, err := entity(kind, id, *spec)
		if err != nil {
			return false, err
		}
		switch current, err := r.Get(ctx, id); {
		case errors.Is(err, problem.NotFound):
		case err != nil:
			return false, err
		case bytes.Equal(current.(Entity).Spec, next.Spec):
			return false, nil
		}
		return true, c.Put(ctx, id, *spec)
	}
	r.Delete = c.Delete
	return r
}

const maxID = 100 // bytes

func entity[T any](kind, id string, spec T) (Entity, error) {
	b, err := jsonv2.Marshal(spec, jsonv2.Deterministic(true))
	if err != nil {
		return Entity{}, fmt.Errorf("admin: write %s: %w", kind, err)
	}
	return Entity{Kind: kind, ID: id, Spec: b}, nil
}

// invalid is err as problem.Invalid; a *problem.Error stays as it is.
func invalid(err error) error {
	var p *problem.Error
	if errors.As(err, &p) {
		return p
	}
	return &problem.Error{Kind: problem.Invalid, Detail: err.Error()}
}
