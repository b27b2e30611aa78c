package access

import (
	"context"
	"fmt"

	jsonv2 "github.com/go-json-experiment/json"

	"puente/shared/access/sql"
	"puente/shared/admin"
)

// Resources makes tiers, systems, clients (with their contracts and systems) and switches
// administrable, in the order of their references. Operators may change switches; the rest takes
// an admin.
func Resources(s *Store) []admin.Resource {
	switches := admin.Of("switches", "Switch", collection(s.db, readSwitches, putSwitch, (*sql.Queries).DeleteSwitch))
	switches.Role = admin.Operator
	return []admin.Resource{
		admin.Of("tiers", "Tier", collection(s.db, readTiers, putTier, (*sql.Queries).DeleteTier)),
		admin.Of("systems", "System", collection(s.db, readSystems, putSystem, (*sql.Queries).DeleteSystem)),
		admin.Of("clients", "Client", collection(s.db, readClients, putClient, (*sql.Queries).DeleteClient)),
		switches,
	}
}

// Seed makes the tables hold e: what it names is afterwards as it says, anything else stays. What
// is there already is not written again. It then loads the snapshot.
func (s *Store) Seed(ctx context.Context, e Entities) error {
	r := Resources(s)
	for _, err := range []error{
		seed(ctx, r[0], e.Tiers), seed(ctx, r[1], e.Systems), seed(ctx, r[2], e.Clients), seed(ctx, r[3], e.Switches),
	} {
		if err != nil {
			return err
		}
	}
	return s.Load(ctx)
}

func seed[T any](ctx context.Context, r admin.Resource, all []admin.Named[T]) error {
	for _, n := range all {
		spec, err := jsonv2.Marshal(n.Spec)
		if err == nil {
			_, err = r.Apply(ctx, n.ID, spec)
		}
		if err != nil {
			return fmt.Errorf("access: seed %s %s: %w", r.Kind, n.ID, err)
		}
	}
	return nil
}
