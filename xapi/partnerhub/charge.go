package partnerhub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json"

	"puente/contracts/papi/subscription"
	"puente/contracts/xapi/partnerhub"
	"puente/shared/policy"
	"puente/shared/problem"
)

// replayedHeader says that an answer is that of an earlier request.
const replayedHeader = "Idempotent-Replayed"

// errDeclined marks the error of a charge that was declined, whatever the reason.
var errDeclined = errors.New("the charge was declined")

// Charge charges a line. What came of it is an outcome to the process; to the partner all but a charge that
// was made is an error, of an earlier request as much as of this one.
func (c *channel) Charge(x *policy.Exchange, in partnerhub.ChargeRequest) error {
	key, err := keyOf(in.IdempotencyKey, in.ExternalTxID)
	if err != nil {
		return err
	}
	o, err := offer(in.UserIdentifier, in.PartnerID, in.ServiceID, in.ProductID, in.EntryChannel)
	if err != nil {
		return err
	}
	o.ShortCode, o.Date = in.ShortCode, in.Date
	ctx, cancel := lasting(x.Context())
	defer cancel()
	out, err := c.hub.Charge(ctx, subscription.ChargeRequest{Offer: o, PricepointID: in.PricepointID, TID: in.TID, Key: key})
	if err != nil {
		return err
	}
	if out.Replayed {
		x.SetHeader(replayedHeader, "true")
	}
	switch out.Outcome {
	case subscription.OutcomeSucceeded:
		return respond(x, done(ctx))
	case subscription.OutcomeDeclined:
		return &problem.Error{Kind: problem.Rejected, Code: cmp.Or(out.Reason, subscription.CodeDeclined), Err: errDeclined}
	case subscription.OutcomeUnknown:
		return &problem.Error{Kind: problem.Unknown, Code: subscription.CodeOutcomeUnknown}
	}
	return fmt.Errorf("charge: outcome %q", out.Outcome)
}

// keyOf is what a request is named by in a header, if anything.
func keyOf(key, txID string) (string, error) {
	if key != "" && txID != "" && key != txID {
		return "", &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: "header.external-tx-id", Rule: "must be the Idempotency-Key where both are given"}}}
	}
	return cmp.Or(key, txID), nil
}

// lasting is ctx for a call with effects: it ends at ctx's deadline and not with the caller's connection. A
// charge that is broken off becomes one of which nobody knows, and is refunded to a partner that comes
// again to hear what came of it.
func lasting(ctx context.Context) (context.Context, context.CancelFunc) {
	end, limited := ctx.Deadline()
	ctx = context.WithoutCancel(ctx)
	if !limited {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, end)
}

// respond answers 200 with body.
func respond(x *policy.Exchange, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return problem.Errorf(problem.Internal, "encode answer: %w", err)
	}
	x.Respond(http.StatusOK, "application/json", text)
	return nil
}

// ChargeStatus tells the state of a charge.
func (c *channel) ChargeStatus(ctx context.Context, in partnerhub.ChargeQuery) (partnerhub.ChargeStatus, error) {
	out, err := c.hub.QueryCharge(ctx, subscription.ChargeQuery{Key: in.Key})
	if err != nil {
		return partnerhub.ChargeStatus{}, err
	}
	return partnerhub.ChargeStatus{
		Key: out.Key, State: partnerhub.ChargeState(out.State), Reason: out.Reason, Value: out.Amount, Currency: out.Currency,
		CreatedAt: out.CreatedAt, EndedAt: out.EndedAt, RefundedAt: out.RefundedAt,
	}, nil
}
