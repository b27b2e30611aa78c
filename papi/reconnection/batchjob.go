package reconnection

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"puente/contracts/papi/reconnection"
	"puente/papi/reconnection/sql"
	"puente/shared/hop"
	"puente/shared/jobs"
	"puente/shared/problem"
	"puente/shared/telemetry"
)

const (
	slice        = 5 * time.Second  // a run begins no item after this: a process that stops need not wait longer
	longestRetry = 30 * time.Second // of a job that failed: the database was away
	manyAttempts = 30000            // of the job: an item's own tries end a batch, not the job's
)

// worker works batches.
func (p *process) worker() jobs.Worker[batchJob] {
	return jobs.Worker[batchJob]{
		Work: p.workJob, Timeout: time.Minute,
		Retry: func(attempt int) time.Duration { return min(time.Duration(attempt)*time.Second, longestRetry) },
	}
}

// workJob works a batch for a while, and comes back as long as there is something to be done. It goes
// on where it stopped, whichever process that was in: an item that was under way then is asked for
// again, and its suspension tells what became of it.
func (p *process) workJob(ctx context.Context, job *river.Job[batchJob]) error {
	again, over, err := p.workBatch(ctx, job.Args.Batch)
	switch {
	case ctx.Err() != nil: // we are stopping: another process may go on at once
		return river.JobSnooze(0)
	case err != nil:
		return err
	case over:
		return nil
	}
	return river.JobSnooze(again)
}

// workBatch works the items of a batch that are due, for about a slice of time. It tells when the
// next one is, or that all is over.
func (p *process) workBatch(ctx context.Context, id string) (again time.Duration, over bool, err error) {
	q := sql.New(p.db)
	row, err := q.BatchPrincipal(ctx, id)
	if errors.Is(err, pgx.ErrNoRows) { // pruned
		return 0, true, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("work batch: %w", err)
	}
	by := hop.Principal{Client: row.Client, System: row.System, Channel: row.Channel}
	for began := time.Now(); time.Since(began) < slice; {
		items, err := q.DueItems(ctx, sql.DueItemsParams{BatchID: id, Most: int32(cap(p.slots))})
		if err != nil {
			return 0, false, fmt.Errorf("read items of batch: %w", err)
		}
		if len(items) == 0 {
			break
		}
		if err := p.workItems(hop.WithPrincipal(ctx, by), id, items); err != nil {
			return 0, false, err
		}
	}
	wait, err := q.NextItem(ctx, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, true, q.EndBatch(ctx, id)
	}
	if err != nil {
		return 0, false, fmt.Errorf("read items of batch: %w", err)
	}
	return time.Duration(wait) * time.Millisecond, false, nil
}

// workItems works items at once, as far as the slots of this process allow.
func (p *process) workItems(ctx context.Context, id string, items []sql.DueItemsRow) error {
	errs := make([]error, len(items))
	var all sync.WaitGroup
	defer all.Wait()
	for i, item := range items {
		select {
		case p.slots <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		all.Go(func() {
			defer func() { <-p.slots }()
			errs[i] = p.workItem(ctx, id, item)
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// workItem works one item as a request of its own, and writes down what came of it.
func (p *process) workItem(ctx context.Context, id string, item sql.DueItemsRow) (err error) {
	defer func() {
		if r := recover(); r != nil { // it runs beside the job that would recover
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	q := sql.New(p.db)
	in, err := p.open(id, item.Position, item.Request)
	if err != nil { // it would fail each time, and keep the others waiting
		return errors.Join(err, q.FinishItem(ctx, sql.FinishItemParams{BatchID: id, Position: item.Position, Code: reconnection.CodeTechnical}))
	}
	asking, cancel := context.WithTimeout(telemetry.WithCorrelation(ctx, item.Correlation), sla)
	defer cancel()
	out, err := p.items.Reconnect(asking, in)
	if ctx.Err() != nil {
		return ctx.Err() // told to stop: that is no failure of the item's
	}
	code, refused := refusal(err)
	switch {
	case err == nil || refused:
	case problem.Of(err).Kind != problem.Invalid && int(item.Tries) < len(p.cfg.Batch.Pauses):
		return q.PutOffItem(ctx, sql.PutOffItemParams{BatchID: id, Position: item.Position, Pause: p.cfg.Batch.Pauses[item.Tries]})
	default:
		code = reconnection.CodeTechnical
	}
	return q.FinishItem(ctx, sql.FinishItemParams{
		BatchID: id, Position: item.Position, Code: code,
		Kind: string(out.Kind), OrderNumber: out.OrderNumber, Cun: out.CUN, PqrNumber: out.PQRNumber,
	})
}
