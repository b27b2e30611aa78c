package renewal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"puente/papi/subscription/charging"
	"puente/papi/subscription/lifecycle"
	"puente/papi/subscription/schedule"
	"puente/papi/subscription/sql"
	"puente/shared/database"
	"puente/shared/problem"
	"puente/shared/telemetry"
)

const (
	slice = 5 * time.Second // a run begins nothing after this: a process that stops need not wait longer
	group = 64              // subscriptions to a transaction

	longest = 30 * time.Second // that a job waits where the operator takes nothing
	fewest  = 20               // subscriptions in a claim: not all of them are charged
)

// Run works what is due for about a slice of time, and tells whether there may be more, and when.
func (r *Renewal) Run(ctx context.Context) (more bool, again time.Duration, err error) {
	ctx = identified(ctx)
	until := time.Now().Add(slice)
	results := r.collect(ctx)
	defer results.close()
	for {
		wait := r.pace.paused()
		if wait <= 0 && time.Now().After(until) {
			return true, 0, nil
		}
		if time.Now().Add(wait).After(until) { // the operator takes nothing for a while
			return true, min(wait, longest), nil
		}
		if err := pause(ctx, wait); err != nil {
			return true, 0, err
		}
		claimed, full, err := r.chunk(ctx, until, results)
		if err != nil || !full {
			return false, 0, err
		}
		if claimed == 0 { // each of them waits
			return false, 0, nil
		}
	}
}

// identified gives a run its own identity, under which its charges, their history and its calls are found.
func identified(ctx context.Context) context.Context {
	return telemetry.WithCorrelation(ctx, uuid.NewString())
}

// chunk claims subscriptions and works them. It reports how many came to something, and whether there may be
// more than were claimed.
func (r *Renewal) chunk(ctx context.Context, until time.Time, results *collector) (came int, full bool, err error) {
	c := chunk{Renewal: r, lease: uuid.New(), until: until, results: results}
	most := r.most()
	rows, err := sql.New(r.DB).ClaimDue(ctx, sql.ClaimDueParams{Lease: c.lease, Lasts: r.cfg.Lease, Now: r.Now(), Most: int32(most)})
	if err != nil || len(rows) == 0 {
		return 0, false, database.Problem(err)
	}
	r.metrics.claimed.Add(float64(len(rows)))
	c.left = make(map[int64]bool, len(rows))
	for _, row := range rows {
		c.left[row.ID] = true
	}
	defer func() {
		if left := c.release(ctx); left != nil {
			err = errors.Join(err, left)
		}
	}()
	slices.SortFunc(rows, func(a, b sql.SubscriptionSubscription) int { return a.DueAt.Compare(*b.DueAt) })
	all, orphans, err := r.look(ctx, rows, until)
	if err != nil {
		return 0, false, err
	}
	if len(orphans) > 0 {
		r.Log.WarnContext(ctx, "due subscriptions without a product or a number are put off", "count", len(orphans), "first", orphans[0])
		r.metrics.of(0, string(orphan)).Add(float64(len(orphans)))
		if err := c.putOff(ctx, r.cfg.Held, orphans); err != nil {
			return 0, false, err
		}
	}
	came, err = c.work(ctx, all)
	return came, len(rows) == most, err
}

// most is how many are claimed at once: no more than the operator takes in a slice.
func (r *Renewal) most() int {
	limit := float64(r.pace.rate()) * slice.Seconds() / float64(r.cfg.Jobs)
	return int(min(float64(r.cfg.Chunk), max(limit, fewest)))
}

// chunk is what one claim took.
type chunk struct {
	*Renewal
	lease   uuid.UUID
	until   time.Time
	left    map[int64]bool // claimed, and nothing done about them yet
	results *collector
}

// work works the chunk: first what needs no call of the operator, then what does.
func (c *chunk) work(ctx context.Context, all []*candidate) (came int, err error) {
	var calls, rest []*candidate
	for _, one := range all {
		if one.found == unlooked { // it is given back
			continue
		}
		if one.found != lineAway && one.found != productSuspended && one.found != noConsent {
			came++
		}
		now := c.Now()
		if one.found == chargeable && one.amount > 0 && !now.Before(*one.PaidUntil) && chargesNow(c.Lifecycle.Next(one.Subscription, now), now) {
			calls = append(calls, one)
		} else {
			rest = append(rest, one)
		}
	}
	for batch := range slices.Chunk(rest, group) {
		if ctx.Err() != nil {
			return came, ctx.Err()
		}
		if _, err := c.open(ctx, batch); err != nil {
			return came, err
		}
	}
	for len(calls) > 0 && time.Now().Before(c.until) {
		n, err := c.callSome(ctx, calls)
		if err != nil {
			return came, err
		}
		calls = calls[n:]
	}
	return came, nil
}

func chargesNow(step schedule.Step, now time.Time) bool {
	return step.Do == schedule.Charge && !step.At.After(now)
}

// callSome opens as many as can be called now, and has them called. It reports how many it took.
func (c *chunk) callSome(ctx context.Context, calls []*candidate) (int, error) {
	waiting, cancel := context.WithDeadline(ctx, c.until)
	defer cancel()
	n, err := c.calls.take(waiting, min(len(calls), group))
	if err != nil {
		return 0, ctx.Err() // the slice is over
	}
	free := n
	defer func() { c.calls.give(free) }()
	times, err := c.pace.times(waiting, n)
	if err != nil {
		return 0, ctx.Err()
	}
	n = len(times)
	orders, err := c.open(ctx, calls[:n])
	for i, moment := range times {
		if i >= len(orders) {
			moment.unused()
			continue
		}
		free--
		c.results.calls.Go(func() {
			defer c.calls.give(1)
			c.results.in <- charging.Settlement{Charge: orders[i].Charge, Result: c.call(ctx, orders[i], moment.at)}
		})
	}
	return n, err
}

// call has the operator charge at a moment, unless something came between.
func (c *chunk) call(ctx context.Context, o charging.Order, at time.Time) (result charging.Result) {
	defer func() {
		if v := recover(); v != nil { // it runs beside the job that would recover; the inquiry tells
			result = charging.Result{Cause: fmt.Errorf("panic: %v", v)}
			c.Log.ErrorContext(ctx, "call of the operator panicked", "charge", o.Charge.ID, "panic", v)
		}
	}()
	waits := time.Until(at)
	if err := pause(ctx, waits); err != nil {
		return charging.NotCalled(0, err)
	}
	if wait := c.pace.paused(); wait > 0 {
		return charging.NotCalled(wait, problem.Errorf(problem.Unavailable, "the operator takes no calls"))
	}
	if waits > atOnce {
		if err := c.still(ctx, o); err != nil {
			return charging.NotCalled(0, err)
		}
	}
	result = c.Charging.Call(ctx, o)
	c.pace.learn(result)
	return result
}

// atOnce is how long a call may wait for its moment without a second look at its subscription: where nothing limits the
// calls, each would cost one.
const atOnce = 20 * time.Millisecond

var errEnded = errors.New("the subscription ended while its charge waited for its moment")

// still wants the subscription of an order not to have ended while the order waited (invariant 5). Whoever leaves after
// this look is charged, and given it back.
func (c *chunk) still(ctx context.Context, o charging.Order) error {
	s, err := sql.New(c.DB).Subscription(ctx, *o.Charge.SubscriptionID)
	if err != nil {
		return database.Problem(fmt.Errorf("look at subscription: %w", err))
	}
	if s.State == lifecycle.Cancelled {
		return errEnded
	}
	return nil
}

// open opens a batch in one transaction. Where something is wrong with that, each is opened alone, so that one
// does not hold up the rest.
func (c *chunk) open(ctx context.Context, batch []*candidate) ([]charging.Order, error) {
	orders, err := c.openAll(ctx, batch)
	if err == nil || ctx.Err() != nil || errors.Is(err, problem.Unavailable) {
		return orders, err
	}
	if len(batch) == 1 {
		c.Log.ErrorContext(ctx, "subscription not renewed", "subscription", batch[0].ID, "error", err)
		c.metrics.of(batch[0].ProductID, "failed").Inc()
		return nil, c.putOff(ctx, c.cfg.Away, []int64{batch[0].ID})
	}
	orders = nil
	for _, one := range batch {
		more, err := c.open(ctx, []*candidate{one})
		orders = append(orders, more...)
		if err != nil {
			return orders, err
		}
	}
	return orders, nil
}

// putOff has claimed subscriptions looked at again later, not all at once.
func (c *chunk) putOff(ctx context.Context, wait time.Duration, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := sql.New(c.DB).PutOff(ctx, sql.PutOffParams{At: c.Now().Add(wait), Spread: wait / 4, Ids: ids, Lease: c.lease})
	if err != nil {
		return database.Problem(fmt.Errorf("put off: %w", err))
	}
	for _, id := range ids {
		delete(c.left, id)
	}
	return nil
}

// release gives back what nothing was done about.
func (c *chunk) release(ctx context.Context) error {
	if len(c.left) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writing)
	defer cancel()
	ids := make([]int64, 0, len(c.left))
	for id := range c.left {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, cmp.Compare)
	if _, err := sql.New(c.DB).Release(ctx, sql.ReleaseParams{Ids: ids, Lease: c.lease}); err != nil {
		return database.Problem(fmt.Errorf("release: %w", err))
	}
	return nil
}
