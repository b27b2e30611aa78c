package schedule

import (
	"time"

	"puente/papi/subscription/period"
)

// Outcome is what became of an attempt.
type Outcome string

// The outcomes.
const (
	Charged     Outcome = "CHARGED"
	Declined    Outcome = "DECLINED"
	Unavailable Outcome = "UNAVAILABLE" // surely not charged, and the customer had no part in it: the same again, not counted
	Unresolved  Outcome = "UNRESOLVED"  // sent, and not known what became of it
)

// Attempt is one try to charge.
type Attempt struct {
	At      time.Time
	Outcome Outcome
	Short   bool // of Declined: the balance did not suffice. The rule does not ask
}

// Case is a subscription with the period that is due.
type Case struct {
	Due, End time.Time // of the period: the moment its charge is due, and that of the next
	Zone     *time.Location
	// Attempts are the subscription's, in the order of time. Those before Due were for earlier periods, and count
	// for PerDay alone: only those on the local day of Due are wanted.
	Attempts []Attempt
}

// Pays is what a charge made at a moment pays for, where the attempt was made in that state: the period that was
// due, or one that begins with the payment and is the anchor of what follows. It is always a period in which the
// payment lies, so that one that was missed is never collected.
func (c Case) Pays(state State, at time.Time) (begin time.Time, anew bool) {
	if state == Suspended || !at.Before(c.End) {
		return at, true
	}
	return c.Due, false
}

// history is what the rule wants to know of a case's attempts.
type history struct {
	charged      bool
	unresolved   bool
	first        time.Time // declined for this period; zero: none
	last         time.Time // that counts, of any period; zero: none
	unavailable  int       // in a row, up to now
	unanswered   time.Time // the last of these
	zone         *time.Location
	countedOnDay map[string]int
}

func (c Case) history() history {
	h := history{zone: c.Zone, countedOnDay: make(map[string]int)}
	for _, a := range c.Attempts {
		ours := !a.At.Before(c.Due)
		if a.Outcome == Unavailable {
			if ours {
				h.unavailable, h.unanswered = h.unavailable+1, a.At
			}
			continue
		}
		h.unavailable = 0
		h.last = a.At
		h.countedOnDay[period.Date(a.At, c.Zone)]++
		h.unresolved = h.unresolved || a.Outcome == Unresolved
		if ours {
			h.charged = h.charged || a.Outcome == Charged
			if a.Outcome == Declined && h.first.IsZero() {
				h.first = a.At
			}
		}
	}
	return h
}
