package outbox

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"puente/shared/httpclient"
	"puente/shared/problem"
	"puente/shared/telemetry"
	"puente/shared/telemetry/telemetrytest"
)

// breakerOff never opens: not for a ratio, nor for a run.
var breakerOff = httpclient.Breaker{MinCalls: 1 << 30, Consecutive: 1 << 30, SlowCall: time.Hour}

func answers(o Outcome, types ...string) func(Event, int) Result {
	return func(e Event, _ int) Result {
		for _, t := range types {
			if e.Type == t {
				return Result{Outcome: o, Status: 500, Reason: "said so"}
			}
		}
		return Result{Outcome: Delivered}
	}
}

func TestABlockedHeadDelaysOnlyItsKey(t *testing.T) {
	w := newWorld(t)
	d := w.deliverer(calm, w.owner())
	w.add("p/k/a", "q/k/b", "p/k/c", "p/l/x")
	w.answer = answers(Retry, "b")
	w.want("sent", w.rounds(d), "a b x")
	w.want("pending", w.list(StatePending), "b c")
	w.sound()

	w.answer = nil
	w.want("sent before its time", w.rounds(d), "")
	w.pass(6 * time.Second)
	w.want("sent", w.rounds(d), "b c")
	w.want("heard", strings.Join(w.ended[2:], ", "), "delivered b 2, delivered c 1")
	w.sound()
}

// TestSeveralAreAddedAtOnce: they are sent in their order within each key, behind what is pending of it, whatever
// transactions add to the same keys at the same time.
func TestSeveralAreAddedAtOnce(t *testing.T) {
	w := newWorld(t)
	d := w.deliverer(calm, w.owner())
	w.add("p/k/a")
	w.add("p/k/b", "p/l/c", "p/l/d", "p/k/e", "p//f")
	w.sound()
	w.want("sent", w.rounds(d), "a b c d e f")
	var adding sync.WaitGroup
	for n := range 4 {
		adding.Go(func() {
			for i := range 20 {
				w.add(fmt.Sprintf("p/k/%d.%d", n, i), fmt.Sprintf("p/l/%d.%d", n, i), fmt.Sprintf("p/k/%d.%d", n, i))
			}
		})
	}
	adding.Wait()
	w.sound()
	w.want("pending", strconv.Itoa(len(w.records(StatePending))), "240")
}

// TestWhatIsDueLaterWaits: an event with a time of its own is neither claimed nor counted as late before it, as
// the head of its key or behind it.
func TestWhatIsDueLaterWaits(t *testing.T) {
	w := newWorld(t)
	d := w.deliverer(calm, w.owner())
	add := func(key, what string, due time.Time) {
		t.Helper()
		err := pgx.BeginFunc(t.Context(), w.db, func(tx pgx.Tx) error {
			return w.o.Add(t.Context(), tx, Event{Stream: "s", Destination: "p", Key: key, Type: what, Due: due})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	morning := w.now.Add(9 * time.Hour)
	add("k", "a", morning)
	add("k", "b", time.Time{})
	add("l", "c", time.Time{})
	add("l", "d", morning)
	add("m", "e", w.now.Add(-time.Hour))
	w.want("sent", w.rounds(d), "c e")
	w.pass(9*time.Hour - time.Second)
	w.want("sent before its time", w.rounds(d), "")
	w.want("tried", w.results(w.records(StatePending)[0].ID), "")
	if due, err := d.ready(t.Context()); err != nil || len(due) != 0 {
		t.Fatal(due, err)
	}
	w.pass(time.Second)
	w.want("sent", w.rounds(d), "a b d")
	var created time.Time
	if err := w.db.QueryRow(t.Context(), `select due_at from outbox.events where type = 'e'`).Scan(&created); err != nil || !created.Equal(morning.Add(-9*time.Hour)) {
		t.Fatalf("what was due before it was added is due at %s, %v", created, err)
	}
	w.sound()
}

// TestSchedule lets an event fail to its end: the number and the gaps of its attempts are those of the
// standard schedule, and its death frees its key.
func TestSchedule(t *testing.T) {
	w := newWorld(t)
	d := w.deliverer(calm, w.owner())
	w.add("p/k/a", "p/k/b")
	w.answer = answers(Retry, "a")
	id := w.records(StatePending)[0].ID
	for n := 1; n < len(standardSchedule); n++ {
		w.want("sent", w.rounds(d), "a")
		due := *w.records(StatePending)[0].Due
		gap, step := due.Sub(w.time()), standardSchedule[n]
		if gap < step*8/10 || gap > step*12/10 {
			t.Fatalf("attempt %d follows after %v", n+1, gap)
		}
		w.pass(gap - time.Millisecond)
		w.want("sent too early", w.rounds(d), "")
		w.pass(time.Millisecond)
	}
	w.want("sent", w.rounds(d), "a b")
	w.want("dead", w.list(StateDead), "a")
	w.want("heard", strings.Join(w.ended, ", "), "died a 10, delivered b 1")
	attempts, err := w.o.Attempts(t.Context(), w.db, id)
	if err != nil || len(attempts) != 10 {
		t.Fatalf("%d attempts, %v", len(attempts), err)
	}
	if a := attempts[9]; a.Number != 10 || a.Result != "retry" || a.Status != 500 || a.Reason != "said so" || !a.At.Equal(w.time()) {
		t.Fatalf("%+v", a)
	}
	if span := attempts[9].At.Sub(attempts[0].At); span < 60*time.Hour {
		t.Fatalf("all was over after %v", span)
	}
}

func TestSlowFailuresUseTheLongStepsOnly(t *testing.T) {
	w := newWorld(t)
	d := w.deliverer(calm, w.owner())
	w.add("p/k/a")
	w.answer = answers(RetrySlow, "a")
	n := 0
	for ; w.list(StatePending) != ""; n++ {
		w.want("sent", w.rounds(d), "a")
		if n == 0 {
			if gap := w.one(StatePending).Due.Sub(w.time()); gap < 24*time.Minute {
				t.Fatalf("the next is due after %v", gap)
			}
		}
		w.pass(30 * time.Hour)
	}
	if n != 8 {
		t.Fatalf("%d attempts", n)
	}
}

func TestRetryAfterPutsOffAndNeverBringsForward(t *testing.T) {
	w := newWorld(t)
	d := w.deliverer(calm, w.owner())
	w.add("p/k/a")
	asks := func(d time.Duration) {
		w.answer = func(Event, int) Result { return Result{Outcome: Retry, Status: 429, RetryAfter: d} }
	}
	asks(time.Hour) // the step is 5 s
	w.rounds(d)
	if gap := w.one(StatePending).Due.Sub(w.time()); gap != time.Hour {
		t.Fatalf("due after %v", gap)
	}
	w.pass(time.Hour)
	asks(time.Second) // the step is 5 min
	w.rounds(d)
	if gap := w.one(StatePending).Due.Sub(w.time()); gap < 4*time.Minute {
		t.Fatalf("due after %v", gap)
	}
	w.pass(time.Hour)
	asks(1000 * time.Hour)
	w.rounds(d)
	if gap := w.one(StatePending).Due.Sub(w.time()); gap != 24*time.Hour {
		t.Fatalf("due after %v", gap)
	}
}

func TestPauseHoldsADestinationUntilItIsResumed(t *testing.T) {
	w := newWorld(t)
	d := w.deliverer(calm, w.owner())
	w.answer = answers(Pause, "a")
	w.add("p/k/a", "q/l/x")
	w.want("sent", w.rounds(d), "a x")
	w.add("p/m/b", "q/n/y")
	w.pass(time.Hour)
	w.want("sent while paused", w.rounds(d), "y")
	gone, err := w.o.Destination(t.Context(), w.db, "s", "p")
	if err != nil || gone.Paused == nil || gone.Reason != "said so" || gone.Heads != 2 {
		t.Fatalf("%+v, %v", gone, err)
	}
	w.answer = nil
	if err := w.o.ResumeDestination(t.Context(), w.db, "s", "p"); err != nil {
		t.Fatal(err)
	}
	w.want("sent", w.rounds(d), "a b")

	if err := w.o.PauseDestination(t.Context(), w.db, "s", "q", "maintenance"); err != nil {
		t.Fatal(err)
	}
	w.add("q/l/z")
	w.want("sent while paused", w.rounds(d), "")
	if _, err := w.o.Destination(t.Context(), w.db, "s", "nobody"); !errors.Is(err, problem.NotFound) {
		t.Fatal(err)
	}
}

// TestSuppressedAttemptsAreNone: an open breaker uses up nobody's schedule.
func TestSuppressedAttemptsAreNone(t *testing.T) {
	w := newWorld(t)
	d := w.deliverer(Config{Breaker: httpclient.Breaker{Consecutive: 3, OpenFor: time.Minute, Probes: 1}}, w.owner())
	for _, key := range []string{"1", "2", "3", "4", "5", "6", "7", "8"} {
		w.add("p/" + key + "/a")
	}
	w.answer = func(Event, int) Result { return Result{Outcome: Retry} }
	tried := strings.Count(w.rounds(d), "a")
	if tried < 3 || tried > 4 { // one was under way when the third failed
		t.Fatalf("%d attempts", tried)
	}
	w.pass(59 * time.Second)
	w.want("sent while open", w.rounds(d), "")
	w.pass(time.Second)
	w.want("probes", w.rounds(d), "a")
	total := 0
	for _, r := range w.records(StatePending) {
		total += r.Attempts
	}
	if total != tried+1 {
		t.Fatalf("%d attempts are counted of %d", total, tried+1)
	}
	w.pass(10 * time.Minute)
	w.answer = nil
	w.rounds(d)
	w.want("pending", w.list(StatePending), "")
}

func TestPruning(t *testing.T) {
	w := newWorld(t)
	d := w.deliverer(Config{Keep: time.Hour, Breaker: breakerOff}, w.owner())
	w.answer = answers(Dead, "dead")
	w.add("p/1/old", "p/2/dead")
	w.rounds(d)
	w.pass(time.Hour)
	w.add("p/3/new")
	w.rounds(d)
	w.exec(`insert into outbox.events (id, stream, destination, key, type, payload, sealed, state, head, created_at, due_at, ended_at)
		select gen_random_uuid(), 's', 'p', i::text, 'old', '', false, 'delivered', false, $1, $1, $1 from generate_series(1, 2500) i`, w.now.Add(-2*time.Hour))
	w.pass(time.Minute)
	if err := d.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.want("delivered", w.list(StateDelivered), "new")
	w.want("dead", w.list(StateDead), "dead")
	var attempts int
	if err := w.db.QueryRow(t.Context(), `select count(*) from outbox.attempts`).Scan(&attempts); err != nil || attempts != 2 {
		t.Fatalf("%d attempts are kept, %v", attempts, err)
	}
}

// TestPostponedIsNoAttempt: an owner that is not ready uses up no step, and is not asked without pause.
func TestPostponedIsNoAttempt(t *testing.T) {
	w := newWorld(t)
	d := w.deliverer(calm, w.owner())
	w.add("p/k/a")
	w.answer = func(Event, int) Result { return Result{Outcome: Postponed} }
	for range 2 * len(standardSchedule) {
		w.want("sent", w.rounds(d), "a")
		w.pass(time.Second)
	}
	w.answer = answers(Retry, "a")
	w.rounds(d)
	if gap := w.one(StatePending).Due.Sub(w.time()); gap > 6*time.Second {
		t.Fatalf("the second step is due after %v", gap)
	}
}

// TestSendsBelongToTheRequestThatAdded: they are logged under its correlation ID, and are spans of its trace.
func TestSendsBelongToTheRequestThatAdded(t *testing.T) {
	w := newWorld(t)
	collector := telemetrytest.Collect(t)
	tracer, flush := collector.Tracer(t)
	type identity struct {
		correlation string
		trace       telemetry.Trace
	}
	seen := make(chan identity, 1)
	outcome := Retry
	d := w.deliverer(calm, Owner{Send: func(ctx context.Context, _ Event, _ int) Result {
		seen <- identity{telemetry.Correlation(ctx), telemetry.TraceOf(ctx)}
		return Result{Outcome: outcome, Reason: "timeout"}
	}})
	d.tracer = tracer
	request := tracer.Root(telemetry.NewTrace())
	add := func(ctx context.Context) {
		err := pgx.BeginFunc(ctx, w.db, func(tx pgx.Tx) error {
			return w.o.Add(ctx, tx, Event{Stream: "s", Destination: "p", Key: "3000000019", Type: "t"})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	add(telemetry.WithIdentity(t.Context(), "c-1", request))
	w.rounds(d)
	first := <-seen
	outcome = Delivered
	w.pass(24 * time.Hour)
	w.rounds(d)
	second := <-seen
	add(t.Context()) // of no request, as those of a release before
	if _, err := w.db.Exec(t.Context(), `update outbox.events set traceparent = null where state = 'pending'`); err != nil {
		t.Fatal(err)
	}
	w.rounds(d)
	alone := <-seen
	flush()

	if first.correlation != "c-1" || second.correlation != "c-1" || alone.correlation != "" {
		t.Fatal(first, second, alone)
	}
	spans := collector.Spans()
	if len(spans) != 3 {
		t.Fatalf("%d spans", len(spans))
	}
	for i, place := range []telemetry.Trace{first.trace, second.trace} {
		s, n := spans[i], strconv.Itoa(i+1)
		if s.Trace != request.String() || s.Parent != request.Traceparent()[36:52] || s.ID != place.Traceparent()[36:52] || s.Name != "outbox/s" || s.Failed != (i == 0) ||
			s.Attributes["puente.outbox.attempt"] != n || s.Attributes["puente.outbox.result"] != []string{"retry", "delivered"}[i] || strings.Contains(s.Text, "3000000019") {
			t.Errorf("attempt %s: %s", n, s.Text)
		}
	}
	if s := spans[2]; s.Trace == request.String() || s.Trace != alone.trace.String() || s.Parent != "" {
		t.Errorf("an event of no request: %s", s.Text)
	}
}
