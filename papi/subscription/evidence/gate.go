package evidence

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/sql"
	"puente/shared/database"
	"puente/shared/problem"
)

// Gate says what is between a partner and production: nil where each of its products that is sold has shown in
// STAGING all that applies to it and passed its end-to-end tests, or was waived. A partner that has no products
// shows nothing: it needs a waiver of its own.
func (d *Desk) Gate(ctx context.Context, partner int64) error {
	if err := d.catalogue.Load(ctx); err != nil { // what another process was just told counts
		return database.Problem(fmt.Errorf("gate: %w", err))
	}
	var sold []*catalogue.Product
	for _, p := range d.catalogue.Snapshot().Catalogue() {
		if p.Partner().ID == partner && p.Status != catalogue.StatusWithdrawn {
			sold = append(sold, p)
		}
	}
	var fields []problem.Field
	refuse := func(rule string) {
		fields = append(fields, problem.Field{Path: "environment", Rule: rule})
	}
	if len(sold) == 0 {
		own, err := sql.New(d.db).LastDecision(ctx, sql.LastDecisionParams{PartnerID: partner, Environment: string(catalogue.Staging)})
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return database.Problem(fmt.Errorf("gate: %w", err))
		}
		if waiver(own) == nil {
			refuse("must be STAGING until products were accepted there: none was, and nobody waived it")
		}
	} else {
		lines, err := d.rows(ctx, sold)
		if err != nil {
			return err
		}
		tried := map[int64]bool{}
		for _, l := range lines {
			if l.environment != catalogue.Staging {
				continue
			}
			tried[l.product] = true
			if err := l.row.Gate(); err != nil {
				refuse(fmt.Sprintf("must be STAGING until product %d is accepted or waived: %v", l.product, err))
			}
		}
		for _, p := range sold {
			if !tried[p.ID] {
				refuse(fmt.Sprintf("must be STAGING until product %d is accepted or waived: it was never there", p.ID))
			}
		}
	}
	if len(fields) == 0 {
		return nil
	}
	return &problem.Error{Kind: problem.Invalid, Fields: fields}
}
