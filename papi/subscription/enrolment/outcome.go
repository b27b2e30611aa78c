package enrolment

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	contract "puente/contracts/papi/subscription"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/lifecycle"
	"puente/papi/subscription/redirect"
	"puente/papi/subscription/sql"
	"puente/shared/database"
	"puente/shared/problem"
)

// QueryEnrolment is the operation of that name: what became of a flow until now.
func (f *Flows) QueryEnrolment(ctx context.Context, in contract.FlowQuery) (contract.Enrolment, error) {
	id, err := uuid.Parse(in.ID)
	if err != nil {
		return contract.Enrolment{}, problem.NotFound
	}
	flow, err := sql.New(f.db).Flow(ctx, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return contract.Enrolment{}, problem.NotFound
	}
	if err != nil {
		return contract.Enrolment{}, database.Problem(fmt.Errorf("query enrolment: %w", err))
	}
	return f.enrolment(ctx, flow)
}

// enrolment is what became of a flow.
func (f *Flows) enrolment(ctx context.Context, flow sql.SubscriptionFlow) (contract.Enrolment, error) {
	at := f.now()
	product, ok := f.catalogue.Snapshot().Product(flow.ProductID)
	switch {
	case flow.State == pending && flow.ExpiresAt.After(at):
		return contract.Enrolment{State: contract.EnrolmentPending}, nil
	case flow.State != confirmed || !ok:
		return contract.Enrolment{State: contract.EnrolmentEnded}, nil
	case product.Type == catalogue.OneShot:
		result := contract.Enrolment{State: contract.EnrolmentConsented}
		f.introduce(ctx, &result, flow, product.Partner(), at)
		return result, nil
	}
	row, own, err := f.subscription(ctx, flow)
	if errors.Is(err, pgx.ErrNoRows) {
		return contract.Enrolment{State: contract.EnrolmentEnded}, nil
	}
	if err != nil {
		return contract.Enrolment{}, database.Problem(fmt.Errorf("read enrolment: %w", err))
	}
	result := contract.Enrolment{SubscriptionID: row.ID}
	switch row.State {
	case lifecycle.PendingCharge:
		result.State = contract.EnrolmentProcessing
	case lifecycle.Active, lifecycle.Grace:
		result.State = contract.EnrolmentActive
		if !own {
			result.State = contract.EnrolmentAlready
		}
		if row.PaidUntil != nil && row.PaidUntil.After(at) {
			result.NextCharge = row.PaidUntil
		}
		f.introduce(ctx, &result, flow, product.Partner(), at)
	case lifecycle.Suspended:
		result.State = contract.EnrolmentEnded
		if !own {
			return f.suspended(ctx, result)
		}
	default:
		result.State = contract.EnrolmentEnded
		if reason, declined := strings.CutPrefix(row.CancelCause, lifecycle.CauseDeclined+" "); declined {
			result.State, result.Reason = contract.EnrolmentDeclined, reason
		}
	}
	return result, nil
}

// subscription is that of a flow's consent, or else the one that was in its way.
func (f *Flows) subscription(ctx context.Context, flow sql.SubscriptionFlow) (row sql.SubscriptionSubscription, own bool, err error) {
	q := sql.New(f.db)
	row, err = q.SubscriptionOfConsent(ctx, *flow.ConsentID)
	if !errors.Is(err, pgx.ErrNoRows) {
		return row, true, err
	}
	row, err = q.LastSubscription(ctx, sql.LastSubscriptionParams{LineID: flow.LineID, ProductID: flow.ProductID})
	return row, false, err
}

// suspended is what became of a flow whose owner had a suspended subscription with a charge in work.
func (f *Flows) suspended(ctx context.Context, result contract.Enrolment) (contract.Enrolment, error) {
	busy, err := sql.New(f.db).ChargeInWork(ctx, result.SubscriptionID)
	if err != nil {
		return contract.Enrolment{}, database.Problem(fmt.Errorf("read enrolment: %w", err))
	}
	result.State, result.Reason = contract.EnrolmentDeclined, contract.CodeDeclined
	if busy {
		result.State, result.Reason = contract.EnrolmentProcessing, ""
	}
	return result, nil
}

// redirectsFor is how long after a flow's time its holder may be sent to the partner by it: as long as
// somebody waits for the end of a charge that is in work.
const redirectsFor = time.Hour

// introduce says in a result whose line it is, in the ways in which the partner may hear it from a browser: by
// a token, where it has keys, a new one each time, for each is good once; and in clear where that is allowed.
func (f *Flows) introduce(ctx context.Context, result *contract.Enrolment, flow sql.SubscriptionFlow, partner *catalogue.Partner, at time.Time) {
	sealed, clear := len(partner.Redirect.Keys) > 0, partner.Redirect.AllowPlainMSISDN
	if !sealed && !clear || at.After(flow.ExpiresAt.Add(redirectsFor)) {
		return
	}
	msisdn, err := f.book.Number(ctx, f.db, flow.LineID)
	if err != nil { // what was bought stands; the user goes to the partner without
		f.log.WarnContext(ctx, "number not read for a redirect", "partner", partner.ID, "error", err)
		return
	}
	if clear {
		result.MSISDN = msisdn
	}
	if !sealed {
		return
	}
	tokens, err := redirect.Of(partner)
	if err == nil {
		result.Redirect, err = tokens.Seal(redirect.Claims{MSISDN: msisdn, ProductID: flow.ProductID, TID: flow.TID, At: at})
	}
	if err != nil {
		f.log.WarnContext(ctx, "no redirect token", "partner", partner.ID, "error", err)
	}
}
