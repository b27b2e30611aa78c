package catalogue

import (
	"context"
	"fmt"

	"github.com/go-json-experiment/json"

	"puente/papi/subscription/sql"
	"puente/shared/problem"
)

// pass asks the gate about what a document would bring to production: a partner with all that it sells, a product,
// those of a service. What is there already stays.
func (s *Store) pass(ctx context.Context, now *Snapshot, id string, old sql.SubscriptionCatalogue, spec any) error {
	if s.gate == nil {
		return nil
	}
	number, _ := identifier(id)
	switch next := spec.(type) {
	case *PartnerSpec:
		var was PartnerSpec
		if err := readOld(old, &was); err != nil {
			return err
		}
		if next.Environment == Production && was.Environment != Production {
			return s.ask(ctx, "environment", "must be STAGING until ", number, 0)
		}
	case *ServiceSpec:
		var was ServiceSpec
		if err := readOld(old, &was); err != nil {
			return err
		}
		partner, in := now.produces(next.Partner)
		if !in || was.Partner == next.Partner {
			return nil
		}
		for _, product := range now.productsOf(func(p *Product) bool { return p.Service.ID == number && p.Status == StatusActive }) {
			if err := s.ask(ctx, "partner", "must not be one in PROD until ", partner, product); err != nil {
				return err
			}
		}
	case *ProductSpec:
		var was ProductSpec
		if err := readOld(old, &was); err != nil {
			return err
		}
		home, _ := identifier(next.Service)
		service, ok := now.services[home]
		if ok && service.Partner.Environment == Production && next.Status == StatusActive && (was.Status != StatusActive || was.Service != next.Service) {
			return s.ask(ctx, "status", "must be suspended until ", service.Partner.ID, number)
		}
	}
	return nil
}

// produces reports whether a partner is in production.
func (s *Snapshot) produces(id string) (partner int64, in bool) {
	partner, _ = identifier(id)
	p, ok := s.partners[partner]
	return partner, ok && p.Environment == Production
}

func (s *Store) ask(ctx context.Context, path, rule string, partner, product int64) error {
	missing, err := s.gate(ctx, partner, product)
	if err != nil || len(missing) == 0 {
		return err
	}
	fields := make([]problem.Field, len(missing))
	for i, m := range missing {
		fields[i] = problem.Field{Path: path, Rule: rule + m}
	}
	return &problem.Error{Kind: problem.Invalid, Fields: fields}
}

// readOld reads the document that is there; of none it reads nothing.
func readOld(old sql.SubscriptionCatalogue, into any) error {
	if len(old.Spec) == 0 {
		return nil
	}
	if err := json.Unmarshal(old.Spec, into); err != nil {
		return fmt.Errorf("catalogue: read %s %s: %w", old.Kind, old.ID, err)
	}
	return nil
}
