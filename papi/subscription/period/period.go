// Package period is the calendar of subscriptions: when a period begins and ends, where a customer lives
// (partner hub specification §10 F5, §13 no. 32).
//
// Periods are counted from the subscription's first moment, its anchor, and never from the last due date, so
// nothing accumulates: the k-th is due k periods after the anchor's local day, at the anchor's local time of day.
// A month that lacks the anchor's day is due on its last (31 Jan, 28 Feb, 31 Mar).
//
// A local time that a change of the clocks skips or repeats is resolved as RFC 5545 §3.3.5 has it: one that is
// skipped is read with the offset from before the gap, which is as much later as the gap is long and on the same
// day where the gap is at midnight, as Chile's; of one that comes twice the first counts. So each day has one
// due moment, neither two nor none.
package period

import (
	"errors"
	"fmt"
	"time"
)

// Unit is what periods are counted in.
type Unit string

// The units. Seconds are for trials of the schedules, and no calendar matters to them.
const (
	Day    Unit = "DAY"
	Week   Unit = "WEEK"
	Month  Unit = "MONTH"
	Second Unit = "SECOND"
)

// most bounds counts to about ten years.
var most = map[Unit]int{Day: 3660, Week: 520, Month: 120, Second: 86400}

// Period is how long a customer has for one charge.
type Period struct {
	Unit  Unit `json:"unit" yaml:"unit"`
	Count int  `json:"count" yaml:"count"`
}

// Validate names what is wrong with a period.
func (p Period) Validate() error {
	limit, ok := most[p.Unit]
	if !ok {
		return errors.New("unit: must be DAY, WEEK, MONTH or SECOND")
	}
	if p.Count < 1 || p.Count > limit {
		return fmt.Errorf("count: must be 1 to %d", limit)
	}
	return nil
}

// Date is the local date of a moment, which names a day in keys: 2026-09-06.
func Date(at time.Time, zone *time.Location) string { return at.In(zone).Format(time.DateOnly) }

// NextDay is the first moment of the local day after that of at.
func NextDay(at time.Time, zone *time.Location) time.Time {
	y, m, d := at.In(zone).Date()
	return local(y, m, d+1, 0, zone)
}

// local is the moment of a local date and time of day; day may lie outside its month, as with time.Date.
func local(year int, month time.Month, day int, clock time.Duration, zone *time.Location) time.Time {
	wall := time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Add(clock)
	// The offsets of a day before and after hold before and after a change that is near.
	before, after := offset(wall.AddDate(0, 0, -1), zone), offset(wall.AddDate(0, 0, 1), zone)
	first := wall.Add(-before)
	if offset(first, zone) == before { // it comes once, or this is the first of two
		return first.In(zone)
	}
	if second := wall.Add(-after); offset(second, zone) == after {
		return second.In(zone)
	}
	return first.In(zone) // skipped
}

func offset(at time.Time, zone *time.Location) time.Duration {
	_, seconds := at.In(zone).Zone()
	return time.Duration(seconds) * time.Second
}

// clock is the local time of day of a moment, as the clock on the wall shows it.
func clock(at time.Time, zone *time.Location) time.Duration {
	at = at.In(zone)
	return time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute +
		time.Duration(at.Second())*time.Second + time.Duration(at.Nanosecond())
}
