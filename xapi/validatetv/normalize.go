package validatetv

import (
	"context"
	"errors"

	"puente/contracts/papi/tvvalidation"
	"puente/contracts/xapi/normalizetv"
	"puente/shared/envelope"
	"puente/shared/hop"
	"puente/shared/problem"
)

// Normalize has the platforms changed, under a key that its client and system name it by: whoever repeats
// the request after a failure is told of the same normalization.
func (c *channel) Normalize(ctx context.Context, in normalizetv.Request) (normalizetv.Response, error) {
	out, err := c.process.Normalize(ctx, tvvalidation.NormalizationRequest{
		Key: hop.PrincipalOf(ctx).Scoped(in.Caller.Correlation), Connection: in.Phone, DryRun: in.DryRun,
	})
	if errors.Is(err, problem.Conflict) { // the key is another request's, or that one is not over
		err = &problem.Error{Kind: problem.Conflict, Code: envelope.CodeRepeated, RetryAfter: problem.Of(err).RetryAfter, Err: err}
	}
	if err != nil {
		return normalizetv.Response{}, err
	}
	header, status := c.header(ctx, in.Caller, in.Phone)
	return normalizetv.Response{Status: status, Header: header, Body: normalizetv.Result{
		Channels: corrected(out.Channels, channels), Services: corrected(out.Services, services), Phone: in.Phone,
		Devices: corrected(out.Devices, devices), Account: out.Account,
		Subscriber: corrected(out.Subscriber, subscriber), Technology: string(out.Technology),
		ID: out.ID, DryRun: in.DryRun,
	}}, nil
}

// corrected tells how a platform is now, how it was, and what was done.
func corrected(c tvvalidation.Correction, words describe) normalizetv.Correction {
	now := c.Before
	if c.After != nil {
		now = *c.After
	}
	shown := checked(now, words)
	out := normalizetv.Correction{
		ExecutionDate: shown.ExecutionDate, Semaphore: normalizetv.Semaphore(shown.Semaphore), Description: shown.Description,
		Before: state(c.Before), Actions: make([]normalizetv.Action, len(c.Actions)),
	}
	if c.After != nil {
		after := state(*c.After)
		out.After = &after
	}
	for i, a := range c.Actions {
		out.Actions[i] = normalizetv.Action{Kind: normalizetv.ActionKind(a.Kind), Item: a.Item, State: normalizetv.ActionState(a.State)}
	}
	return out
}

// state is what a platform had.
func state(c tvvalidation.Check) normalizetv.State {
	return normalizetv.State{Semaphore: normalizetv.Semaphore(semaphores[c.Semaphore]), Items: append([]string{}, c.Found...)}
}
