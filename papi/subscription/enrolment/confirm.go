package enrolment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	contract "puente/contracts/papi/subscription"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/charging"
	"puente/papi/subscription/sql"
	"puente/shared/database"
)

// agreement is what a transaction made of a confirmation: a refusal that it keeps, or a flow that is
// confirmed, and the charge that is to be made on account of it.
type agreement struct {
	refusal error
	flow    sql.SubscriptionFlow
	order   *charging.Order
}

// ConfirmFlow is the operation of that name. What the user agreed to stands when the charge is made: whoever
// dies between leaves an intention that is resolved by inquiry, and never charged anew.
func (f *Flows) ConfirmFlow(ctx context.Context, in contract.Confirmation) (contract.Enrolment, error) {
	id, err := uuid.Parse(in.ID)
	if err != nil {
		return contract.Enrolment{}, errEnded
	}
	if err := complete(in); err != nil {
		return contract.Enrolment{}, err
	}
	now, at := f.catalogue.Snapshot(), f.now()
	done, err := f.agree(ctx, now, id, in, at)
	if err != nil {
		return contract.Enrolment{}, database.Problem(fmt.Errorf("confirm flow: %w", err))
	}
	if done.refusal != nil {
		if done.refusal == errPIN {
			f.metrics.step(done.flow.PartnerID, done.flow.ProductID, contract.ProofPIN, stepWrongPIN)
		}
		return contract.Enrolment{}, done.refusal
	}
	f.metrics.step(done.flow.PartnerID, done.flow.ProductID, contract.Proof(done.flow.Proof), stepConfirmed)
	if done.order != nil {
		f.charge(ctx, *done.order)
	}
	return f.came(ctx, done)
}

// charge makes the first charge. It leaves room to answer in: after a call that is still on its way the
// caller hears that the charge is in work.
func (f *Flows) charge(ctx context.Context, order charging.Order) {
	if end, ok := ctx.Deadline(); ok {
		limited, cancel := context.WithDeadline(ctx, end.Add(-answering))
		defer cancel()
		ctx = limited
	}
	if _, err := f.charging.First(ctx, order); err != nil {
		f.log.WarnContext(ctx, "first charge not written down, it will be resolved", "charge", order.Charge.ID, "error", err)
	}
}

// agree runs the transaction. It does not end with its caller, who would else take a try back by going away.
func (f *Flows) agree(ctx context.Context, now *catalogue.Snapshot, id uuid.UUID, in contract.Confirmation, at time.Time) (done agreement, err error) {
	if err := ctx.Err(); err != nil {
		return done, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), agreeing)
	defer cancel()
	err = pgx.BeginFunc(ctx, f.db, func(tx pgx.Tx) (err error) {
		done, err = f.confirm(ctx, tx, now, id, in, at)
		return err
	})
	return done, err
}

// came is what came of a confirmation, also for a caller whose time is over: the flow is confirmed
// whatever became of reading it.
func (f *Flows) came(ctx context.Context, done agreement) (contract.Enrolment, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reading)
	defer cancel()
	result, err := f.enrolment(ctx, done.flow)
	if err != nil && done.order != nil {
		f.log.WarnContext(ctx, "enrolment not read", "error", err)
		return contract.Enrolment{State: contract.EnrolmentProcessing, SubscriptionID: *done.order.Charge.SubscriptionID}, nil
	}
	return result, err
}

// How long the transaction, and the reading of what came of it, may take; and what is left for the answer.
const (
	agreeing  = 5 * time.Second
	reading   = 2 * time.Second
	answering = time.Second
)

// complete wants of a confirmation what a consent consists of.
func complete(in contract.Confirmation) error {
	switch {
	case in.Texts == "":
		return invalid("texts", "is required")
	case len(in.Screens) == 0 || slices.Contains(in.Screens, ""):
		return invalid("screens", "must name each screen that was confirmed, one at least")
	case in.Address == "":
		return invalid("address", "is required")
	}
	return nil
}

// confirm is the transaction of a confirmation.
func (f *Flows) confirm(ctx context.Context, tx pgx.Tx, now *catalogue.Snapshot, id uuid.UUID, in contract.Confirmation, at time.Time) (done agreement, err error) {
	q := sql.New(tx)
	flow, err := q.LockFlow(ctx, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return agreement{refusal: errEnded}, nil
	}
	if err != nil {
		return done, fmt.Errorf("lock flow: %w", err)
	}
	if flow.State != pending || !flow.ExpiresAt.After(at) {
		died, err := diedOfPIN(ctx, tx, flow)
		if died {
			return agreement{refusal: errPIN, flow: flow}, err
		}
		return agreement{refusal: errEnded}, err
	}
	o, ok := stillOffered(now, flow, in.Amount, in.Currency)
	if !ok {
		return agreement{refusal: errEnded}, nil
	}
	var pin int32
	if flow.Proof == string(contract.ProofHE) {
		if distinct(in.Screens) < 2 { // the operator's header shows whose line it is, not that its owner wants to pay
			return agreement{refusal: invalid("screens", "must name two that were confirmed")}, nil
		}
	} else {
		right := false
		if right, pin, err = f.prove(ctx, tx, flow, strings.TrimSpace(in.PIN), at); err != nil || !right {
			return agreement{refusal: errPIN, flow: flow}, err
		}
	}
	consent, err := f.consent(ctx, tx, flow, o, in, pin, at)
	if err != nil {
		return done, err
	}
	flow.State, flow.ConsentID = confirmed, &consent
	done.flow = flow
	if o.product.Type == catalogue.Subscription {
		done.order, err = f.subscribe(ctx, tx, flow, o, at)
	}
	return done, err
}

func distinct(all []string) int {
	sorted := slices.Sorted(slices.Values(all))
	return len(slices.Compact(sorted))
}
