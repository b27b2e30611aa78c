package jobs

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"puente/shared/database"
)

// periodic is a job that never completes: after each run it is put off until the next.
type periodic struct {
	river.WorkerDefaults[tick]
	kind     string
	queue    string
	period   time.Duration
	timeout  time.Duration
	fn       func(context.Context) error
	jobs     *Jobs
	measures *measures
}

// tick is the argument of a periodic job. Each has a kind of its own, so that a process that does
// not know it leaves it to those that do.
type tick struct{ kind string }

// Kind implements river.JobArgs.
func (t tick) Kind() string { return t.kind }

const (
	minPeriod  = time.Second
	retryAfter = time.Minute // a failed run is repeated after this, or after the period if that is shorter
	forever    = 32767       // attempts; a run that was put off does not count
)

// Every runs fn once in every period, in whichever process hosts queue (layer.api), never twice at a
// time. Its name is unique in the platform: papi.reconnection.reconcile. The next period begins when a run ends; the schedule survives restarts. A run may take as
// long as the period, at least the configured timeout. Where the period is longer than five
// seconds, a run may start up to five seconds late. An error is logged and counted.
//
// There is one row for it, whatever the number of processes, which snoozes between runs: unlike
// River's periodic jobs it does not depend on who leads, and it cannot pile up.
func (j *Jobs) Every(name, queue string, period time.Duration, fn func(context.Context) error) error {
	if period < minPeriod {
		return fmt.Errorf("jobs: the period of %s must be at least %s", name, minPeriod)
	}
	m, err := j.add(queue, name)
	if err != nil {
		return err
	}
	p := &periodic{
		kind: name, queue: queue, period: period, timeout: max(period, j.cfg.Timeout),
		fn: fn, jobs: j, measures: m,
	}
	j.periodic = append(j.periodic, p)
	river.AddWorkerArgs(j.workers, tick{name}, river.Worker[tick](p))
	q := j.host(queue)
	q.poll = min(q.poll, max(100*time.Millisecond, period/4)) // a short period wants to be noticed in time
	return nil
}

// Work runs fn, whatever becomes of it, and puts the job off.
func (p *periodic) Work(ctx context.Context, job *river.Job[tick]) error {
	err := p.jobs.work(ctx, p.queue, job.JobRow, p.measures, p.run)
	switch {
	case err == nil:
		return river.JobSnooze(p.period)
	case errors.Is(ctx.Err(), context.Canceled): // we are stopping: another process may go on at once
		return river.JobSnooze(0)
	default:
		return river.JobSnooze(min(p.period, retryAfter))
	}
}

// run calls fn, and tells under the context of the attempt when it failed.
func (p *periodic) run(ctx context.Context) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
		if err != nil && !errors.Is(ctx.Err(), context.Canceled) {
			p.jobs.log.WarnContext(ctx, "periodic job failed", "kind", p.kind, "error", err)
		}
	}()
	return p.fn(ctx)
}

// Timeout implements river.Worker.
func (p *periodic) Timeout(*river.Job[tick]) time.Duration { return p.timeout }

// schedule sees to it that each periodic job has its row, due no later than its period allows,
// which may have become shorter.
func (j *Jobs) schedule(ctx context.Context) error {
	for _, p := range j.periodic {
		err := pgx.BeginFunc(ctx, j.db, func(tx pgx.Tx) error {
			_, err := j.Enqueue(ctx, tx, p.queue, tick{p.kind}, Options{Unique: true, Attempts: forever})
			if err != nil {
				return err
			}
			_, err = tx.Exec(ctx, `
				update river.river_job set scheduled_at = now() + $2::interval
				where kind = $1 and state in ('available', 'scheduled') and scheduled_at > now() + $2::interval`, p.kind, p.period)
			return err
		})
		if err != nil {
			return fmt.Errorf("jobs: schedule %s: %w", p.kind, database.Problem(err))
		}
	}
	return nil
}
