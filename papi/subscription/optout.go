package subscription

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"puente/contracts/papi/subscription"
	"puente/papi/subscription/lifecycle"
	"puente/papi/subscription/repeat"
	"puente/papi/subscription/sql"
	"puente/shared/database"
)

// OptOut ends a subscription by its partner's word (specification §10 F4). It asks no other system: what
// is sold no more, or through other channels, can be ended all the same.
func (p *process) OptOut(ctx context.Context, in subscription.OptOutRequest) (out subscription.OptOutResult, err error) {
	if in.PartnerID == 0 {
		partner, err := p.partner(ctx)
		if err != nil {
			return out, err
		}
		if !partner.PartnerIDOptionalOnOptOut {
			return out, invalid("partnerId", "is required")
		}
		in.PartnerID = partner.ID
	}
	r, err := p.find(ctx, in.Offer)
	if err != nil {
		return out, err
	}
	name := p.nameRequest(r, "suboptout", in.Key)
	if repeated, err := name.Answer(ctx, p.db, p.now(), &out); err != nil || repeated {
		out.Replayed = repeated
		return out, err
	}
	lineID, err := p.book.Find(ctx, p.db, r.msisdn)
	if err != nil {
		return out, err
	}
	last, err := sql.New(p.db).LastSubscription(ctx, sql.LastSubscriptionParams{LineID: lineID, ProductID: r.product.ID})
	if errors.Is(err, pgx.ErrNoRows) {
		return out, conflict(subscription.CodeNeverSubscribed)
	}
	if err != nil {
		return out, database.Problem(fmt.Errorf("opt out: %w", err))
	}
	err = pgx.BeginFunc(ctx, p.db, func(tx pgx.Tx) error {
		if last.State == lifecycle.Cancelled {
			return name.Keep(ctx, tx, p.now(), out)
		}
		held, err := p.writer.Lock(ctx, tx, last.ID)
		if err != nil {
			return err
		}
		s, ok := held[last.ID]
		if !ok {
			return fmt.Errorf("opt out: subscription %d is of nothing in the catalogue", last.ID)
		}
		out.Cancelled = s.State != lifecycle.Cancelled
		if err := name.Keep(ctx, tx, p.now(), out); err != nil {
			return err
		}
		var change lifecycle.Change
		p.lifecycle.Cancel(&change, s, p.now(), lifecycle.Cancellation{Cause: lifecycle.CauseAPI, Channel: r.channel})
		return p.writer.Write(ctx, tx, &change)
	})
	if errors.Is(err, repeat.ErrRepeated) {
		out.Replayed, err = name.Answer(ctx, p.db, p.now(), &out)
	}
	return out, database.Problem(err)
}
