package ratelimit

import (
	"context"
	"errors"
	"math"
	"time"
)

// call is one run of take.lua: the limits of a Take that lie in one shard, which on a plain Redis
// and for limits of one key are all.
type call struct {
	shard   *shard
	birth   int64
	limits  []int // positions in held
	reports []int64
	asked   []bool // for a lease
	keys    []string
	args    []any
	reply   []int64
	err     error
}

// What take.lua returns first.
const (
	strange  = -1 // another mark than the one this replica joined
	late     = -2 // run after the caller stopped waiting: nothing was counted
	lost     = -3 // a window is not the one that was told
	refused  = 0
	admitted = 1
)

const perWindow = 4 // values of a window in the reply

var (
	errStrange = errors.New("redis lost its counts")
	errLate    = errors.New("redis answered too late")
)

// plan makes the calls for held windows, or none where their shard is away.
func (r *remote) plan(h held, now int64) []call {
	for _, w := range h.windows {
		if w.shard.birth.Load() == 0 {
			return nil
		}
	}
	calls := make([]call, 0, 1)
	for i, w := range h.windows {
		var c *call
		for j := range calls {
			if calls[j].shard == w.shard {
				c = &calls[j]
			}
		}
		if c == nil {
			calls = append(calls, newCall(w.shard, r.replica, true, len(h.windows)))
			c = &calls[len(calls)-1]
		}
		wish := leaseOf(h.limits[i])
		if w.lease.asked || w.lease.left > 0 && now < w.lease.until {
			wish = 0
		}
		if wish > 0 {
			w.settle()
			w.lease.asked = true
		}
		c.add(w, i, h.limits[i].Requests, wish, r.nextReport)
	}
	return calls
}

func (r *remote) nextReport() int64 { return r.reports.Add(1) }

func newCall(s *shard, replica string, take bool, limits int) call {
	c := call{shard: s, birth: s.birth.Load(), args: make([]any, 4, 4+7*limits), keys: make([]string, 1, 1+limits)}
	c.keys[0] = s.mark
	c.args[0], c.args[1], c.args[2], c.args[3] = c.birth, int64(math.MaxInt64), replica, 0
	if take {
		c.args[3] = 1
	}
	return c
}

// add puts w into the call, with what Redis is to be told of it.
func (c *call) add(w *window, position, requests, wish int, next func() int64) {
	if c.birth != 0 && w.told.birth != c.birth {
		asked := w.lease.asked
		w.forget(c.birth)
		w.lease.asked = asked
	}
	created := w.told.created
	if w.total == w.told.owed {
		created = 0 // Redis knows nothing that it could have lost
	}
	rep := w.report(next)
	c.keys = append(c.keys, w.name)
	c.args = append(c.args, requests, w.grid.window, w.grid.step, wish, created, rep.number, len(rep.changes))
	for _, ch := range rep.changes {
		c.args = append(c.args, ch.step, ch.requests)
	}
	c.limits = append(c.limits, position)
	c.reports = append(c.reports, rep.number)
	c.asked = append(c.asked, wish > 0)
	w.calls++
}

// run makes the calls one after the other, as long as they admit, within r.wait in all.
func (r *remote) run(ctx context.Context, calls []call) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, r.wait)
	defer cancel()
	for i := range calls {
		c := &calls[i]
		sent := r.clock.now()
		c.args[1] = sent + c.shard.offset.Load() + r.wait.Microseconds()
		c.reply, c.err = takeScript.Run(ctx, r.client, c.keys, c.args...).Int64Slice()
		if len(c.reply) > 1 {
			c.shard.offset.Store(c.reply[1] - sent)
		}
		if c.err != nil || c.reply[0] != admitted {
			break
		}
	}
	r.metrics.redis.Observe(time.Since(began).Seconds())
}

type outcome int

const (
	decided outcome = iota
	undecided
	again
)

// conclude draws the consequences of calls, whose windows are held again.
func (r *remote) conclude(ctx context.Context, h held, calls []call, now int64) (Decision, outcome) {
	result := decided
	allowed := true
	standings := make([]Standing, len(h.limits))
	for i := range calls {
		c := &calls[i]
		c.end(h)
		switch {
		case c.err != nil:
			if ctx.Err() == nil {
				r.failed(c.shard, c.err)
			}
			result = undecided
		case c.reply == nil: // not made
			for _, p := range c.limits {
				w, limit := h.windows[p], h.limits[p]
				standings[p] = Standing{Limit: limit, Remaining: max(limit.Requests-w.total, 0), Reset: w.reset(now)}
			}
		case c.reply[0] == strange:
			r.leave(c.shard, errStrange)
			result = undecided
		case c.reply[0] == late:
			r.failed(c.shard, errLate)
			result = undecided
		case c.reply[0] == lost:
			c.forget(h)
			result = again
		default:
			c.shard.failures.Store(0)
			c.learn(h, standings, now)
			allowed = allowed && c.reply[0] == admitted
		}
	}
	if result == decided && allowed {
		for i := range calls {
			for _, p := range calls[i].limits {
				w := h.windows[p]
				w.add(now, w.told.birth == calls[i].birth)
			}
		}
		return newDecision(standings), decided
	}
	for i := range calls {
		calls[i].takeBack(h)
	}
	if result != decided {
		return Decision{}, result
	}
	return newDecision(standings), decided
}

// end releases what plan took.
func (c *call) end(h held) {
	for i, p := range c.limits {
		w := h.windows[p]
		w.calls--
		if c.asked[i] {
			w.lease.asked = false
		}
	}
}

// forget prepares the windows that Redis lost to be told again.
func (c *call) forget(h held) {
	for i, p := range c.limits {
		if w := h.windows[p]; c.reply[2+i] == 1 && w.told.birth == c.birth {
			w.forget(c.birth)
			w.shard.owe(w)
		}
	}
}

// learn takes over what Redis answered: that it heard the reports, how the limits stand, leases.
func (c *call) learn(h held, standings []Standing, now int64) {
	clock, offset := c.reply[1], c.shard.offset.Load()
	for i, p := range c.limits {
		w, limit := h.windows[p], h.limits[p]
		v := c.reply[2+perWindow*i:]
		created, total, oldest, leased := v[0], int(v[1]), v[2], int(v[3])
		reset := now
		if total > 0 {
			reset = w.grid.leaves(oldest) - offset
		}
		remaining := max(limit.Requests-total, 0)
		if w.told.birth == c.birth { // else Redis was lost meanwhile, and all this with it
			w.told.acknowledge(c.reports[i])
			w.told.created = created
			if leased > 0 {
				end := w.grid.slotEnd(w.grid.at(clock))
				w.lease.left, w.lease.granted = leased, leased
				w.lease.until, w.lease.step = end-offset, w.grid.at(end-1)
				w.lease.remaining, w.lease.reset = remaining, reset
			}
		}
		standings[p] = Standing{
			Limit: limit, Refused: c.reply[0] == refused && total >= limit.Requests,
			Remaining: remaining + leased, Reset: duration(max(reset-now, 0)),
		}
	}
}

// takeBack gives back what the call took, because another limit of the same request refused.
func (c *call) takeBack(h held) {
	if len(c.reply) == 0 || c.reply[0] != admitted {
		return
	}
	for _, p := range c.limits {
		if w := h.windows[p]; w.told.birth == c.birth {
			w.told.queue = append(w.told.queue, change{w.grid.at(c.reply[1]), -1})
			w.shard.owe(w)
		}
	}
}
