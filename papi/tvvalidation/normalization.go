package tvvalidation

import (
	"context"
	"runtime/debug"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"puente/contracts/papi/tvvalidation"
	"puente/shared/hop"
	"puente/shared/problem"
	"puente/shared/telemetry"
)

// request is a normalization as its caller asks for it.
type request struct {
	key, asked  [32]byte
	by          hop.Principal
	correlation string
	connection  string
	dryRun      bool
}

func (p *process) request(ctx context.Context, in tvvalidation.NormalizationRequest) request {
	by := hop.PrincipalOf(ctx)
	dry := []byte{0}
	if in.DryRun {
		dry[0] = 1
	}
	return request{
		key: p.ring.MAC("tvvalidation.normalization", []byte(by.Scoped(in.Key))), asked: p.ring.MAC("tvvalidation.asked", []byte(in.Connection), dry),
		by: by, correlation: telemetry.Correlation(ctx), connection: in.Connection, dryRun: in.DryRun,
	}
}

// Normalize has the platforms changed that differ from the inventory. A caller that goes away, or whose
// time is over, takes only the questions with it: changes that were begun end within their own time, and
// what came of them is found under the same key.
func (p *process) Normalize(ctx context.Context, in tvvalidation.NormalizationRequest) (tvvalidation.Normalization, error) {
	if err := complete(in.Connection); err != nil {
		return tvvalidation.Normalization{}, err
	}
	if in.Key == "" {
		return tvvalidation.Normalization{}, &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: "key", Rule: "is required"}}}
	}
	type ending struct {
		out tvvalidation.Normalization
		err error
	}
	ended := make(chan ending, 1)
	wait, cancel := context.WithDeadline(ctx, newBudget(ctx).answer)
	defer cancel()
	p.flights.Go(func() {
		var e ending
		defer func() {
			if r := recover(); r != nil { // no request's recover stands above
				e.err = problem.Errorf(problem.Internal, "panic: %v\n%s", r, debug.Stack())
			}
			p.metrics.normalized(&e.out, e.err)
			ended <- e
		}()
		e.out, e.err = p.normalize(wait, p.request(ctx, in))
	})
	select {
	case e := <-ended:
		return e.out, e.err
	case <-wait.Done():
		return tvvalidation.Normalization{}, &problem.Error{
			Kind: problem.Timeout, Detail: "The normalization is not over; asking again under the same key tells what became of it", Err: wait.Err(),
		}
	}
}

// normalize is the flow. The view is fresh, since what follows from it is not only told but done.
func (p *process) normalize(ctx context.Context, r request) (tvvalidation.Normalization, error) {
	for {
		if earlier, found, err := p.earlier(ctx, r); found || err != nil {
			return earlier, err
		}
		want, err := p.expect(p.freshView(ctx, r.connection))
		if err != nil {
			return tvvalidation.Normalization{}, err
		}
		var last pgtype.UUID
		if !r.dryRun {
			var waited bool
			if last, waited, err = p.alone(ctx, want.account); err != nil {
				return tvvalidation.Normalization{}, err
			}
			if waited {
				continue // the inventory may have others by now
			}
		}
		before := p.askSome(ctx, &want)
		if err := late(ctx); err != nil { // nobody waits for it any more: nothing is begun
			return tvvalidation.Normalization{}, err
		}
		if before.all(tvvalidation.Yellow) {
			return tvvalidation.Normalization{}, failed(tvvalidation.CodePlatforms, "No platform could be asked", nil)
		}
		n, err := p.plan(r, &want, &before, last)
		if err != nil {
			return tvvalidation.Normalization{}, err
		}
		if out, started, err := p.carryOut(ctx, r, n, &want, before); started || err != nil {
			return out, err
		}
		select { // somebody else has the key or the account by now, or had: all is asked again, not at once
		case <-time.After(p.cfg.Normalizations.Poll):
		case <-ctx.Done():
			return tvvalidation.Normalization{}, late(ctx)
		}
	}
}

// plan is what follows from the first comparison: nothing to do, or what is to be done.
func (p *process) plan(r request, want *expectation, before *checks, last pgtype.UUID) (run, error) {
	n, err := p.newRun(want.account, last)
	if err != nil {
		return n, err
	}
	n.out = tvvalidation.Normalization{
		ID: n.id, Connection: r.connection, Account: want.account, Technology: want.technology, State: tvvalidation.NormalizationDone, CreatedAt: p.now(),
	}
	for aspect, c := range corrections(&n.out) {
		check := before[aspect]
		*c = tvvalidation.Correction{Before: check.Check, Actions: check.actions(aspect)}
		if check.Semaphore == tvvalidation.Red {
			n.out.State = tvvalidation.NormalizationRunning
		}
	}
	switch {
	case r.dryRun:
		n.out.State = tvvalidation.NormalizationPlanned
	case n.out.State == tvvalidation.NormalizationDone: // what was found is what is found
		for aspect, c := range corrections(&n.out) {
			conclude(c, before.copyOf(aspect))
		}
	}
	if n.out.State != tvvalidation.NormalizationRunning {
		n.end(p.now())
	}
	return n, nil
}

// carryOut writes n down, which ends it where nothing is to be done, and then does what is. It is false
// where another normalization has n's key, or works at its account, or has since the comparison.
func (p *process) carryOut(ctx context.Context, r request, n run, want *expectation, before checks) (out tvvalidation.Normalization, started bool, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.worktime) // not that of whoever asked for it
	defer cancel()
	if started, err = p.start(ctx, r, &n); !started || err != nil || n.out.State != tvvalidation.NormalizationRunning {
		return n.out, started, err
	}
	out, err = p.correct(ctx, n, want, before)
	return out, true, err
}

// correct changes what is RED now and was RED when n was begun, compares again, and ends n. ctx is n's
// time.
func (p *process) correct(ctx context.Context, n run, want *expectation, now checks) (tvvalidation.Normalization, error) {
	var changes []func(context.Context) ([]string, error)
	var told []int
	for aspect, c := range corrections(&n.out) {
		check := now[aspect]
		if c.Before.Semaphore != tvvalidation.Red || check.Semaphore != tvvalidation.Red {
			continue
		}
		extend(c, check.actions(aspect))
		change := want.change(aspect, &check)
		changes = append(changes, func(ctx context.Context) ([]string, error) {
			if err := late(ctx); err != nil {
				return nil, err
			}
			return nil, p.platforms.Change(ctx, change)
		})
		told = append(told, aspect)
	}
	if len(changes) > 0 {
		limited, cancel := context.WithTimeout(ctx, p.patience)
		for i, a := range atOnce(limited, changes...) {
			if a.err != nil { // what came of it the comparison tells
				p.log.WarnContext(ctx, "platform not changed", "platform", platforms[told[i]], "technology", want.technology, "normalization", n.id, "error", a.err)
			}
		}
		cancel()
		now = p.askSome(ctx, want)
	}
	if err := late(ctx); err != nil { // who takes the row over compares in its place
		return tvvalidation.Normalization{}, err
	}
	for aspect, c := range corrections(&n.out) {
		conclude(c, now.copyOf(aspect))
	}
	return p.finish(ctx, n)
}

// late is the error of work whose time is over, also where no timer has noticed yet: a process that was
// held up must not change what another one has taken over.
func late(ctx context.Context) error {
	if end, ok := ctx.Deadline(); ok && !time.Now().Before(end) {
		return problem.Errorf(problem.Timeout, "normalize: %w", context.DeadlineExceeded)
	}
	if err := ctx.Err(); err != nil {
		return problem.Errorf(problem.Timeout, "normalize: %w", err)
	}
	return nil
}

// askSome is ask for as long as the platforms' contract lets them take.
func (p *process) askSome(ctx context.Context, want *expectation) checks {
	limited, cancel := context.WithTimeout(ctx, p.patience)
	defer cancel()
	return p.ask(limited, want)
}

// copyOf is a check with lists of its own.
func (c *checks) copyOf(aspect int) check {
	one := c[aspect]
	one.Expected, one.Found = slices.Clone(one.Expected), slices.Clone(one.Found)
	return one
}
