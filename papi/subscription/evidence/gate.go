package evidence

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/sql"
	"puente/shared/database"
)

// Gate says what is between a partner and production: nothing where each of its products that is sold has shown in
// STAGING all that applies to it and passed its end-to-end tests, or was waived. A partner that has no products
// shows nothing: it needs a waiver of its own. Of a product (not zero) that a partner would sell there, too, it says
// what is between production and that.
func (d *Desk) Gate(ctx context.Context, partner, product int64) ([]string, error) {
	if err := d.catalogue.Load(ctx); err != nil { // what another process was just told counts
		return nil, database.Problem(fmt.Errorf("gate: %w", err))
	}
	if product != 0 {
		return d.admit(ctx, partner, product)
	}
	var sold []*catalogue.Product
	for _, p := range d.catalogue.Snapshot().Catalogue() {
		if p.Partner().ID == partner && p.Status != catalogue.StatusWithdrawn {
			sold = append(sold, p)
		}
	}
	if len(sold) == 0 {
		waived, err := d.waived(ctx, partner, catalogue.Staging)
		if err != nil || waived {
			return nil, err
		}
		return []string{"products were accepted there: none was, and nobody waived it"}, nil
	}
	lines, err := d.rows(ctx, sold)
	if err != nil {
		return nil, err
	}
	var missing []string
	tried := map[int64]bool{}
	for _, l := range lines {
		if l.environment != catalogue.Staging {
			continue
		}
		tried[l.product] = true
		if err := l.row.Gate(); err != nil {
			missing = append(missing, notAccepted(l.product, err.Error()))
		}
	}
	for _, p := range sold {
		if !tried[p.ID] {
			missing = append(missing, notAccepted(p.ID, "it was never there"))
		}
	}
	return missing, nil
}

// admit says what is between a product and production, where its partner is: nothing where it was accepted or waived,
// wherever that was, or where its partner has taken something of it there before. For one that is new only a waiver of
// all its partner's speaks.
func (d *Desk) admit(ctx context.Context, partner, product int64) ([]string, error) {
	known, ok := d.catalogue.Snapshot().Product(product)
	if !ok || known.Partner().ID != partner {
		for _, e := range environments {
			if waived, err := d.waived(ctx, partner, e); err != nil || waived {
				return nil, err
			}
		}
		return []string{notAccepted(product, "it was never there")}, nil
	}
	lines, err := d.rows(ctx, []*catalogue.Product{known})
	if err != nil {
		return nil, err
	}
	missing := "it was never there"
	for _, l := range lines {
		err := l.row.Gate()
		if err == nil {
			return nil, nil
		}
		missing = err.Error()
	}
	before, err := sql.New(d.db).ProvedBefore(ctx, sql.ProvedBeforeParams{PartnerID: partner, ProductID: product, Environment: string(catalogue.Production)})
	if err != nil {
		return nil, database.Problem(fmt.Errorf("gate: %w", err))
	}
	if before {
		return nil, nil
	}
	return []string{notAccepted(product, missing)}, nil
}

func notAccepted(product int64, why string) string {
	return fmt.Sprintf("product %d is accepted or waived: %s", product, why)
}

// waived reports whether somebody let all of a partner's products pass, whatever they show.
func (d *Desk) waived(ctx context.Context, partner int64, in catalogue.Environment) (bool, error) {
	own, err := sql.New(d.db).LastDecision(ctx, sql.LastDecisionParams{PartnerID: partner, Environment: string(in)})
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return false, database.Problem(fmt.Errorf("gate: %w", err))
	}
	return waiver(own) != nil, nil
}
