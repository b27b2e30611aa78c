package schedule

import (
	"time"

	"puente/papi/subscription/period"
)

// State is where a subscription stands that is renewed (§11).
type State string

// The states.
const (
	Active    State = "ACTIVE"
	Grace     State = "GRACE"
	Suspended State = "SUSPENDED"
	Cancelled State = "CANCELLED"
)

// Action is what is to be done.
type Action string

// The actions.
const (
	Nothing Action = "NOTHING" // the period is paid
	Charge  Action = "CHARGE"  // try
	Resolve Action = "RESOLVE" // ask what became of an attempt; until that is known nothing else is done
	Await   Action = "AWAIT"   // nothing before At; then ask the rule again
	Cancel  Action = "CANCEL"  // end the subscription, for reason LIFECYCLE
)

// Step is what comes next.
type Step struct {
	State State     // as of now
	Until time.Time // when the state ends by itself; zero: it does not
	Do    Action
	At    time.Time // not before; what is not after now is to be done now
	// Key tells the charges of a subscription apart, of which each may succeed once: of Charge only. It is the
	// period's due moment, and in SUSPENDED the local date of the attempt.
	Key string
}

// Next is what is to be done about a case, as of now.
func (r Rule) Next(c Case, now time.Time) Step {
	h := c.history()
	if h.charged {
		return Step{State: Active, Do: Nothing, At: c.End}
	}
	step := r.state(c, h, now)
	switch {
	case h.unresolved: // invariant 3; if it turns out to be charged after all, the customer has paid
		if step.State == Cancelled {
			step.State = Suspended
		}
		step.Do, step.At = Resolve, now
		return step
	case step.State == Active:
		return r.charge(step, c, h, c.Due, now)
	case step.State == Grace:
		for _, d := range r.Retries {
			if at := h.first.Add(d); at.After(h.last) {
				return r.charge(step, c, h, at, now)
			}
		}
		step.Do, step.At = Await, step.Until
		return step
	case step.State == Suspended:
		return r.charge(step, c, h, r.slot(h, step.Until.Add(-r.Suspended), now), now)
	}
	step.Do, step.At = Cancel, h.first.Add(r.grace(c)+r.Suspended)
	return step
}

// state is the state with its end.
func (r Rule) state(c Case, h history, now time.Time) Step {
	if h.first.IsZero() {
		return Step{State: Active}
	}
	suspended := h.first.Add(r.grace(c))
	cancelled := suspended.Add(r.Suspended)
	switch {
	case now.Before(suspended):
		return Step{State: Grace, Until: suspended}
	case now.Before(cancelled):
		return Step{State: Suspended, Until: cancelled}
	}
	return Step{State: Cancelled}
}

// grace runs from the first refusal, not from when the period was due: that we asked late is not the customer's.
func (r Rule) grace(c Case) time.Duration { return min(r.Grace, c.End.Sub(c.Due)) }

// charge puts an attempt to a moment that its day has room for, or leaves it where the state ends before.
func (r Rule) charge(step Step, c Case, h history, at, now time.Time) Step {
	if h.unavailable > 0 {
		at = later(at, h.unanswered.Add(r.again(h.unavailable)))
	}
	if made := later(at, now); h.countedOnDay[period.Date(made, h.zone)] >= r.PerDay {
		at = period.NextDay(made, h.zone)
	}
	if !step.Until.IsZero() && !at.Before(step.Until) {
		step.Do, step.At = Await, step.Until
		if step.State == Suspended {
			step.Do = Cancel
		}
		return step
	}
	step.Do, step.At = Charge, at
	switch {
	case step.State != Suspended:
		step.Key = c.Due.UTC().Format(time.RFC3339)
	case r.Every.Unit == period.Second: // a day has many
		step.Key = at.UTC().Format(time.RFC3339)
	default:
		step.Key = period.Date(later(at, now), h.zone)
	}
	return step
}

// slot is the next time in SUSPENDED: at the local time of day at which it began, on days that have seen no
// attempt yet. What was missed on earlier days is not made up for.
func (r Rule) slot(h history, began, now time.Time) time.Time {
	slots := period.Calendar{Anchor: began, Zone: h.zone, Period: r.Every}
	for n := slots.Containing(now); ; n++ {
		at := slots.Due(n)
		if at.After(h.last) && (r.Every.Unit == period.Second || h.countedOnDay[period.Date(later(at, now), h.zone)] == 0) {
			return at
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
