package subscription

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"puente/contracts/papi/subscription"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/charging"
	"puente/papi/subscription/sql"
	"puente/shared/database"
	"puente/shared/problem"
)

const (
	dated   = 24 * time.Hour   // in which a request with a date is the same
	consent = 15 * time.Minute // for which a consent of the hub's is good (specification §10 F6)
)

// Charge charges an on-demand product, once (specification §10 F6). What it was before is looked for first,
// then whether the user agreed, and only then another system is asked.
func (p *process) Charge(ctx context.Context, in subscription.ChargeRequest) (out subscription.ChargeResult, err error) {
	r, err := p.find(ctx, in.Offer)
	if err != nil {
		return out, err
	}
	point, _ := r.product.PricePoint(in.PricepointID)
	id := uuid.NewString()
	name, shown := p.nameOf(r, in)
	if shown == "" {
		shown = id
	}
	intent := charging.Intent{
		Key: oneShot + id, Kind: charging.OneShot, MSISDN: r.msisdn, Product: r.product, PricepointID: point.ID, Amount: point.Amount,
		Channel: r.channel, ShortCode: in.ShortCode, TID: in.TID, Fingerprint: p.fingerprint(r, in),
	}
	if shown == id { // who named nothing can have used no name for something else
		intent.Fingerprint = name.Key
	}
	known, again, err := p.charging.Known(ctx, name)
	if err != nil {
		return out, err
	}
	if !known || again { // what was charged before is told, whatever became of the product since
		if err := p.prepare(ctx, r, in, &intent); err != nil {
			return out, err
		}
	}
	made, err := p.charging.Once(ctx, name, intent)
	if err != nil {
		return out, err
	}
	if shown == id {
		shown = strings.TrimPrefix(made.Charge.Key, oneShot)
	}
	outcome, reason := made.Outcome()
	return subscription.ChargeResult{Key: shown, Outcome: outcomes[outcome], Reason: reason, Replayed: made.Replayed}, nil
}

var outcomes = map[charging.Outcome]subscription.ChargeOutcome{
	charging.OutcomeCharged: subscription.OutcomeSucceeded, charging.OutcomeDeclined: subscription.OutcomeDeclined, charging.OutcomeUnknown: subscription.OutcomeUnknown,
}

// oneShot begins the keys of charges on demand.
const oneShot = "one:"

// prepare finds out whether the line may be charged: whether the product is offered so, whether its owner agreed, as far as that is ours
// to know, then what the directory says of it.
func (p *process) prepare(ctx context.Context, r request, in subscription.ChargeRequest, intent *charging.Intent) (err error) {
	if err := r.offered(in.Offer); err != nil {
		return err
	}
	switch _, priced := r.product.PricePoint(in.PricepointID); {
	case !r.product.Active() || !priced:
		return conflict(subscription.CodeOfferUnknown)
	case r.product.Type != catalogue.OneShot:
		return conflict(subscription.CodeNotOnDemand)
	}
	intent.LineID, err = p.book.Find(ctx, p.db, r.msisdn)
	if err != nil {
		return err
	}
	var agreed []sql.AgreementsRow
	if r.product.OneShotConsent == "hub" {
		if agreed, err = p.agreements(ctx, r.product, intent); err != nil {
			return err
		}
		if len(agreed) == 0 {
			return conflict(subscription.CodeConsentMissing)
		}
	}
	found, err := p.directory.Admit(ctx, r.msisdn, r.product)
	if err != nil {
		return err
	}
	if len(agreed) > 0 {
		if intent.ConsentID, err = ofOwner(agreed, found.OwnerEpoch); err != nil {
			return err
		}
	}
	intent.UserType = string(found.UserType)
	intent.LineID, err = p.book.Enter(ctx, p.db, r.msisdn)
	return err
}

// agreements are what allows a charge of the service, whoever of the line's owners agreed to it. A consent is good for its
// time, not for one purchase.
func (p *process) agreements(ctx context.Context, product *catalogue.Product, intent *charging.Intent) ([]sql.AgreementsRow, error) {
	if intent.LineID == 0 {
		return nil, nil
	}
	all, err := sql.New(p.db).Agreements(ctx, sql.AgreementsParams{
		LineID: intent.LineID, ServiceID: product.Service.ID, Since: p.now().Add(-consent), Amount: intent.Amount, Currency: product.Country().Currency,
	})
	return all, database.Problem(err)
}

// ofOwner finds the agreement of a line's present owner; the zero UUID is that of a subscription. Errors: Conflict
// CONSENT_MISSING where the number is another's by now; Unavailable where the directory does not say whose it is.
func ofOwner(agreed []sql.AgreementsRow, epoch string) (uuid.UUID, error) {
	for _, a := range agreed {
		if a.OwnerEpoch == "" || a.OwnerEpoch == epoch {
			return a.ConsentID, nil
		}
	}
	if epoch == "" {
		return uuid.Nil, problem.Errorf(problem.Unavailable, "the directory does not say whose the line is")
	}
	return uuid.Nil, conflict(subscription.CodeConsentMissing)
}

// nameOf is how a request is known again: by its key, else by its tid, else by what is charged to whom. shown
// is what its partner finds the charge by; empty: nothing of theirs.
func (p *process) nameOf(r request, in subscription.ChargeRequest) (name charging.Name, shown string) {
	name.PartnerID = r.partner.ID
	switch {
	case in.Key != "":
		name.Key, shown = p.nameKey("key", in.Key), in.Key
	case in.TID != "":
		name.Key, shown = p.nameKey("tid", in.TID), in.TID
	default:
		parts := []string{strconv.FormatInt(r.product.ID, 10), r.msisdn, strconv.FormatInt(in.PricepointID, 10)}
		name.Good = time.Duration(r.product.DedupeWindow)
		if in.Date != "" {
			parts, name.Good = append(parts, in.Date), dated
		}
		name.Key = p.nameKey("request", parts...)
	}
	return name, shown
}

func (p *process) nameKey(kind string, parts ...string) []byte {
	all := [][]byte{[]byte(kind)}
	for _, part := range parts {
		all = append(all, []byte(part))
	}
	key := p.ring.MAC("subscription.requests", all...)
	return key[:]
}

// fingerprint is what makes two requests of a name the same: what is charged to whom, and how it is told of.
// The date is not among it, for who repeats a request may tell the time of the repetition.
func (p *process) fingerprint(r request, in subscription.ChargeRequest) []byte {
	return p.nameKey("body", r.msisdn, fmt.Sprint(in.ServiceID), fmt.Sprint(in.ProductID), fmt.Sprint(in.PricepointID), r.channel, in.ShortCode, in.TID)
}

// named finds what a partner named by a key, or by a tid; empty: nothing.
func (p *process) named(ctx context.Context, partner int64, name string) (key string, err error) {
	for _, kind := range []string{"key", "tid"} {
		key, err = sql.New(p.db).NamedCharge(ctx, sql.NamedChargeParams{PartnerID: partner, Key: p.nameKey(kind, name)})
		if !errors.Is(err, pgx.ErrNoRows) {
			return key, database.Problem(err)
		}
	}
	return "", nil
}

// namedByAny finds what any partner named so: the name of a charge is what its partner tells an operator.
func (p *process) namedByAny(ctx context.Context, name string) ([]string, error) {
	keys, err := sql.New(p.db).NamedByAny(ctx, sql.NamedByAnyParams{
		Partners: p.catalogue.Snapshot().Partners(), Keys: [][]byte{p.nameKey("key", name), p.nameKey("tid", name)},
	})
	return keys, database.Problem(err)
}

// QueryCharge finds a charge of the caller's partner, by its key, its tid or what the hub called it.
func (p *process) QueryCharge(ctx context.Context, in subscription.ChargeQuery) (out subscription.ChargeStatus, err error) {
	partner, err := p.partner(ctx)
	if err != nil {
		return out, err
	}
	key, err := p.named(ctx, partner.ID, in.Key)
	if err != nil {
		return out, err
	}
	row, err := sql.New(p.db).Charge(ctx, cmp.Or(key, oneShot+in.Key))
	if errors.Is(err, pgx.ErrNoRows) || err == nil && (row.PartnerID != partner.ID || row.Kind != charging.OneShot) {
		return out, &problem.Error{Kind: problem.NotFound, Detail: "There is no such charge"}
	}
	if err != nil {
		return out, database.Problem(fmt.Errorf("query charge: %w", err))
	}
	return subscription.ChargeStatus{
		Key: in.Key, State: subscription.ChargeState(row.State), Reason: row.Reason, Amount: row.Amount, Currency: row.Currency,
		CreatedAt: row.CreatedAt, EndedAt: row.EndedAt, RefundedAt: row.RefundedAt,
	}, nil
}
