package httpclient

import "time"

// parts is how many parts a window rolls in: it spans between nine and ten tenths of its length.
const parts = 10

// tally counts attempts that ended.
type tally struct{ calls, failed, slow int }

// window sums the tallies of the last slices of time.
type window struct {
	start  time.Time
	slice  time.Duration
	head   int64 // the newest slice, counted from start
	ring   [parts]tally
	sum    tally
	length time.Duration
}

func newWindow(now time.Time, length time.Duration) window {
	return window{start: now, slice: max(1, length/parts), length: length}
}

func (w *window) clear(now time.Time) { *w = newWindow(now, w.length) }

// add counts one attempt in the slice of now.
func (w *window) add(now time.Time, failed, slow bool) {
	w.roll(now)
	t := tally{calls: 1}
	if failed {
		t.failed = 1
	}
	if slow {
		t.slow = 1
	}
	w.ring[w.head%parts].plus(t, 1)
	w.sum.plus(t, 1)
}

// roll drops the slices that now has left behind. Goroutines may come with times slightly out of
// order: an earlier one counts as the newest slice.
func (w *window) roll(now time.Time) {
	head := int64(now.Sub(w.start) / w.slice)
	if head-w.head >= parts {
		w.ring, w.sum, w.head = [parts]tally{}, tally{}, head
		return
	}
	for w.head < head {
		w.head++
		slot := &w.ring[w.head%parts]
		w.sum.plus(*slot, -1)
		*slot = tally{}
	}
}

func (t *tally) plus(o tally, sign int) {
	t.calls += sign * o.calls
	t.failed += sign * o.failed
	t.slow += sign * o.slow
}
