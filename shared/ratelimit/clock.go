package ratelimit

import "time"

// clock counts microseconds since 1970 from the wall clock at its start and the monotonic clock
// since: a wall clock that is set does not move it.
type clock struct {
	source func() time.Time
	start  time.Time
	base   int64
}

func newClock(source func() time.Time) clock {
	start := source()
	return clock{source: source, start: start, base: start.UnixMicro()}
}

func (c clock) now() int64 { return c.base + int64(c.source().Sub(c.start)/time.Microsecond) }

func duration(micros int64) time.Duration { return time.Duration(micros) * time.Microsecond }

const (
	slots = 60 // of a window
	steps = 10 // of a slot
)

// grid divides time into the steps of a window. All values are microseconds; a step is named by
// its number since 1970.
type grid struct{ window, step int64 }

func gridOf(window time.Duration) grid {
	w := max(window.Microseconds(), 1)
	return grid{window: w, step: (w + slots*steps - 1) / (slots * steps)}
}

// at is the step that holds t.
func (g grid) at(t int64) int64 { return t / g.step }

// first is the oldest step that the window ending at t still touches.
func (g grid) first(t int64) int64 { return (t - g.window) / g.step }

// leaves is when step lies wholly outside.
func (g grid) leaves(step int64) int64 { return (step+1)*g.step + g.window }

// slotEnd is when the slot that holds step ends.
func (g grid) slotEnd(step int64) int64 { return (step/steps + 1) * steps * g.step }
