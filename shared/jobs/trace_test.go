package jobs_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"puente/shared/database/databasetest"
	"puente/shared/jobs"
	"puente/shared/telemetry"
	"puente/shared/telemetry/telemetrytest"
)

// Each attempt at a job is a span of the trace of the request that enqueued it, below what enqueued it; one
// that no request enqueued, and each run of a periodic job, begins a trace.
func TestJobsAreInTheTraceOfTheirRequest(t *testing.T) {
	db := databasetest.New(t, jobs.Migrations)
	collector := telemetrytest.Collect(t)
	tracer, flush := collector.Tracer(t)
	j, _ := tracedJobs(t, db, jobs.Config{}, tracer)
	worked, ran := make(chan telemetry.Trace, 10), make(chan telemetry.Trace, 10)
	register(t, j, queue, jobs.Worker[greeting]{
		Work: func(ctx context.Context, job *river.Job[greeting]) error {
			worked <- telemetry.TraceOf(ctx)
			switch {
			case job.Args.Name != "ana":
				return nil
			case job.Attempt == 1:
				return errors.New("3000000019 is not there yet")
			case job.Attempt == 2:
				panic("3000000019")
			}
			return nil
		},
		Retry: func(int) time.Duration { return time.Millisecond },
	})
	every(t, j, time.Hour, func(ctx context.Context) error { ran <- telemetry.TraceOf(ctx); return nil })
	if err := j.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	request := tracer.Root(telemetry.NewTrace())
	ctx := telemetry.WithIdentity(t.Context(), "MAX-1", request)
	err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		_, err := j.Enqueue(ctx, tx, queue, greeting{"ana"}, jobs.Options{})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var places []telemetry.Trace
	for range 3 {
		places = append(places, <-worked)
	}
	enqueue(t, db, j, jobs.Options{}, greeting{"bob"})
	alone, run := <-worked, <-ran
	stop(t, j)
	flush()

	byID := map[string]telemetrytest.Span{}
	for _, s := range collector.Spans() {
		byID[s.ID] = s
	}
	of := func(place telemetry.Trace) telemetrytest.Span { return byID[place.Traceparent()[36:52]] }
	for i, result := range []string{"error", "panic", "ok"} {
		s := of(places[i])
		if s.Trace != request.String() || s.Parent != request.Traceparent()[36:52] || s.Name != "greeting" || s.Kind != "CONSUMER" ||
			s.Attributes["correlation_id"] != "MAX-1" || s.Attributes["puente.job.result"] != result || s.Failed != (result != "ok") {
			t.Errorf("attempt %d: %s", i+1, s.Text)
		}
	}
	if s := of(alone); s.Trace == "" || s.Trace == request.String() || s.Parent != "" {
		t.Errorf("a job of no request: %s", s.Text)
	}
	if s := of(run); s.Name != "papi/example/reconcile" || s.Parent != "" || s.Failed || s.Attributes["puente.job.result"] != "ok" {
		t.Errorf("a periodic job: %s", s.Text)
	}
	if len(byID) != 5 {
		t.Errorf("%d spans", len(byID))
	}
}
