package schedule_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"puente/papi/subscription/period"
	"puente/papi/subscription/schedule"
)

// The rule drives a subscription whose charges go as they may and whose scheduler is late as it may, for a year
// or to its end; what the operator's ledger would then show is held against invariants 1, 3, 6 and 25.
func TestInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &subscription{
			t: t, rule: schedule.Default(), perDay: make(map[string]int), suspendedOn: make(map[string]bool), paidKeys: make(map[string]bool),
			calendar: period.Calendar{
				Anchor: time.Unix(rapid.Int64Range(1767225600, 1798761600).Draw(t, "anchor"), 0),
				Zone:   rapid.SampledFrom([]*time.Location{santiago, lima}).Draw(t, "zone"),
				Period: rapid.SampledFrom([]period.Period{{Unit: period.Day, Count: 1}, {Unit: period.Day, Count: 2}, {Unit: period.Week, Count: 1}, {Unit: period.Month, Count: 1}}).Draw(t, "period"),
			},
		}
		s.bad = rapid.IntRange(0, 10).Draw(t, "refusals in 10")
		s.punctual = rapid.Bool().Draw(t, "punctual")
		s.paidUntil = s.calendar.Due(1)
		s.now, s.k = s.calendar.Anchor, 1
		for s.steps = 0; s.steps < 400 && !s.over; s.steps++ {
			s.step()
		}
	})
}

type subscription struct {
	t             *rapid.T
	rule          schedule.Rule
	calendar      period.Calendar
	k             int // of the period that is due
	attempts      []schedule.Attempt
	now           time.Time
	bad           int
	punctual      bool
	steps         int
	over          bool
	firstDeclined time.Time // of this period
	paidUntil     time.Time // end of the last period that was paid
	perDay        map[string]int
	suspendedOn   map[string]bool
	paidKeys      map[string]bool
}

func (s *subscription) step() {
	c := s.due()
	step := s.rule.Next(c, s.now)
	if step.At.After(s.now) {
		s.now = step.At
		if !s.punctual && rapid.IntRange(0, 4).Draw(s.t, "is late") == 0 {
			s.now = s.now.Add(time.Duration(rapid.Int64Range(0, int64(5*24*time.Hour)).Draw(s.t, "by")))
		}
		if step = s.rule.Next(c, s.now); step.At.After(s.now) {
			return // the lateness changed it: another moment is meant
		}
	}
	switch step.Do {
	case schedule.Charge:
		s.charge(c, step)
	case schedule.Cancel:
		if s.firstDeclined.IsZero() || s.now.Before(s.ended(c)) || !step.At.Equal(s.ended(c)) {
			s.t.Fatalf("cancelled at %s, first declined %s", step.At, s.firstDeclined)
		}
		s.over = true
	case schedule.Nothing, schedule.Resolve:
		s.t.Fatalf("%s for a period that is not paid", step.Do)
	}
}

// due is the case with no more attempts than it wants.
func (s *subscription) due() schedule.Case {
	c := schedule.Case{Due: s.calendar.Due(s.k), End: s.calendar.Due(s.k + 1), Zone: s.calendar.Zone}
	day := period.Date(c.Due, c.Zone)
	from, _ := slices.BinarySearchFunc(s.attempts, day, func(a schedule.Attempt, day string) int {
		return strings.Compare(period.Date(a.At, c.Zone), day)
	})
	c.Attempts = s.attempts[from:]
	return c
}

func (s *subscription) suspended(c schedule.Case) time.Time {
	return s.firstDeclined.Add(min(72*time.Hour, c.End.Sub(c.Due)))
}

func (s *subscription) ended(c schedule.Case) time.Time {
	return s.suspended(c).Add(30 * 24 * time.Hour)
}

func (s *subscription) charge(c schedule.Case, step schedule.Step) {
	if s.now.Before(c.Due) {
		s.t.Fatalf("charged at %s, due %s", s.now, c.Due)
	}
	outcome := schedule.Charged
	if rapid.IntRange(1, 10).Draw(s.t, "luck") <= s.bad {
		outcome = rapid.SampledFrom([]schedule.Outcome{schedule.Declined, schedule.Declined, schedule.Declined, schedule.Unavailable, schedule.Unresolved}).Draw(s.t, "outcome")
	}
	day := period.Date(s.now, s.calendar.Zone)
	if !s.firstDeclined.IsZero() {
		if !s.now.Before(s.ended(c)) {
			s.t.Fatalf("an attempt at %s, 30 days after %s", s.now, s.suspended(c)) // invariant 25
		}
		if state := s.stateAt(c); state != step.State {
			s.t.Fatalf("%s at %s is %s", step.State, s.now, state)
		}
	} else if step.State != schedule.Active {
		s.t.Fatalf("%s before any refusal", step.State)
	}
	if s.paidKeys[step.Key] {
		s.t.Fatalf("key %s is paid already", step.Key) // invariant 1
	}
	if outcome != schedule.Unavailable { // which is the same attempt again
		if s.perDay[day]++; s.perDay[day] > 2 {
			s.t.Fatalf("attempt %d on %s", s.perDay[day], day) // invariant 25
		}
		if step.State == schedule.Suspended {
			if s.suspendedOn[day] || s.perDay[day] > 1 || step.Key != day {
				s.t.Fatalf("attempt %d in SUSPENDED on %s, key %s", s.perDay[day], day, step.Key)
			}
			s.suspendedOn[day] = true
		}
	}
	s.attempts = append(s.attempts, schedule.Attempt{At: s.now, Outcome: outcome})
	s.learn(c, step, outcome)
}

// learn is what an attempt's outcome does, which may become known days after it.
func (s *subscription) learn(c schedule.Case, step schedule.Step, outcome schedule.Outcome) {
	last := &s.attempts[len(s.attempts)-1]
	last.Outcome = outcome
	switch outcome {
	case schedule.Charged:
		s.paid(c, step, last.At)
	case schedule.Declined:
		if s.firstDeclined.IsZero() {
			s.firstDeclined = last.At
		}
	case schedule.Unresolved:
		s.now = s.now.Add(time.Duration(rapid.Int64Range(0, int64(40*24*time.Hour)).Draw(s.t, "unresolved for")))
		if asked := s.rule.Next(s.due(), s.now); asked.Do != schedule.Resolve {
			s.t.Fatalf("%s while an attempt is unresolved", asked.Do) // invariant 3
		}
		s.learn(c, step, rapid.SampledFrom([]schedule.Outcome{schedule.Charged, schedule.Declined}).Draw(s.t, "resolved"))
	}
}

func (s *subscription) stateAt(c schedule.Case) schedule.State {
	if s.now.Before(s.suspended(c)) {
		return schedule.Grace
	}
	return schedule.Suspended
}

// paid holds the period that a payment buys against invariant 6: it begins no earlier than the last that was
// paid ended, and the payment lies in it.
func (s *subscription) paid(c schedule.Case, step schedule.Step, at time.Time) {
	begin, anew := c.Pays(step.State, at)
	s.paidKeys[step.Key] = true
	if step.State == schedule.Suspended && (!anew || !begin.Equal(at)) {
		s.t.Fatalf("in SUSPENDED at %s paid from %s", at, begin)
	}
	if anew {
		s.calendar.Anchor, s.k = begin, 1
	} else {
		s.k++
	}
	end := s.calendar.Due(s.k)
	if begin.Before(s.paidUntil) || begin.After(at) || !end.After(at) {
		s.t.Fatalf("at %s paid %s to %s, having paid to %s", at, begin, end, s.paidUntil)
	}
	s.paidUntil, s.firstDeclined = end, time.Time{}
}
