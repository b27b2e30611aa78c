package database

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/problem"
)

// ErrUnknown is in the chain of a Writer's error when something may or may not have been written.
var ErrUnknown = errors.New("outcome unknown")

const (
	maxFlying    = 1                       // groups of a Writer in work at once
	patience     = 6 * time.Millisecond    // of a group, with those who may come to join it
	groupTimeout = 1500 * time.Millisecond // of a group, from its connection to its commit
	groupTries   = 3                       // of a group that PostgreSQL asks to repeat
)

// Writer lets concurrent callers share a transaction, and so its round trip and its flush to disk:
// while a group is in work, the calls that arrive wait and become the next group. A lone call is a
// group of its own at once; a group that follows one with company waits a moment for as much. (With
// two groups in work they are half as large: the same latency at half again the cost.)
type Writer[I, O any] struct {
	db    *DB
	name  string
	limit int
	exec  func(context.Context, Statements, []I) ([]O, error)

	size, duration prometheus.Observer

	mu      sync.Mutex
	waiting []*call[I, O] // in the order of arrival
	flying  int           // groups in work
	wanted  int           // how many waiting calls complete a group; 0: it does not wait for them
	joined  chan struct{} // holds one element once they are there

	calls sync.Pool // whose caller has read its outcome
}

// call is one Do.
type call[I, O any] struct {
	item I
	done chan struct{} // holds one element when out and err are there

	// Under Writer.mu: a call is taken into a group or left by its caller, whichever comes first.
	taken, left bool

	out O
	err error
}

func (c *call[I, O]) finish(out O, err error) {
	c.out, c.err = out, err
	c.done <- struct{}{}
}

// NewWriter makes the writer of up to limit items a group; name is the label of its metrics. exec
// writes the items, best in one statement over unnested arrays, and returns an outcome for each, in
// their order. It may run again for the same items, or some of them, also where they were written
// and nobody learned it: an item that finds itself there has the outcome of having been written
// now. What one item finds is its outcome, an error is a defect of the whole group.
func NewWriter[I, O any](db *DB, name string, limit int, exec func(context.Context, Statements, []I) ([]O, error)) *Writer[I, O] {
	w := &Writer[I, O]{
		db: db, name: name, limit: limit, exec: exec, joined: make(chan struct{}, 1),
		size: db.writers.size.WithLabelValues(name), duration: db.writers.duration.WithLabelValues(name),
	}
	w.calls.New = func() any { return &call[I, O]{done: make(chan struct{}, 1)} }
	return w
}

// Do writes item and returns its outcome once that is committed. Errors:
//   - problem.Unavailable: the database is away; nothing was written, unless ErrUnknown is there too;
//   - ErrUnknown: it broke off and could not be repeated, or ctx ended (then ctx's error is there
//     too) when the item was already under way: written or not;
//   - ctx's error alone: ctx ended before; nothing was written;
//   - any other: what exec or PostgreSQL had against this item; nothing was written.
//
// Without any deadline in ctx it answers within about two seconds, whatever the database does.
func (w *Writer[I, O]) Do(ctx context.Context, item I) (O, error) {
	var none O
	if err := ctx.Err(); err != nil {
		return none, fmt.Errorf("database: writer %s: %w", w.name, err)
	}
	c := w.calls.Get().(*call[I, O])
	c.item = item
	w.mu.Lock()
	w.waiting = append(w.waiting, c)
	if len(w.waiting) == w.wanted {
		w.joined <- struct{}{} // there is room: gather, which wanted them, has emptied it
	}
	if w.flying < maxFlying {
		w.flying++
		go w.fly()
	}
	w.mu.Unlock()

	select {
	case <-c.done:
		out, err := c.out, c.err
		*c = call[I, O]{done: c.done}
		w.calls.Put(c)
		if err != nil {
			return none, fmt.Errorf("database: writer %s: %w", w.name, err)
		}
		return out, nil
	case <-ctx.Done():
		w.mu.Lock()
		defer w.mu.Unlock()
		c.left = true
		if c.taken {
			return none, fmt.Errorf("database: writer %s: %w: %w", w.name, ErrUnknown, ctx.Err())
		}
		return none, fmt.Errorf("database: writer %s: %w", w.name, ctx.Err())
	}
}

// fly writes groups until nobody waits.
func (w *Writer[I, O]) fly() {
	for before := 0; ; {
		runtime.Gosched() // callers that are ready to join do so
		w.gather(before)
		group := w.take(w.limit)
		if group == nil {
			return
		}
		before = len(group)
		start := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), groupTimeout)
		err := w.write(ctx, group, false)
		cancel()
		w.size.Observe(float64(len(group)))
		w.duration.Observe(time.Since(start).Seconds())
		if !errors.Is(err, problem.Unavailable) {
			continue
		}
		// Those who came in the meantime need not find out one group after the other.
		for _, c := range w.take(-1) {
			var none O
			c.finish(none, unavailable(fmt.Errorf("not tried after: %v", err)))
		}
	}
}

// gather waits for as many calls as were in the group before: those it served come back, and a group
// costs the same round trip with and without them.
func (w *Writer[I, O]) gather(before int) {
	w.mu.Lock()
	enough := before < 2 || len(w.waiting) >= before
	if !enough {
		w.wanted = before
	}
	w.mu.Unlock()
	if enough {
		return
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-w.joined:
	case <-late.C:
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wanted = 0
	select {
	case <-w.joined: // it came when the time was up
	default:
	}
}

// take takes the next group of up to limit calls, -1 for all; the last one to find none ends its
// flight.
func (w *Writer[I, O]) take(limit int) []*call[I, O] {
	w.mu.Lock()
	defer w.mu.Unlock()
	var group []*call[I, O]
	n := 0
	for _, c := range w.waiting {
		if limit >= 0 && len(group) == limit {
			break
		}
		n++
		if !c.left {
			c.taken = true
			group = append(group, c)
		}
	}
	rest := copy(w.waiting, w.waiting[n:])
	clear(w.waiting[rest:])
	w.waiting = w.waiting[:rest]
	if group == nil && limit >= 0 {
		w.flying--
	}
	return group
}

// write writes the group, which may have been written in part, and tells its callers; ctx bounds it.
// It returns the errors it told.
func (w *Writer[I, O]) write(ctx context.Context, group []*call[I, O], written bool) error {
	items := make([]I, len(group))
	for i, c := range group {
		items[i] = c.item
	}
	outs, err := w.commit(ctx, items, &written)
	if err == nil {
		for i, c := range group {
			c.finish(outs[i], nil)
		}
		return nil
	}
	there := !away(err) && ctx.Err() == nil
	if half := len(group) / 2; half > 0 && there {
		// One of the items may be at fault: the half that lacks it goes through.
		return errors.Join(w.write(ctx, group[:half], written), w.write(ctx, group[half:], written))
	}
	if written {
		err = fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	if written || !there {
		err = unavailable(err)
	}
	var none O
	for _, c := range group {
		c.finish(none, err)
	}
	return err
}

// commit writes the items, and again while it is likely that another try helps. It sets written
// where some of them were or may have been written, also where there is an error.
func (w *Writer[I, O]) commit(ctx context.Context, items []I, written *bool) (outs []O, err error) {
	for range groupTries {
		outs, err = w.try(ctx, items, written)
		if err == nil || ctx.Err() != nil {
			break
		}
		if broken(err) {
			w.db.Reset() // the connections that lay in the pool broke with this one
		} else if !repeatable(err) {
			break
		}
	}
	return outs, err
}

// try writes the items on one connection.
func (w *Writer[I, O]) try(ctx context.Context, items []I, written *bool) (outs []O, err error) {
	conn, err := w.db.Pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Release()
	s := &statements{conn: conn.Conn()}
	if outs, err = w.run(ctx, s, items); err == nil {
		err = s.flush(ctx)
	}
	*written = *written || s.written
	return outs, err
}

// run is exec, whose panic must not take the process with it: no request's recover stands above.
func (w *Writer[I, O]) run(ctx context.Context, s *statements, items []I) (outs []O, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	if outs, err = w.exec(ctx, s, items); err == nil && len(outs) != len(items) {
		err = fmt.Errorf("%d outcomes for %d items", len(outs), len(items))
	}
	return outs, err
}

type writerMetrics struct {
	size, duration *prometheus.HistogramVec
}

func newWriterMetrics() *writerMetrics {
	return &writerMetrics{
		size: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "database_writer_group_size", Help: "Items that shared a transaction.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 8),
		}, []string{"writer"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "database_writer_group_duration_seconds", Help: "Time to write a group, its repetitions included.",
			Buckets: []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2},
		}, []string{"writer"}),
	}
}
