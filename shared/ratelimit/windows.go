package ratelimit

import (
	"hash/maphash"
	"math/bits"
	"sync"
	"time"
)

const stripes = 64 // locks; a bit of held.mask each

// windows holds the window of every key in use, under striped locks. A window in which nothing is
// counted any more is dropped by the next call to its stripe, at a cost that does not depend on
// how many there are; beyond perStripe the one unused for longest goes.
type windows struct {
	seed      maphash.Seed
	perStripe int
	stripes   [stripes]stripe
}

type stripe struct {
	mu     sync.Mutex
	byID   map[identity]*window
	queues []*queue
}

// queue holds the windows of one length in order of use, so that its oldest is the first to empty.
type queue struct {
	length         time.Duration
	oldest, newest *window
}

func newWindows(limit int) *windows {
	s := &windows{seed: maphash.MakeSeed(), perStripe: max(limit/stripes, 1)}
	for i := range s.stripes {
		s.stripes[i].byID = make(map[identity]*window)
	}
	return s
}

// held are the windows of one call, with their stripes locked.
type held struct {
	store   *windows
	mask    uint64 // of stripes
	limits  []Limit
	windows []*window // one for each limit
}

// hold locks and finds the windows of limits, and makes those that are missing.
func (s *windows) hold(limits []Limit, now int64) held {
	h := held{store: s, limits: limits, windows: make([]*window, len(limits))}
	place := make([]uint8, 0, 8)
	for _, l := range limits {
		p := s.place(identity{l.Key, l.Window})
		place = append(place, p)
		h.mask |= 1 << p
	}
	h.lock()
	for m := h.mask; m != 0; m &= m - 1 { // before the search, so that what is found stays
		s.stripes[bits.TrailingZeros64(m)].drop(now, s.perStripe)
	}
	for i, l := range limits {
		h.windows[i] = s.stripes[place[i]].window(identity{l.Key, l.Window}, now)
	}
	return h
}

func (s *windows) place(id identity) uint8 {
	return uint8(maphash.Comparable(s.seed, id) % stripes)
}

// holdOne locks a window that was found before.
func (s *windows) holdOne(w *window) held {
	h := held{store: s, mask: 1 << s.place(w.id), windows: []*window{w}}
	h.lock()
	return h
}

// lock takes the stripes in ascending order, so that two calls never wait for each other.
func (h held) lock() {
	for m := h.mask; m != 0; m &= m - 1 {
		h.store.stripes[bits.TrailingZeros64(m)].mu.Lock()
	}
}

func (h held) release() {
	for m := h.mask; m != 0; m &= m - 1 {
		h.store.stripes[bits.TrailingZeros64(m)].mu.Unlock()
	}
}

// expire brings the windows to now.
func (h held) expire(now int64) {
	for _, w := range h.windows {
		w.expire(now)
	}
}

// each calls do with every window, one stripe locked at a time.
func (s *windows) each(do func(*window)) {
	for i := range s.stripes {
		st := &s.stripes[i]
		st.mu.Lock()
		for _, w := range st.byID {
			do(w)
		}
		st.mu.Unlock()
	}
}

func (s *windows) len() (n int) {
	for i := range s.stripes {
		s.stripes[i].mu.Lock()
		n += len(s.stripes[i].byID)
		s.stripes[i].mu.Unlock()
	}
	return n
}

// window finds or makes the window of id, expired to now.
func (st *stripe) window(id identity, now int64) *window {
	w := st.byID[id]
	q := st.queue(id.length)
	if w == nil {
		w = &window{id: id, grid: gridOf(id.length)}
		st.byID[id] = w
	} else {
		q.remove(w)
		w.expire(now)
	}
	w.used = now
	q.push(w)
	return w
}

// drop removes up to two empty windows of each length, and one that is not empty where limit is
// reached.
func (st *stripe) drop(now int64, limit int) {
	var unused *window
	for _, q := range st.queues {
		for range 2 {
			w := q.oldest
			if w == nil || !w.idle(now) {
				break
			}
			st.remove(q, w)
		}
		if w := q.oldest; w != nil && w.calls == 0 && (unused == nil || w.used < unused.used) {
			unused = w
		}
	}
	if len(st.byID) >= limit && unused != nil {
		st.remove(st.queue(unused.id.length), unused)
	}
}

func (st *stripe) remove(q *queue, w *window) {
	q.remove(w)
	delete(st.byID, w.id)
}

func (st *stripe) queue(length time.Duration) *queue {
	for _, q := range st.queues { // as many as the configuration has lengths: a handful
		if q.length == length {
			return q
		}
	}
	q := &queue{length: length}
	st.queues = append(st.queues, q)
	return q
}

func (q *queue) push(w *window) {
	w.older, w.newer = q.newest, nil
	if q.newest != nil {
		q.newest.newer = w
	} else {
		q.oldest = w
	}
	q.newest = w
}

func (q *queue) remove(w *window) {
	if w.older != nil {
		w.older.newer = w.newer
	} else {
		q.oldest = w.newer
	}
	if w.newer != nil {
		w.newer.older = w.older
	} else {
		q.newest = w.older
	}
	w.older, w.newer = nil, nil
}
