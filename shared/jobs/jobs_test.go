package jobs_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/riverqueue/river"

	"puente/shared/database"
	"puente/shared/database/databasetest"
	"puente/shared/jobs"
	"puente/shared/telemetry"
)

const queue = "papi.example"

type greeting struct {
	Name string `json:"name"`
}

func (greeting) Kind() string { return "greeting" }

type farewell struct {
	Name string `json:"name"`
}

func (farewell) Kind() string { return "farewell" }

func newJobs(t *testing.T, db *database.DB, cfg jobs.Config) (*jobs.Jobs, *prometheus.Registry) {
	t.Helper()
	return tracedJobs(t, db, cfg, nil)
}

func tracedJobs(t *testing.T, db *database.DB, cfg jobs.Config, tracer *telemetry.Tracer) (*jobs.Jobs, *prometheus.Registry) {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	j, err := jobs.New(db, cfg, databasetest.Logger(t), reg, tracer)
	if err != nil {
		t.Fatal(err)
	}
	return j, reg
}

func start(t *testing.T, j *jobs.Jobs) {
	t.Helper()
	if err := j.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, j) })
}

func stop(t *testing.T, j *jobs.Jobs) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := j.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
}

func register[T river.JobArgs](t *testing.T, j *jobs.Jobs, queue string, w jobs.Worker[T]) {
	t.Helper()
	if err := jobs.Register(j, queue, w); err != nil {
		t.Fatal(err)
	}
}

func every(t *testing.T, j *jobs.Jobs, period time.Duration, fn func(context.Context) error) {
	t.Helper()
	if err := j.Every(queue+".reconcile", queue, period, fn); err != nil {
		t.Fatal(err)
	}
}

// collect registers a worker of greetings that sends what it gets.
func collect(t *testing.T, j *jobs.Jobs, got chan<- string) {
	register(t, j, queue, jobs.Worker[greeting]{Work: func(_ context.Context, job *river.Job[greeting]) error {
		got <- job.Args.Name
		return nil
	}})
}

func enqueue(t *testing.T, db *database.DB, j *jobs.Jobs, o jobs.Options, all ...river.JobArgs) int {
	t.Helper()
	var n int
	err := pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) (err error) {
		n, err = j.EnqueueAll(t.Context(), tx, queue, all, o)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestJobsShareTheFateOfTheirTransaction(t *testing.T) {
	db := databasetest.New(t, jobs.Migrations)
	j, _ := newJobs(t, db, jobs.Config{})
	got := make(chan string, 10)
	collect(t, j, got)
	start(t, j)

	rolledBack := errors.New("the business failed")
	err := pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) error {
		if added, err := j.Enqueue(t.Context(), tx, queue, greeting{"lost"}, jobs.Options{}); err != nil || !added {
			t.Errorf("enqueue: %v, %v", added, err)
		}
		return rolledBack
	})
	if !errors.Is(err, rolledBack) {
		t.Fatal(err)
	}
	enqueue(t, db, j, jobs.Options{}, greeting{"ana"}, greeting{"bob"}, greeting{"eva"})
	names := []string{<-got, <-got, <-got}
	slices.Sort(names)
	if strings.Join(names, " ") != "ana bob eva" {
		t.Fatalf("worked %q", names)
	}
}

// TestUniqueCountsOnlyLiveJobs: a wake-up after the last one was worked must not be lost.
func TestUniqueCountsOnlyLiveJobs(t *testing.T) {
	db := databasetest.New(t, jobs.Migrations)
	j, _ := newJobs(t, db, jobs.Config{})
	unique := jobs.Options{Unique: true}
	if n := enqueue(t, db, j, unique, greeting{"ana"}, greeting{"bob"}); n != 2 {
		t.Fatalf("%d added", n)
	}
	if n := enqueue(t, db, j, unique, greeting{"ana"}, farewell{"ana"}); n != 1 {
		t.Fatalf("%d added where one waits", n)
	}
	if _, err := db.Exec(t.Context(), `update river.river_job set state = 'completed', finalized_at = now()`); err != nil {
		t.Fatal(err)
	}
	if n := enqueue(t, db, j, unique, greeting{"ana"}); n != 1 {
		t.Fatal("a completed job swallowed the next")
	}
}

func TestFailedJobsAreTriedAgainWithTheCorrelationOfTheirRequest(t *testing.T) {
	db := databasetest.New(t, jobs.Migrations)
	j, reg := newJobs(t, db, jobs.Config{})
	attempts := make(chan string, 10)
	register(t, j, queue, jobs.Worker[greeting]{
		Work: func(ctx context.Context, job *river.Job[greeting]) error {
			attempts <- telemetry.Correlation(ctx)
			switch job.Attempt {
			case 1:
				return errors.New("not yet")
			case 2:
				panic("not yet either")
			}
			return nil
		},
		Retry: func(int) time.Duration { return time.Millisecond },
	})
	start(t, j)
	ctx := telemetry.WithCorrelation(t.Context(), "MAX-1")
	err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		_, err := j.Enqueue(ctx, tx, queue, greeting{"ana"}, jobs.Options{})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if id := <-attempts; id != "MAX-1" {
			t.Fatalf("correlation %q", id)
		}
	}
	stop(t, j)
	want := `
		# HELP jobs_worked_total Attempts at jobs by result: ok, error, snoozed, cancelled, panic.
		# TYPE jobs_worked_total counter
		jobs_worked_total{kind="greeting",queue="papi.example",result="cancelled"} 0
		jobs_worked_total{kind="greeting",queue="papi.example",result="error"} 1
		jobs_worked_total{kind="greeting",queue="papi.example",result="ok"} 1
		jobs_worked_total{kind="greeting",queue="papi.example",result="panic"} 1
		jobs_worked_total{kind="greeting",queue="papi.example",result="snoozed"} 0
	`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "jobs_worked_total"); err != nil {
		t.Error(err)
	}
}

// TestAProcessWorksOnlyWhatItHosts has the layers apart: the process that hosts another queue, and
// one of the same queue that does not know the kind, must leave the job alone.
func TestAProcessWorksOnlyWhatItHosts(t *testing.T) {
	db := databasetest.New(t, jobs.Migrations)
	other, _ := newJobs(t, db, jobs.Config{})
	register(t, other, "sapi.other", jobs.Worker[greeting]{Work: func(context.Context, *river.Job[greeting]) error {
		t.Error("a job of another queue was worked")
		return nil
	}})
	start(t, other)
	older, _ := newJobs(t, db, jobs.Config{})
	done := make(chan string, 1)
	register(t, older, queue, jobs.Worker[farewell]{Work: func(_ context.Context, job *river.Job[farewell]) error {
		done <- job.Args.Name
		return nil
	}})
	start(t, older)

	// The farewell comes after the greeting, in the same queue: when it is done the greeting was passed by.
	enqueue(t, db, other, jobs.Options{}, greeting{"ana"})
	enqueue(t, db, other, jobs.Options{}, farewell{"bob"})
	<-done
	var state string
	var attempt int
	if err := db.QueryRow(t.Context(), `select state::text, attempt from river.river_job where kind = 'greeting'`).Scan(&state, &attempt); err != nil || state != "available" || attempt != 0 {
		t.Fatalf("greeting is %s after %d attempts, %v", state, attempt, err)
	}
	newer, _ := newJobs(t, db, jobs.Config{})
	got := make(chan string, 1)
	collect(t, newer, got)
	start(t, newer)
	<-got
}

func TestEveryRunsOnceAcrossProcessesAndOverRestarts(t *testing.T) {
	db := databasetest.New(t, jobs.Migrations)
	const period = time.Second
	type span struct{ start, end time.Time }
	spans := make(chan span, 100)
	var at atomic.Int32
	run := func(context.Context) error {
		if at.Add(1) > 1 {
			t.Error("two runs at a time")
		}
		defer at.Add(-1)
		s := span{start: time.Now()}
		s.end = time.Now()
		spans <- s
		return errors.New("a failure does not end it")
	}
	process := func() *jobs.Jobs {
		j, _ := newJobs(t, db, jobs.Config{})
		every(t, j, period, run)
		start(t, j)
		return j
	}
	one := process()
	process()
	last := <-spans
	next := func() {
		t.Helper()
		s := <-spans
		if pause := s.start.Sub(last.end); pause < period-10*time.Millisecond { // the clocks are compared at other places
			t.Errorf("the next run began %v after the last one ended", pause)
		}
		last = s
	}
	next()
	stop(t, one) // the other goes on
	next()
	process() // finds the schedule as it is
	next()
	var rows int
	if err := db.QueryRow(t.Context(), `select count(*) from river.river_job`).Scan(&rows); err != nil || rows != 1 {
		t.Fatalf("%d rows, %v", rows, err)
	}
}

// TestAShorterPeriodCounts: what was put off for a day runs soon once the period is a second.
func TestAShorterPeriodCounts(t *testing.T) {
	db := databasetest.New(t, jobs.Migrations)
	ran := make(chan struct{}, 10)
	run := func(context.Context) error { ran <- struct{}{}; return nil }
	j, _ := newJobs(t, db, jobs.Config{})
	every(t, j, 24*time.Hour, run)
	start(t, j)
	<-ran
	stop(t, j)
	again, _ := newJobs(t, db, jobs.Config{})
	every(t, again, time.Second, run)
	start(t, again)
	<-ran
}

// TestWhatADeadProcessLeftIsTakenOver: one process is gone without a trace, one is there and silent,
// and one used up the last attempt.
func TestWhatADeadProcessLeftIsTakenOver(t *testing.T) {
	db := databasetest.New(t, jobs.Migrations)
	j, reg := newJobs(t, db, jobs.Config{Lease: 300 * time.Millisecond})
	enqueue(t, db, j, jobs.Options{}, greeting{"gone"}, greeting{"silent"})
	enqueue(t, db, j, jobs.Options{Attempts: 1}, greeting{"last"})
	_, err := db.Exec(t.Context(), `
		insert into river.processes values ('silent', 7);
		update river.river_job set state = 'running', attempt = 1, attempted_at = now(),
			attempted_by = array[case args->>'name' when 'silent' then 'silent' else 'gone' end]`)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 10)
	collect(t, j, got)
	start(t, j)
	if first, second := <-got, <-got; first != "gone" || second != "silent" {
		t.Fatalf("worked %s, %s", first, second)
	}
	stop(t, j)
	var discarded string
	var processes int
	err = db.QueryRow(t.Context(), `select args->>'name', (select count(*) from river.processes) from river.river_job where state = 'discarded'`).Scan(&discarded, &processes)
	if err != nil || discarded != "last" || processes != 0 {
		t.Fatalf("%q was discarded, %d processes are left, %v", discarded, processes, err)
	}
	if n, err := testutil.GatherAndCount(reg, "jobs_lag_seconds"); err != nil || n != 1 {
		t.Errorf("%d series of lag, %v", n, err)
	}
}

// TestStopWaitsForJobsAndThenTellsThem drains one process in time and one that has none.
func TestStopWaitsForJobsAndThenTellsThem(t *testing.T) {
	db := databasetest.New(t, jobs.Migrations)
	j, _ := newJobs(t, db, jobs.Config{})
	begun, finish, ended := make(chan struct{}), make(chan struct{}), make(chan error, 2)
	register(t, j, queue, jobs.Worker[greeting]{Work: func(ctx context.Context, job *river.Job[greeting]) error {
		begun <- struct{}{}
		select {
		case <-finish:
		case <-ctx.Done():
		}
		ended <- ctx.Err()
		return ctx.Err()
	}})
	start(t, j)
	enqueue(t, db, j, jobs.Options{}, greeting{"ana"})
	<-begun
	stopped := make(chan error, 1)
	go func() { stopped <- j.Stop(context.Background()) }()
	close(finish)
	if err := <-stopped; err != nil || <-ended != nil {
		t.Fatalf("a drain in time: %v", err)
	}

	k, _ := newJobs(t, db, jobs.Config{})
	register(t, k, queue, jobs.Worker[greeting]{Work: func(ctx context.Context, job *river.Job[greeting]) error {
		begun <- struct{}{}
		<-ctx.Done()
		ended <- ctx.Err()
		return ctx.Err()
	}})
	start(t, k)
	enqueue(t, db, k, jobs.Options{}, greeting{"bob"})
	<-begun
	over, cancel := context.WithCancel(context.Background())
	cancel()
	if err := k.Stop(over); err != nil || !errors.Is(<-ended, context.Canceled) {
		t.Fatalf("a drain without time: %v", err)
	}
}

func TestWhatCannotBeRegistered(t *testing.T) {
	db := databasetest.New(t, jobs.Migrations)
	j, _ := newJobs(t, db, jobs.Config{})
	greet := jobs.Worker[greeting]{Work: func(context.Context, *river.Job[greeting]) error { return nil }}
	run := func(context.Context) error { return nil }
	register(t, j, queue, greet)
	if err := jobs.Register(j, "papi.other", greet); err == nil {
		t.Error("a kind was registered twice")
	}
	if err := j.Every(queue+".often", queue, 999*time.Millisecond, run); err == nil {
		t.Error("a period of less than a second")
	}
	every(t, j, time.Minute, run)
	if err := j.Every(queue+".reconcile", queue, time.Minute, run); err == nil {
		t.Error("a periodic job was registered twice")
	}
	start(t, j)
	if err := j.Every(queue+".late", queue, time.Minute, run); err == nil {
		t.Error("registered after start")
	}
	idle, _ := newJobs(t, db, jobs.Config{})
	if err := errors.Join(idle.Start(t.Context()), idle.Stop(t.Context())); err != nil {
		t.Errorf("a process without jobs: %v", err)
	}
}

func TestConfig(t *testing.T) {
	err := jobs.Config{Workers: -1, Queues: map[string]int{"papi.x": 0}, Lease: time.Millisecond, Attempts: 40000, Timeout: -1, Keep: -1}.Validate()
	for _, want := range []string{"workers", "queues.papi.x", "lease", "attempts", "timeout", "keep"} {
		if err == nil || !strings.Contains(err.Error(), want+":") {
			t.Errorf("%v does not name %s", err, want)
		}
	}
	if err := (jobs.Config{}).Validate(); err != nil {
		t.Error(err)
	}
}
