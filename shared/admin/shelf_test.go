package admin_test

import (
	"context"
	"errors"
	"slices"
	"sync"

	"puente/shared/admin"
	"puente/shared/problem"
)

// shelf is a collection in memory, and the record of what was written to it.
type shelf[T any] struct {
	mu     sync.Mutex
	specs  map[string]T
	writes []string
	fails  error // what Put answers
}

func (s *shelf[T]) collection() admin.Collection[T] {
	return admin.Collection[T]{List: s.list, Get: s.get, Put: s.put, Delete: s.delete}
}

func (s *shelf[T]) list(context.Context) ([]admin.Named[T], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []admin.Named[T]
	for id, spec := range s.specs {
		all = append(all, admin.Named[T]{ID: id, Spec: spec})
	}
	slices.SortFunc(all, func(a, b admin.Named[T]) int { return len(a.ID) - len(b.ID) })
	return all, nil
}

func (s *shelf[T]) get(_ context.Context, id string) (T, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	spec, ok := s.specs[id]
	if !ok {
		return spec, &problem.Error{Kind: problem.NotFound}
	}
	return spec, nil
}

func (s *shelf[T]) put(_ context.Context, id string, spec T) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fails != nil {
		return s.fails
	}
	if s.specs == nil {
		s.specs = map[string]T{}
	}
	s.specs[id] = spec
	s.writes = append(s.writes, id)
	return nil
}

func (s *shelf[T]) delete(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.specs[id]; !ok {
		return &problem.Error{Kind: problem.NotFound}
	}
	delete(s.specs, id)
	return nil
}

// plan is a spec that a subscriber refers to.
type plan struct {
	Requests int            `json:"requests"`
	Window   admin.Duration `json:"window"`
}

func (p *plan) Validate() error {
	if p.Requests <= 0 {
		return &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: "requests", Rule: "must be positive"}}}
	}
	return nil
}

type subscriber struct {
	Plan string   `json:"plan"`
	Tags []string `json:"tags,omitzero"`
}

func (s *subscriber) Normalize() { slices.Sort(s.Tags) }

func (s *subscriber) References() []admin.Reference {
	return []admin.Reference{{Kind: "Plan", ID: s.Plan, Path: "plan"}}
}

// office is a registry with two resources, plans before subscribers, and what it audited.
type office struct {
	*admin.Registry
	plans       shelf[plan]
	subscribers shelf[subscriber]

	mu      sync.Mutex
	changes []admin.Change
}

func newOffice() *office {
	o := &office{}
	o.Registry = admin.New(func(_ context.Context, c admin.Change) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.changes = append(o.changes, c)
	})
	subscribers := admin.Of("subscribers", "Subscriber", o.subscribers.collection())
	subscribers.Role = admin.Operator
	if err := o.Add(admin.Of("plans", "Plan", o.plans.collection()), subscribers); err != nil {
		panic(err)
	}
	return o
}

// audited gives the changes so far, and forgets them.
func (o *office) audited() []admin.Change {
	o.mu.Lock()
	defer o.mu.Unlock()
	c := o.changes
	o.changes = nil
	return c
}

var errStore = errors.New("the store is away")
