package ratelimit

import "time"

// window is what this replica admitted under one key in one length of window, whether Redis, a
// lease or its own share allowed it. The lock of its shard guards it.
type window struct {
	id   identity
	grid grid

	entries []entry // by step, ascending; entries[:gone] have left
	gone    int
	total   int // requests in entries[gone:]

	shard *shard // of Redis, once one counts this window
	name  string // of the key there
	told  telling
	lease lease
	calls int // to Redis, in flight: until they end the window stays

	used         int64
	older, newer *window // in order of use, among the windows of the same length in the shard
}

// identity is what is counted.
type identity struct {
	key    string
	length time.Duration
}

// entry is a step in which requests were admitted.
type entry struct {
	step     int64
	requests uint32
	told     uint32 // of these Redis knows
}

// expire drops the steps that lie outside at now.
func (w *window) expire(now int64) {
	first := w.grid.first(now)
	for w.gone < len(w.entries) && w.entries[w.gone].step < first {
		e := w.entries[w.gone]
		w.total -= int(e.requests)
		w.told.owed -= int(e.requests - e.told)
		w.gone++
	}
	switch {
	case w.gone == len(w.entries):
		w.entries, w.gone = w.entries[:0], 0
	case w.gone > 16 && w.gone > len(w.entries)/2:
		w.entries = w.entries[:copy(w.entries, w.entries[w.gone:])]
		w.gone = 0
	}
}

// add counts an admitted request; told says whether Redis counted it already.
func (w *window) add(now int64, told bool) {
	step := w.grid.at(now)
	if n := len(w.entries); n == w.gone || w.entries[n-1].step < step {
		w.entries = append(w.entries, entry{step: step})
	}
	last := &w.entries[len(w.entries)-1] // never before the last step: the clock does not go back
	last.requests++
	w.total++
	if told {
		last.told++
	} else {
		w.told.owed++
	}
}

// reset is the time until the oldest step leaves.
func (w *window) reset(now int64) time.Duration {
	if w.gone == len(w.entries) {
		return 0
	}
	return duration(max(w.grid.leaves(w.entries[w.gone].step)-now, 0))
}

// idle says whether nothing is lost with w.
func (w *window) idle(now int64) bool {
	w.expire(now)
	return w.total == 0 && w.calls == 0
}
