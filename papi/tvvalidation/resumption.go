package tvvalidation

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"puente/contracts/papi/tvvalidation"
	"puente/papi/tvvalidation/sql"
	"puente/shared/database"
	"puente/shared/hop"
	"puente/shared/problem"
	"puente/shared/telemetry"
)

const (
	resumptions = 4                // at a time, in the one process that resumes
	giveUp      = 10 * time.Minute // after its beginning, on a run whose account the inventory cannot tell
)

// resume finishes the normalizations whose processes died.
func (p *process) resume(ctx context.Context) error {
	rows, err := sql.New(p.db).OverdueNormalizations(ctx)
	if err != nil {
		return fmt.Errorf("resume normalizations: %w", err)
	}
	errs := make([]error, len(rows))
	var all sync.WaitGroup
	slots := make(chan struct{}, resumptions)
	for i, row := range rows {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done(): // the rest stays as it is
			all.Wait()
			return errors.Join(append(errs, ctx.Err())...)
		}
		all.Go(func() {
			defer func() {
				if r := recover(); r != nil { // it runs beside the job that would recover
					errs[i] = fmt.Errorf("panic: %v", r)
				}
				<-slots
			}()
			errs[i] = p.takeOver(ctx, row)
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// takeOver finishes a normalization whose time is over: nobody else works at it, or somebody was faster
// to take it over, which is no error. It acts on behalf of whom the normalization belongs to.
func (p *process) takeOver(ctx context.Context, row sql.TvvalidationNormalization) error {
	ctx = hop.WithPrincipal(telemetry.WithCorrelation(ctx, row.Correlation), hop.Principal{Client: row.Client, System: row.System, Channel: row.Channel})
	ctx, cancel := context.WithTimeout(ctx, p.worktime)
	defer cancel()
	n := run{id: row.ID.String(), account: [32]byte(row.Account)}
	_, _ = rand.Read(n.token[:]) // crypto/rand: never fails
	taken, err := sql.New(p.db).TakeNormalizationOver(ctx, sql.TakeNormalizationOverParams{ID: row.ID, OldToken: row.Token, Token: n.token[:], Lasts: p.worktime + beyond})
	if err != nil {
		return database.Problem(fmt.Errorf("take normalization over: %w", err))
	}
	if taken == 0 {
		return nil
	}
	if n.out, err = p.openRun(n.id, row.Result); err != nil { // it would be the same each time, and keep the account busy
		_, ending := p.endRow(ctx, n.id, n.token[:], row.Result)
		return errors.Join(err, ending)
	}
	want, err := p.expect(p.freshView(ctx, n.out.Connection))
	if err == nil && p.accountKey(want.account) != n.account {
		err = refused(tvvalidation.CodeNoService, "There is no such service", errors.New("its account is another one now"))
	}
	if err != nil {
		return p.leave(ctx, n, row.CreatedAt, err)
	}
	_, err = p.correct(ctx, n, &want, p.askSome(ctx, &want))
	return err
}

// leave ends a run whose account is not known to be the line's any more, without changing or asking
// anything: what became of it stays unknown. What may be known later is not given up at once; the next
// one who takes the run over asks again.
func (p *process) leave(ctx context.Context, n run, began time.Time, err error) error {
	e := problem.Of(err)
	final := e.Kind == problem.Rejected && e.Code == tvvalidation.CodeNoService
	if !final && time.Since(began) < giveUp {
		if e := sql.New(p.db).LeaveNormalization(context.WithoutCancel(ctx), sql.LeaveNormalizationParams{ID: n.id, Token: n.token[:]}); e != nil {
			err = errors.Join(err, database.Problem(e))
		}
		return err
	}
	p.log.WarnContext(ctx, "normalization given up", "normalization", n.id, "error", err)
	for _, c := range corrections(&n.out) {
		conclude(c, check{Check: tvvalidation.Check{AskedAt: p.now(), Semaphore: tvvalidation.Yellow, Expected: slices.Clone(c.Before.Expected), Found: []string{}}})
	}
	_, err = p.finish(ctx, n)
	return err
}

// pruneNormalizations removes those that are too old.
func (p *process) pruneNormalizations(ctx context.Context) error {
	return sql.New(p.db).PruneNormalizations(ctx, p.cfg.Normalizations.Keep)
}
