package outbox

import "time"

const (
	jitter   = 0.2            // of each step, in both directions
	longest  = 24 * time.Hour // that a receiver may ask us to wait
	slowFrom = 30 * time.Minute
)

// schedule are the waits before each attempt, counted from the one before.
type schedule struct {
	steps []time.Duration
	slow  int // the first step that is slow; len(steps): none is
}

func newSchedule(steps []time.Duration, from time.Duration) schedule {
	s := schedule{steps: steps, slow: len(steps)}
	for i, d := range steps {
		if d >= from {
			s.slow = i
			break
		}
	}
	return s
}

// next is the step after one that failed, with the wait before it; ok is false where none is left.
// Where no step is slow, each is slow enough. draw is even over [0, 1).
func (s schedule) next(step int, r Result, draw float64) (next int, wait time.Duration, ok bool) {
	next = step + 1
	if r.Outcome == RetrySlow && s.slow < len(s.steps) {
		next = max(next, s.slow)
	}
	if next >= len(s.steps) {
		return next, 0, false
	}
	return next, max(jittered(s.steps[next], draw), asked(r)), true
}

func jittered(d time.Duration, draw float64) time.Duration {
	return time.Duration(float64(d) * (1 - jitter + 2*jitter*draw))
}

// asked is what the receiver wants, within reason.
func asked(r Result) time.Duration { return min(max(0, r.RetryAfter), longest) }
