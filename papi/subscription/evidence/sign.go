package evidence

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"puente/papi/subscription/acceptance"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/sql"
	"puente/shared/admin"
	"puente/shared/database"
)

// sign writes down what an operator says of a row.
func (d *Desk) sign(ctx context.Context, id string, raw json.RawMessage) (changed bool, err error) {
	p, product, s, all, err := d.read(id, raw)
	if err != nil {
		return false, err
	}
	err = pgx.BeginFunc(ctx, d.db, func(tx pgx.Tx) error {
		q := sql.New(tx)
		if err := q.LockDecisions(ctx, p.partner); err != nil {
			return err
		}
		decided, err := d.decide(ctx, q, p, s)
		if err != nil {
			return err
		}
		signed, err := d.signChecks(ctx, q, p, product, s, all)
		changed = decided || signed
		return err
	})
	if err != nil {
		return false, database.Problem(fmt.Errorf("sign acceptance: %w", err))
	}
	return changed, nil
}

// decide writes what is said of the row but its checks, where it is another than what holds.
func (d *Desk) decide(ctx context.Context, q *sql.Queries, p place, s signature) (bool, error) {
	last, err := q.LastDecision(ctx, sql.LastDecisionParams{PartnerID: p.partner, ProductID: p.product, Environment: string(p.environment)})
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return false, err
	}
	now := d.now()
	next := sql.AddDecisionParams{
		PartnerID: p.partner, ProductID: p.product, Environment: string(p.environment), E2e: last.E2e, Delivery: last.Delivery, Integration: last.Integration,
		WaivedBy: last.WaivedBy, WaivedWhy: last.WaivedWhy, WaivedAt: last.WaivedAt, SignedBy: s.By, Reason: s.Reason, Actor: admin.ActorOf(ctx).Name, At: now,
	}
	for to, said := range map[*string]*string{&next.E2e: s.E2E, &next.Delivery: s.Delivery, &next.Integration: s.Integration} {
		if said != nil {
			*to = *said
		}
	}
	if s.Waiver != nil {
		switch {
		case !*s.Waiver:
			next.WaivedBy, next.WaivedWhy, next.WaivedAt = "", "", nil
		case last.WaivedBy != s.By || last.WaivedWhy != s.Reason:
			next.WaivedBy, next.WaivedWhy, next.WaivedAt = s.By, s.Reason, &now
		}
	}
	if next.E2e == last.E2e && next.Delivery == last.Delivery && next.Integration == last.Integration && next.WaivedBy == last.WaivedBy && next.WaivedWhy == last.WaivedWhy {
		return false, nil
	}
	return true, q.AddDecision(ctx, next)
}

// signChecks writes what is said of checks, but for what the same person said for the same reason, and holds.
func (d *Desk) signChecks(ctx context.Context, q *sql.Queries, p place, product *catalogue.Product, s signature, all []verdict) (changed bool, err error) {
	if len(all) == 0 {
		return false, nil
	}
	rows, err := q.EvidenceOf(ctx, sql.EvidenceOfParams{PartnerID: p.partner, ProductID: p.product, Environment: string(p.environment), Most: historyMost})
	if err != nil {
		return false, err
	}
	now := d.now()
	for _, v := range all {
		configuration := Configuration(product, v.check)
		if stands(rows, v, s, configuration, now.Add(-d.validity)) {
			continue
		}
		id, err := uuid.NewV7()
		if err != nil {
			return changed, err
		}
		err = q.SignEvidence(ctx, sql.SignEvidenceParams{
			ID: id, PartnerID: p.partner, ProductID: p.product, Environment: string(p.environment), Step: v.check.String(), Value: v.state.String(),
			Configuration: configuration, SignedBy: s.By, Reason: s.Reason, Actor: admin.ActorOf(ctx).Name, At: now,
		})
		if err != nil {
			return changed, err
		}
		changed = true
	}
	return changed, nil
}

// stands reports whether a verdict was signed so since a moment, and nothing was found of its check after it that says
// otherwise. rows are the latest first.
func stands(rows []sql.SubscriptionEvidence, v verdict, s signature, configuration string, since time.Time) bool {
	for _, e := range rows {
		if e.Step != v.check.String() || e.Configuration != configuration {
			continue
		}
		if e.Value == v.state.String() && e.SignedBy == s.By && e.Reason == s.Reason {
			return !e.At.Before(since)
		}
		if (e.Value == acceptance.NOK.String()) != (v.state == acceptance.NOK) {
			return false
		}
	}
	return false
}
