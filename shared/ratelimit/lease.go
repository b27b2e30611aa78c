package ratelimit

// A lease is a few requests of a large limit that Redis counted in advance, so that the replica
// may admit them without asking. Redis counts them at the end of their slot and they are valid
// until then: none leaves the count before the request it stands for has left the window. The next
// call to Redis settles: it moves the spent ones to where the last was spent, and gives the others
// back. What is never settled stays counted, and only makes the limit stricter.
type lease struct {
	left      int   // requests that may still be admitted
	granted   int   // as Redis counts them, until the lease is settled
	until     int64 // end of validity, by our clock
	step      int64 // where Redis counts them
	spent     int64 // when the last was admitted, by our clock
	remaining int   // of the limit, beside the lease
	reset     int64 // when some of what the limit counts leaves, by our clock
	asked     bool  // a call that asks for a lease is in flight; others do without
}

const (
	leaseFloor = 1000 // the smallest limit that leases
	leaseShare = 500  // limit ÷ leaseShare at once, per replica: 0.2 %
)

// leaseOf is how many requests of limit a replica may lease at once.
func leaseOf(limit Limit) int {
	if limit.Requests < leaseFloor {
		return 0
	}
	return limit.Requests / leaseShare
}

// spend admits by leases alone; it reports false, and spends none, unless all limits have one.
func (h held) spend(now int64) (Decision, bool) {
	for i, w := range h.windows {
		if w.lease.left == 0 || now >= w.lease.until || w.shard.birth.Load() != w.told.birth || leaseOf(h.limits[i]) == 0 {
			return Decision{}, false
		}
	}
	standings := make([]Standing, len(h.limits))
	for i, w := range h.windows {
		w.lease.left--
		w.lease.spent = now
		w.add(now, true)
		standings[i] = Standing{
			Limit: h.limits[i], Remaining: w.lease.remaining + w.lease.left,
			Reset: duration(max(w.lease.reset-now, 0)),
		}
	}
	return newDecision(standings), true
}

// settle ends the lease and queues what Redis has to change.
func (w *window) settle() {
	l := &w.lease
	if l.granted == 0 {
		return
	}
	if used := l.granted - l.left; used > 0 {
		at := min(w.grid.at(l.spent+w.shard.offset.Load()), l.step)
		if at == l.step && l.left == 0 {
			w.lease = lease{asked: l.asked} // all is counted where it belongs
			return
		}
		w.told.queue = append(w.told.queue, change{at, int64(used)})
	}
	w.told.queue = append(w.told.queue, change{l.step, -int64(l.granted)})
	w.lease = lease{asked: l.asked}
}
