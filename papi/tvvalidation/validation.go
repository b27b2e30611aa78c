package tvvalidation

import (
	"context"
	"time"

	"github.com/google/uuid"

	"puente/contracts/papi/tvvalidation"
	"puente/shared/hop"
)

// Validate compares the platforms with what the inventory has, which may be some seconds old.
func (p *process) Validate(ctx context.Context, in tvvalidation.Request) (out tvvalidation.Verification, err error) {
	if err := complete(in.Connection); err != nil {
		return out, err
	}
	limit := newBudget(ctx)
	calls, cancel := context.WithDeadline(ctx, limit.calls)
	defer cancel()
	want, err := p.expect(p.view(calls, in.Connection))
	if err != nil {
		return out, left(ctx, err)
	}
	found := p.ask(calls, &want)
	if found.all(tvvalidation.Yellow) {
		return out, left(ctx, failed(tvvalidation.CodePlatforms, "No platform could be asked", nil))
	}
	id, err := uuid.NewV7()
	if err != nil {
		return out, err
	}
	out = tvvalidation.Verification{
		ID: id.String(), Connection: in.Connection, Account: want.account, Technology: want.technology, At: p.now(),
		Channels: found[channels].Check, Services: found[services].Check, Devices: found[devices].Check, Subscriber: found[subscriber].Check,
	}
	p.record(ctx, limit, event{id: id, by: hop.PrincipalOf(ctx), Verification: out})
	return out, nil
}

// budget is how a request's time is shared out.
type budget struct {
	calls  time.Time // by then no system is waited for any more
	answer time.Time // by then the caller is answered, whatever is still to be written
}

const (
	sla     = 30 * time.Second // the contract's; a typed caller or a test may come without a deadline
	reserve = 150 * time.Millisecond
)

// newBudget leaves time to record what came out, and to answer.
func newBudget(ctx context.Context) budget {
	now := time.Now()
	end := now.Add(sla)
	if given, ok := ctx.Deadline(); ok && given.Before(end) {
		end = given
	}
	part := min(reserve, end.Sub(now)/2)
	return budget{calls: end.Add(-part), answer: end.Add(-part / 3)}
}
