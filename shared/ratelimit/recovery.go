package ratelimit

import (
	"context"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// recovery is the way back to the shared count. A replica visits each shard every quarter of a
// second. When Redis is back, or lost its counts, the replica first tells it what it admitted in
// the windows still open; it takes part again once all other replicas had the time to do the same.
type recovery struct {
	fresh  bool  // never away since the start, and not joined yet
	joined bool  // as the last visit left it
	birth  int64 // of the mark seen last
	last   int64 // the last time written to the mark, as far as we know
	back   int64 // when to join, by our clock; 0: not set
}

const (
	visits    = 250 * time.Millisecond
	settling  = time.Second // for the other replicas to visit and tell
	tellAtOne = 64          // windows told in one pipeline
)

// start visits all shards once and then again and again.
func (r *remote) start() {
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	r.visitAll(ctx)
	for _, s := range r.shards {
		r.work.Go(func() {
			ticker := time.NewTicker(visits)
			defer ticker.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-ticker.C:
				case <-s.wake:
				}
				r.visit(ctx, s)
			}
		})
	}
}

func (r *remote) stop() {
	if r.cancel != nil {
		r.cancel()
	}
	r.work.Wait()
	_ = r.client.Close() // nothing is left to be lost
}

// visitAll visits every shard once.
func (r *remote) visitAll(ctx context.Context) {
	for _, s := range r.shards {
		r.work.Go(func() { r.visit(ctx, s) })
	}
	r.work.Wait()
}

// visit looks whether s is there and whole, tells it what it is owed, and joins it when it is time.
func (r *remote) visit(ctx context.Context, s *shard) {
	v := &s.recovery
	sent := r.clock.now()
	born, last, clock, err := r.join(ctx, s)
	if err != nil {
		if ctx.Err() == nil {
			r.failed(s, err)
		}
		v.fresh = false
		if s.birth.Load() == 0 {
			v.joined, v.back = false, 0
		}
		return
	}
	s.failures.Store(0)
	s.offset.Store(clock - sent)
	v.last = last
	if born != v.birth {
		if v.birth != 0 {
			r.leave(s, errStrange)
		}
		v.birth = born
		v.joined, v.back = false, 0
		r.oweAll(s)
	}
	if v.joined && s.birth.Load() == 0 { // left since the last visit
		v.joined, v.back = false, 0
	}
	if !r.tell(ctx, s, born) || v.joined {
		return
	}
	settle := settling.Microseconds()
	if r.among == 1 {
		settle = 0 // there is nobody to wait for
	}
	if v.back == 0 {
		v.back = sent
		if !v.fresh {
			v.back += settle
		}
	}
	if r.clock.now() < v.back || clock < born+settle {
		return
	}
	s.birth.Store(born)
	v.fresh, v.joined, v.back = false, true, 0
	r.log.Info("rate limits are shared", "replicas", r.among)
	r.tell(ctx, s, born) // what was admitted since
}

// join runs join.lua: it returns the birth of the mark, what it last held, and the Redis clock.
func (r *remote) join(ctx context.Context, s *shard) (born, last, clock int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, r.wait)
	defer cancel()
	v, err := joinScript.Run(ctx, r.client, []string{s.mark}, s.recovery.last).Int64Slice()
	if err != nil {
		return 0, 0, 0, err
	}
	return v[0], v[1], v[2], nil
}

// oweAll lists every window of s that counts anything: s knows nothing of them.
func (r *remote) oweAll(s *shard) {
	r.windows.each(func(w *window) {
		if w.shard == s && w.total > 0 {
			s.owe(w)
		}
	})
}

// tell tells s what it is owed. It reports false where something is left for the next visit.
func (r *remote) tell(ctx context.Context, s *shard, born int64) bool {
	s.mu.Lock()
	owing := s.owing
	s.owing = nil
	s.mu.Unlock()
	done := true
	for len(owing) > 0 {
		n := min(len(owing), tellAtOne)
		if done {
			done = r.tellSome(ctx, s, born, owing[:n])
		} else {
			r.oweAgain(s, owing[:n])
		}
		owing = owing[n:]
	}
	return done
}

func (r *remote) oweAgain(s *shard, some []*window) {
	for _, w := range some {
		h := r.windows.holdOne(w)
		w.told.listed = false
		s.owe(w)
		h.release()
	}
}

// tellSome reports some windows in one pipeline.
func (r *remote) tellSome(ctx context.Context, s *shard, born int64, some []*window) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	now := r.clock.now()
	calls := make([]call, len(some))
	replies := make([]*redis.Cmd, len(some))
	pipe := r.client.Pipeline()
	for i, w := range some {
		h := r.windows.holdOne(w)
		w.expire(now)
		w.told.listed = false
		calls[i] = newCall(s, r.replica, false, 1)
		calls[i].birth, calls[i].args[0] = born, born
		calls[i].add(w, 0, 0, 0, r.nextReport)
		h.release()
		replies[i] = pipe.EvalSha(ctx, takeScript.Hash(), calls[i].keys, calls[i].args...)
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	done := true
	for i, w := range some {
		c := &calls[i]
		c.reply, c.err = replies[i].Int64Slice()
		if c.err != nil && strings.HasPrefix(c.err.Error(), "NOSCRIPT") {
			c.reply, c.err = takeScript.Eval(ctx, r.client, c.keys, c.args...).Int64Slice()
		}
		done = r.heard(s, c, w) && done
	}
	return done
}

// heard notes how Redis took a report.
func (r *remote) heard(s *shard, c *call, w *window) bool {
	h := r.windows.holdOne(w)
	defer h.release()
	c.end(h)
	switch {
	case c.err == nil && c.reply[0] == refused:
		if w.told.birth == c.birth {
			w.told.acknowledge(c.reports[0])
			w.told.created = c.reply[2]
		}
		if !w.told.settled() {
			s.owe(w)
		}
		return true
	case c.err == nil && c.reply[0] == lost:
		c.forget(h)
		return false
	default:
		s.owe(w)
		return false
	}
}
