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

// OptOut ends a subscription by its partner's word (specification §10 F4). It asks no other system, and what is sold no
// more can be ended all the same.
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
	if !r.product.Ends(r.channel) {
		return out, conflict(subscription.CodeChannelNotAllowed)
	}
	name := p.nameRequest(r, "suboptout", in.Key)
	for range 3 { // another request of the name was faster, and what it answered is there then
		if out, err = p.optOut(ctx, r, name); !errors.Is(err, repeat.ErrRepeated) {
			break
		}
	}
	return out, database.Problem(err)
}

// optOut ends what is open, whatever an earlier request of the name ended: who is told that it ended is never charged
// for it again. By its name another request is refused, and a repetition that finds nothing open is answered as before.
func (p *process) optOut(ctx context.Context, r request, name *repeat.Name) (out subscription.OptOutResult, err error) {
	lineID, err := p.book.Find(ctx, p.db, r.msisdn)
	if err != nil {
		return out, err
	}
	repeated, err := name.Answer(ctx, p.db, p.now(), &out)
	if err != nil {
		return out, err
	}
	out.Replayed = repeated
	err = pgx.BeginFunc(ctx, p.db, func(tx pgx.Tx) error {
		s, err := p.open(ctx, tx, lineID, r.product.ID)
		if err != nil {
			return err
		}
		if s != nil {
			out = subscription.OptOutResult{Cancelled: true}
		}
		if !repeated {
			if err := name.Keep(ctx, tx, p.now(), out); err != nil {
				return err
			}
		}
		if s == nil {
			return nil
		}
		var change lifecycle.Change
		p.lifecycle.Cancel(&change, s, p.now(), lifecycle.Cancellation{Cause: lifecycle.CauseAPI, Channel: r.channel})
		return p.writer.Write(ctx, tx, &change)
	})
	return out, err
}

// open locks and reads what a line has open of a product, if anything. Error: Conflict NEVER_SUBSCRIBED.
func (p *process) open(ctx context.Context, tx pgx.Tx, lineID, productID int64) (*lifecycle.Subscription, error) {
	for {
		last, err := sql.New(tx).LastToEnd(ctx, sql.LastToEndParams{LineID: lineID, ProductID: productID})
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return nil, conflict(subscription.CodeNeverSubscribed)
		case err != nil:
			return nil, fmt.Errorf("opt out: %w", err)
		case last.State == lifecycle.Cancelled:
			return nil, nil
		}
		held, err := p.writer.Lock(ctx, tx, last.ID)
		if err != nil {
			return nil, err
		}
		s, ok := held[last.ID]
		switch {
		case !ok:
			return nil, fmt.Errorf("opt out: subscription %d is of nothing in the catalogue", last.ID)
		case s.State != lifecycle.Cancelled:
			return s, nil
		} // it ended while we waited, and another one may have taken its place
	}
}
