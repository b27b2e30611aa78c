package outbox

import (
	"time"

	"github.com/google/uuid"
)

// Outcome is what became of an attempt.
type Outcome uint8

// The outcomes. The zero one, of an owner that did not say, is the one that loses nothing.
const (
	Retry     Outcome = iota // it failed, and may succeed another time
	RetrySlow                // it failed for what takes people to repair: only the long steps are left
	Delivered                // the receiver has it
	Dead                     // the receiver will never take it
	Pause                    // the destination wants nothing any more: it is paused until an operator resumes it
	Postponed                // nothing was sent, for a reason of ours: it uses up no step of the schedule

	lost // nobody knows: its lease ended
	outcomes
)

var outcomeNames = [outcomes]string{"retry", "retry_slow", "delivered", "dead", "pause", "postponed", "lost"}

func (o Outcome) String() string { return outcomeNames[o] }

// Result is what a send says of itself.
type Result struct {
	Outcome    Outcome
	RetryAfter time.Duration // of Retry, RetrySlow and Postponed: the receiver asks for as long; at most a day
	Status     int           // of HTTP, where there was an answer
	Reason     string        // a word or two from a fixed set, never what a receiver wrote
}

// Attempt is one try to deliver an event.
type Attempt struct {
	Event    uuid.UUID
	Number   int       // 1 the first, over all replays
	At       time.Time // business time of its beginning
	Duration time.Duration
	Result   string // the outcome's name
	Status   int    // of HTTP, where there was an answer
	Reason   string
}

const maxReason = 100

func (r Result) attempt(e *claimed, at time.Time, d time.Duration) Attempt {
	reason := r.Reason
	if len(reason) > maxReason {
		reason = reason[:maxReason]
	}
	return Attempt{Event: e.ID, Number: e.attempts + 1, At: at, Duration: d, Result: r.Outcome.String(), Status: r.Status, Reason: reason}
}
