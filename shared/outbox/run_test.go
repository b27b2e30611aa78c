package outbox

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// run has d run until stop is called.
func run(t *testing.T, d *Deliverer) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = d.Run(ctx) }) // why ctx ended
	stop = func() { cancel(); running.Wait() }
	t.Cleanup(stop)
	return stop
}

// TestOrderPerKeyUnderFailuresAndDeaths: several add to the same keys while two deliverers send what
// fails half the time; one process claims and dies, another is stopped and started all the while.
// Nothing is lost, and no event is sent before all that were before it in its key were delivered.
func TestOrderPerKeyUnderFailuresAndDeaths(t *testing.T) {
	w := newWorld(t)
	w.o.now = time.Now
	const adders, each, keys = 3, 20, 5
	var mu sync.Mutex
	done := map[int64]bool{}     // by sequence
	seen := map[string][]int64{} // by key, in the order of first sending
	owner := Owner{
		Send: func(ctx context.Context, e Event, _ int) Result {
			mu.Lock()
			defer mu.Unlock()
			for _, before := range seen[e.Key] {
				if before < e.Sequence && !done[before] {
					t.Errorf("%s: %d was sent before %d was delivered", e.Key, e.Sequence, before)
				}
				if before > e.Sequence {
					t.Errorf("%s: %d was sent after %d", e.Key, e.Sequence, before)
				}
			}
			if n := len(seen[e.Key]); n == 0 || seen[e.Key][n-1] != e.Sequence {
				seen[e.Key] = append(seen[e.Key], e.Sequence)
			}
			if rand.N(2) == 0 {
				return Result{Outcome: Retry}
			}
			done[e.Sequence] = true
			return Result{Outcome: Delivered}
		},
	}
	steps := make([]time.Duration, 60) // half fail: none of them dies
	for i := range steps {
		steps[i] = time.Millisecond
	}
	cfg := Config{Schedule: steps, Poll: 5 * time.Millisecond, Timeout: 100 * time.Millisecond, Lease: 500 * time.Millisecond, Breaker: breakerOff}
	var adding sync.WaitGroup
	for a := range adders {
		adding.Go(func() {
			for i := range each {
				err := pgx.BeginFunc(t.Context(), w.db, func(tx pgx.Tx) error {
					return w.o.Add(t.Context(), tx, Event{Stream: "s", Destination: "p", Key: fmt.Sprint(i % keys), Type: fmt.Sprintf("%d.%d", a, i)})
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	adding.Wait()

	// The process that dies: what it claimed it never sends.
	mortal := w.deliverer(cfg, owner)
	claimed, err := mortal.claim(t.Context(), mortal.shares.take([]string{"p"}, time.Now()))
	if err != nil || len(claimed) == 0 {
		t.Fatalf("%d claimed, %v", len(claimed), err)
	}
	run(t, w.deliverer(cfg, owner))
	for w.list(StatePending) != "" {
		stop := run(t, w.deliverer(cfg, owner))
		<-time.After(50 * time.Millisecond) // the life of a process; nothing is measured by it
		stop()
	}
	w.sound()
	if tried := w.results(claimed[0].ID); !strings.Contains(tried, "lost") || len(done) != adders*each {
		t.Fatalf("%d delivered; of the dead process's: %s", len(done), tried)
	}
}

// TestAHangingDestinationDelaysNobody: while all that may be sent to one destination hangs, all of
// another is delivered.
func TestAHangingDestinationDelaysNobody(t *testing.T) {
	w := newWorld(t)
	release := make(chan struct{})
	var hanging, most int
	var mu sync.Mutex
	alive := make(chan struct{}, 100)
	owner := w.owner()
	owner.Send = func(ctx context.Context, e Event, _ int) Result {
		if e.Destination != "alive" {
			mu.Lock()
			hanging++
			most = max(most, hanging)
			mu.Unlock()
			<-release
			mu.Lock()
			hanging--
			mu.Unlock()
			return Result{Outcome: Retry}
		}
		alive <- struct{}{}
		return Result{Outcome: Delivered}
	}
	for i := range 40 {
		w.add(fmt.Sprintf("dead/%d/x", i), fmt.Sprintf("dead too/d%d/x", i))
	}
	for i := range 40 {
		w.add(fmt.Sprintf("alive/a%d/y", i))
	}
	stop := run(t, w.deliverer(Config{Concurrency: 8, PerDestination: 8, Poll: 5 * time.Millisecond}, owner))
	for range 40 {
		<-alive
	}
	mu.Lock()
	if most == 0 || most > 2*firstWindow {
		t.Errorf("%d sends to the dead at once", most)
	}
	mu.Unlock()
	close(release)
	stop()
}

// Invariant 23 of the partner hub: while the endpoints of one partner, that had taken all there was, hang, what another
// is due, at first or again, is sent by the next look of a deliverer, and looks are at most a second apart, also after
// the process died and another began. Once the partner is back, it has all.
func TestInvariant23ADeadPartnerDelaysNoOther(t *testing.T) {
	w := newWorld(t)
	var dead atomic.Bool
	begin := func() (d *Deliverer, revive func()) {
		back := make(chan struct{})
		owner := w.owner()
		owner.Send = func(ctx context.Context, e Event, n int) Result {
			if e.Destination != "alive" && dead.Load() {
				<-back
				return Result{Outcome: Retry}
			}
			return w.send(ctx, e, n)
		}
		return w.deliverer(Config{Concurrency: 8, PerDestination: 8, Breaker: breakerOff}, owner), func() { close(back) }
	}
	d, revive := begin()
	if d.cfg.Poll > time.Second {
		t.Fatalf("a deliverer looks every %v only", d.cfg.Poll)
	}
	added := 0
	add := func(events ...string) { added += len(events); w.add(events...) }
	for i := range 20 {
		add(fmt.Sprintf("dead one/a%d/x", i), fmt.Sprintf("dead two/b%d/x", i))
	}
	w.rounds(d) // it may have as many places as there are now
	dead.Store(true)
	for i := range 40 {
		add(fmt.Sprintf("dead one/c%d/x", i), fmt.Sprintf("dead two/d%d/x", i))
	}
	w.answer = func(e Event, n int) Result {
		if e.Type == "again" && n == 1 {
			return Result{Outcome: Retry} // its time comes between two looks
		}
		return Result{Outcome: Delivered}
	}
	for second := range 20 {
		add(fmt.Sprintf("alive/e%d/once", second), fmt.Sprintf("alive/f%d/again", second), fmt.Sprintf("alive/g%d/again", second), fmt.Sprintf("dead one/h%d/x", second))
		if second == 10 { // it dies with what it has claimed; its sends hang until the end
			if claimed, err := d.claim(t.Context(), d.shares.take([]string{"alive"}, w.time())); len(claimed) == 0 || err != nil {
				t.Fatal(claimed, err)
			}
			w.exec(`update outbox.events set leased_until = clock_timestamp() where lease is not null`)
			defer d.sends.Wait()
			defer revive()
			d, revive = begin()
		}
		w.pass(d.cfg.Poll)
		w.look(d, "alive")
		for _, r := range w.records(StatePending) {
			if r.Destination == "alive" && !r.Due.After(w.time()) {
				t.Fatalf("second %d: %s is due since %v, and not sent", second, r.Type, w.time().Sub(*r.Due))
			}
		}
	}
	dead.Store(false)
	revive()
	d.sends.Wait()
	for range 3 { // what hung comes again, and what failed
		w.pass(time.Hour)
		w.rounds(d)
	}
	w.sound()
	if delivered := len(w.records(StateDelivered)); delivered != added {
		t.Errorf("%d of %d are delivered", delivered, added)
	}
}

// TestStopping: what is under way may end; what does not is cut off and given back, not counted.
func TestStopping(t *testing.T) {
	w := newWorld(t)
	entered, leave := make(chan string, 2), make(chan struct{})
	owner := w.owner()
	owner.Send = func(ctx context.Context, e Event, _ int) Result {
		entered <- e.Type
		if e.Type == "quick" {
			<-leave
			return Result{Outcome: Delivered}
		}
		<-ctx.Done()
		return Result{Outcome: Retry, Reason: "timeout"}
	}
	w.add("p/k/quick", "q/l/endless")
	d := w.deliverer(Config{Poll: 5 * time.Millisecond, Grace: 100 * time.Millisecond, Timeout: time.Minute}, owner)
	stop := run(t, d)
	<-entered
	<-entered
	close(leave)
	stop()
	w.want("delivered", w.list(StateDelivered), "quick")
	r := w.one(StatePending)
	w.want("tried", w.results(r.ID), "1:postponed")
	var leases, step int
	if err := w.db.QueryRow(t.Context(), `select count(lease), max(step) from outbox.events`).Scan(&leases, &step); err != nil || leases != 0 || step != 0 {
		t.Fatalf("%d leases, step %d, %v", leases, step, err)
	}
}

// TestANotificationWakes: with a poll that does not come, what is added is sent all the same.
func TestANotificationWakes(t *testing.T) {
	w := newWorld(t)
	sent := make(chan uuid.UUID, 1)
	owner := Owner{Send: func(_ context.Context, e Event, _ int) Result {
		sent <- e.ID
		return Result{Outcome: Delivered}
	}}
	d := w.deliverer(Config{}, owner)
	d.cfg.Poll = time.Hour
	run(t, d)
	w.add("p/k/a")
	first := <-sent
	w.add("p/k/b")
	if second := <-sent; second == first {
		t.Fatal("sent twice")
	}
}

// TestABusyDestinationHidesNoOther: what is added for one while another is known to have more is found soon, though
// nothing is announced any more and no send ends.
func TestABusyDestinationHidesNoOther(t *testing.T) {
	w := newWorld(t)
	sent, leave := make(chan string, 8), make(chan struct{})
	owner := Owner{Send: func(_ context.Context, e Event, _ int) Result {
		sent <- e.Type
		if e.Type == "last" {
			<-leave
		}
		return Result{Outcome: Delivered}
	}}
	d := w.deliverer(calm, owner)
	round := func() {
		t.Helper()
		if err := d.round(t.Context(), t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	w.add("p/a/first", "p/b/first")
	round()
	<-sent
	<-sent
	d.sends.Wait()
	<-d.wake
	w.add("p/c/last", "q/d/other")
	d.busy, d.looked = []string{"p"}, time.Now()
	round()
	for got := <-sent; got != "other"; got = <-sent { // at once if that took so long that it looked
		<-d.wake
		round()
	}
	close(leave)
	d.sends.Wait()
	w.want("pending", w.list(StatePending), "")
}

// TestAPausedDestinationIsNotRemembered: what is known of a destination does not outlive its pause.
func TestAPausedDestinationIsNotRemembered(t *testing.T) {
	w := newWorld(t)
	d := w.deliverer(calm, w.owner())
	w.add("p/a/first", "p/b/second")
	if err := w.o.PauseDestination(t.Context(), w.db, "s", "p", "410"); err != nil {
		t.Fatal(err)
	}
	d.busy, d.looked = []string{"p"}, time.Now()
	if err := d.round(t.Context(), t.Context()); err != nil {
		t.Fatal(err)
	}
	d.sends.Wait()
	w.want("sent", strings.Join(w.sent, " "), "")
	if len(d.busy) > 0 {
		t.Errorf("busy: %v", d.busy)
	}
}
