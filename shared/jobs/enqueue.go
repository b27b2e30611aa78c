package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"puente/shared/database"
	"puente/shared/telemetry"
)

// Options of a job. The zero value: now, as often as it takes, the configured attempts.
type Options struct {
	At       time.Time // not before; by the database's clock, not by business time
	Attempts int       // zero: the configured number. Raise it where later work waits behind this job
	Priority int       // 1, the default and first, to 4

	// Unique drops the job where one of the same kind and arguments (or those tagged
	// river:"unique") waits or is in work. One that was completed does not count, unlike with
	// River's default, which would lose the wake-ups that come after it.
	Unique bool
}

// live are the states in which a job is still going to be worked, or is being.
var live = []rivertype.JobState{
	rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable,
	rivertype.JobStateRunning, rivertype.JobStateScheduled,
}

// Enqueue puts a job into queue, layer.api, when tx commits. It reports whether a job was added,
// which it was unless o.Unique found one.
func (j *Jobs) Enqueue(ctx context.Context, tx pgx.Tx, queue string, args river.JobArgs, o Options) (added bool, err error) {
	n, err := j.EnqueueAll(ctx, tx, queue, []river.JobArgs{args}, o)
	return n > 0, err
}

// EnqueueAll does the same with many jobs in one statement and reports how many were added.
func (j *Jobs) EnqueueAll(ctx context.Context, tx pgx.Tx, queue string, all []river.JobArgs, o Options) (added int, err error) {
	if len(all) == 0 {
		return 0, nil
	}
	opts := river.InsertOpts{
		Queue: riverName(queue), ScheduledAt: o.At, MaxAttempts: o.Attempts, Priority: o.Priority,
		Metadata: metadata(ctx),
	}
	if o.Unique {
		opts.UniqueOpts = river.UniqueOpts{ByArgs: true, ByQueue: true, ByState: live}
	}
	params := make([]river.InsertManyParams, len(all))
	for i, args := range all {
		params[i] = river.InsertManyParams{Args: args, InsertOpts: &opts}
	}
	results, err := j.inserter.InsertManyTx(ctx, tx, params)
	if err != nil {
		return 0, fmt.Errorf("jobs: enqueue for %s: %w", queue, database.Problem(err))
	}
	for _, r := range results {
		if !r.UniqueSkippedAsDuplicate {
			added++
		}
	}
	return added, nil
}

func metadata(ctx context.Context) []byte {
	from := origin{telemetry.Correlation(ctx), telemetry.TraceOf(ctx).Traceparent()}
	if from == (origin{}) {
		return nil
	}
	b, err := json.Marshal(from)
	if err != nil { // strings: cannot happen
		panic(err)
	}
	return b
}
