package ratelimit

import (
	"context"
	"crypto/rand"
	_ "embed"
	"hash/fnv"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// remote is the Redis that counts for all replicas.
type remote struct {
	client  *client
	wait    time.Duration
	among   int // replicas that share the limits
	clock   clock
	windows *windows
	metrics *metrics
	log     *slog.Logger
	replica string // tells this process's reports from those of others
	reports atomic.Int64
	shards  []*shard
	cancel  context.CancelFunc
	work    sync.WaitGroup
}

// shard is the part of the keys that lies in one hash slot: on a plain Redis all of them. It can be
// away alone.
type shard struct {
	mark   string // the key of join.lua
	prefix string // of the keys of windows

	birth    atomic.Int64 // of the mark under which this replica takes part; 0: it decides by its share
	offset   atomic.Int64 // added to our clock gives at least the Redis clock, µs
	failures atomic.Int32 // in a row
	wake     chan struct{}

	mu    sync.Mutex
	owing []*window // with something to tell; who holds mu waits for no stripe

	recovery recovery
}

const (
	clusterShards = 16 // on a Cluster; spread over its nodes by their hash slots
	trip          = 3  // failures in a row after which nobody waits any more
)

//go:embed take.lua
var takeSource string

//go:embed join.lua
var joinSource string

var takeScript, joinScript = redis.NewScript(takeSource), redis.NewScript(joinSource)

func newRemote(c *client, cfg Config, l *Limiter, log *slog.Logger) *remote {
	r := &remote{
		client: c, wait: cfg.Wait, among: cfg.Replicas,
		clock: l.clock, windows: l.windows, metrics: l.metrics, log: log, replica: rand.Text(),
	}
	n := 1
	if c.cluster {
		n = clusterShards
	}
	for i := range n {
		mark := "puente:limit:{" + strconv.Itoa(i) + "}"
		s := &shard{mark: mark, prefix: mark + ":", wake: make(chan struct{}, 1)}
		s.recovery.fresh = true
		r.shards = append(r.shards, s)
	}
	return r
}

// place gives every window its shard. Limits under one key share it, whatever their windows.
func (r *remote) place(h held) {
	for _, w := range h.windows {
		if w.shard != nil {
			continue
		}
		w.shard = r.shards[0]
		if len(r.shards) > 1 {
			sum := fnv.New32a()
			_, _ = sum.Write([]byte(w.id.key))
			w.shard = r.shards[sum.Sum32()%uint32(len(r.shards))]
		}
		w.name = w.shard.prefix + w.id.key + ":" + w.id.length.String()
	}
}

func (r *remote) away() bool {
	for _, s := range r.shards {
		if s.birth.Load() == 0 {
			return true
		}
	}
	return false
}

// take decides by leases, else by Redis, else by this replica's share.
func (r *remote) take(ctx context.Context, limits []Limit) Decision {
	now := r.clock.now()
	h := r.windows.hold(limits, now)
	defer h.release()
	r.place(h)
	if d, ok := h.spend(now); ok {
		return d
	}
	for range 2 { // a second time where Redis lost a window and was not told yet
		calls := r.plan(h, now)
		if calls == nil {
			break
		}
		h.release()
		r.run(ctx, calls)
		now = r.clock.now()
		h.lock()
		h.expire(now)
		d, outcome := r.conclude(ctx, h, calls, now)
		switch outcome {
		case decided:
			return d
		case undecided:
			return r.decideOwn(h, now)
		}
	}
	return r.decideOwn(h, now)
}

// decideOwn decides by this replica's share; Redis is told later.
func (r *remote) decideOwn(h held, now int64) Decision {
	d := h.decide(now, r.among)
	d.Degraded = true
	if d.Allowed {
		for _, w := range h.windows {
			w.shard.owe(w)
		}
	}
	return d
}

// owe notes that w has something to tell. The caller holds w.
func (s *shard) owe(w *window) {
	if w.told.listed {
		return
	}
	w.told.listed = true
	s.mu.Lock()
	s.owing = append(s.owing, w)
	s.mu.Unlock()
}

// failed counts a call that Redis did not answer in time; after three in a row it is away.
func (r *remote) failed(s *shard, err error) {
	if s.failures.Add(1) >= trip {
		r.leave(s, err)
	}
}

// leave takes this replica out of the shared count.
func (r *remote) leave(s *shard, reason error) {
	if s.birth.Swap(0) != 0 {
		r.log.Warn("rate limits are counted by this replica alone", "error", reason, "replicas", r.among)
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
