package renewal

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"puente/papi/subscription/sql"
	"puente/shared/database"
	"puente/shared/jobs"
	"puente/shared/telemetry"
)

// chunkJob works chunks for a while. There is one live job of a number, so that no more than Config.Jobs are at
// work over all processes.
type chunkJob struct {
	Number int `json:"number"`
}

// Kind implements river.JobArgs.
func (chunkJob) Kind() string { return "papi.subscription.renewal" }

const (
	jobTimeout = time.Minute
	attempts   = 3 // the next wake enqueues another
	behind     = 3 // priority: a renewal waits for what else is due in the queue
)

// Schedule has the subscriptions that are due renewed by workers of queue, and the events of lines followed.
func (r *Renewal) Schedule(j *jobs.Jobs, queue string) error {
	err := jobs.Register(j, queue, jobs.Worker[chunkJob]{
		Work: r.work, Timeout: jobTimeout, Retry: func(int) time.Duration { return time.Second },
	})
	if err != nil {
		return err
	}
	wake := func(ctx context.Context) error { return r.wake(ctx, j, queue) }
	if err := j.Every(queue+".renewal-wake", queue, r.cfg.Every, wake); err != nil {
		return err
	}
	return j.Every(queue+".line-events", queue, r.cfg.Events, r.FollowLines)
}

// wake enqueues as many jobs as there are chunks due, or as may be.
func (r *Renewal) wake(ctx context.Context, j *jobs.Jobs, queue string) error {
	due, err := sql.New(r.DB).CountDue(ctx, sql.CountDueParams{Now: r.Now(), Most: int32(r.cfg.Jobs * r.cfg.Chunk)})
	if err != nil {
		return database.Problem(fmt.Errorf("count due subscriptions: %w", err))
	}
	var all []river.JobArgs
	for n := 0; n < r.cfg.Jobs && n*r.cfg.Chunk < int(due); n++ {
		all = append(all, chunkJob{Number: n})
	}
	ctx = telemetry.WithTrace(ctx, telemetry.Trace{}) // a chunk job lasts for as long as more is due: each of its slices is a trace
	err = pgx.BeginFunc(ctx, r.DB, func(tx pgx.Tx) error {
		_, err := j.EnqueueAll(ctx, tx, queue, all, jobs.Options{Unique: true, Attempts: attempts, Priority: behind})
		return err
	})
	return database.Problem(err)
}

// work runs for a slice, and comes back where there may be more.
func (r *Renewal) work(ctx context.Context, _ *river.Job[chunkJob]) error {
	more, again, err := r.Run(ctx)
	switch {
	case ctx.Err() != nil: // we are stopping: another process may go on at once
		return river.JobSnooze(0)
	case err != nil:
		return err
	case more:
		return river.JobSnooze(again)
	}
	return nil
}
