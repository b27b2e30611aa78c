package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"puente/shared/telemetry"
)

// Worker says how jobs with arguments T are worked.
type Worker[T river.JobArgs] struct {
	// Work does the job. An error lets it be tried again, until its attempts are used up; see also
	// river.JobSnooze, river.JobCancel and river.JobCompleteTx. The context carries the correlation
	// ID of the request that enqueued the job, and a place in its trace, however late it is.
	Work func(context.Context, *river.Job[T]) error

	Timeout time.Duration                   // zero: the configured one
	Retry   func(attempt int) time.Duration // pause after the attempt, 1 the first; nil: attempt⁴ seconds
}

// Register makes this process work the jobs of T in queue, layer.api. Call it before Start.
func Register[T river.JobArgs](j *Jobs, queue string, w Worker[T]) error {
	var args T
	m, err := j.add(queue, args.Kind())
	if err != nil {
		return err
	}
	if err := river.AddWorkerSafely(j.workers, &worker[T]{Worker: w, jobs: j, queue: queue, measures: m}); err != nil {
		return fmt.Errorf("jobs: register %s: %w", args.Kind(), err)
	}
	return nil
}

// add hosts the queue with a new kind.
func (j *Jobs) add(queue, kind string) (*measures, error) {
	if j.client != nil {
		return nil, fmt.Errorf("jobs: %s is registered after start", kind)
	}
	if j.kinds[kind] {
		return nil, fmt.Errorf("jobs: %s is registered twice", kind)
	}
	j.kinds[kind] = true
	j.host(queue)
	return j.metrics.of(queue, kind), nil
}

// worker is a Worker as River wants it.
type worker[T river.JobArgs] struct {
	river.WorkerDefaults[T]
	Worker[T]
	jobs     *Jobs
	queue    string
	measures *measures
}

// Work measures the work and gives it the correlation ID and the trace.
func (w *worker[T]) Work(ctx context.Context, job *river.Job[T]) error {
	return w.jobs.work(correlated(ctx, job.JobRow), w.queue, job.JobRow, w.measures, func(ctx context.Context) error {
		return w.Worker.Work(ctx, job)
	})
}

// work does one attempt at a job of queue, measured and with a span below that of ctx, or one of its own
// where ctx has none.
func (j *Jobs) work(ctx context.Context, queue string, job *rivertype.JobRow, m *measures, do func(context.Context) error) error {
	parent := telemetry.TraceOf(ctx)
	own := parent.Child()
	if parent.IsZero() {
		own = j.tracer.Root(own)
	}
	ctx = telemetry.WithTrace(ctx, own)
	span := j.tracer.Start(ctx, strings.ReplaceAll(job.Kind, ".", "/"), trace.SpanKindConsumer, parent)
	result, err := "panic", errPanicked
	defer func() {
		if span.Recording() {
			span.Set(attribute.String("puente.job.queue", queue), attribute.String("puente.job.kind", job.Kind), attribute.Int64("puente.job.id", job.ID),
				attribute.Int("puente.job.attempt", job.Attempt), attribute.String("puente.job.result", result))
		}
		if result == snoozed || result == cancelled { // by itself: that is no failure
			err = nil
		}
		span.End(err)
	}()
	err = m.measure(own, func() error { return do(ctx) })
	result = outcome(err)
	return err
}

// errPanicked is the error of work that did not return.
var errPanicked = errors.New("panic")

func (w *worker[T]) Timeout(*river.Job[T]) time.Duration { return w.Worker.Timeout }

func (w *worker[T]) NextRetry(job *river.Job[T]) time.Time {
	if w.Retry == nil {
		return time.Time{}
	}
	return time.Now().Add(w.Retry(job.Attempt))
}

// origin is what a job's metadata hold of the request that enqueued it.
type origin struct {
	Correlation string `json:"correlation_id,omitempty"`
	Traceparent string `json:"traceparent,omitempty"`
}

// correlated carries what the job was enqueued under: the request's correlation ID, and its place in its trace.
func correlated(ctx context.Context, job *rivertype.JobRow) context.Context {
	var from origin
	if err := json.Unmarshal(job.Metadata, &from); err != nil {
		return ctx
	}
	parent, _ := telemetry.ParseTraceparent(from.Traceparent) // none: of a job that was enqueued by no request
	return telemetry.WithIdentity(ctx, from.Correlation, parent)
}

// failures logs each failed attempt once. Arguments are not logged: they may name a person.
type failures struct{ log *slog.Logger }

// HandleError implements river.ErrorHandler.
func (f failures) HandleError(ctx context.Context, job *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	level := slog.LevelWarn
	if job.Attempt >= job.MaxAttempts {
		level = slog.LevelError // it is not tried again
	}
	f.log.Log(correlated(ctx, job), level, "job failed", "queue", job.Queue, "kind", job.Kind, "job_id", job.ID, "attempt", job.Attempt, "error", err)
	return nil
}

// HandlePanic implements river.ErrorHandler.
func (f failures) HandlePanic(ctx context.Context, job *rivertype.JobRow, value any, trace string) *river.ErrorHandlerResult {
	f.log.ErrorContext(correlated(ctx, job), "job panicked", "queue", job.Queue, "kind", job.Kind, "job_id", job.ID, "attempt", job.Attempt, "panic", value, "stack", trace)
	return nil
}

// The outcomes of an attempt whose error is none.
const (
	snoozed   = "snoozed"
	cancelled = "cancelled"
)

// outcome names how an attempt ended, for the metric.
func outcome(err error) string {
	var snooze *river.JobSnoozeError
	var cancel *river.JobCancelError
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &snooze):
		return snoozed
	case errors.As(err, &cancel):
		return cancelled
	default:
		return "error"
	}
}
