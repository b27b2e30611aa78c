package period

import "time"

// Calendar is that of one subscription. Period 0 begins at the anchor; period k ends where k+1 begins.
type Calendar struct {
	Anchor time.Time // the moment whose charge began the subscription, or began it anew
	Zone   *time.Location
	Period Period
}

// Due is when period k begins and its charge is due; of k = 0 it is the anchor itself.
func (c Calendar) Due(k int) time.Time {
	if k == 0 {
		return c.Anchor.In(c.Zone)
	}
	n := k * c.Period.Count
	year, month, day := c.Anchor.In(c.Zone).Date()
	switch c.Period.Unit {
	case Second:
		return c.Anchor.Add(time.Duration(n) * time.Second).In(c.Zone)
	case Month:
		month += time.Month(n)
		day = min(day, daysIn(year, month))
	case Week:
		day += 7 * n
	default:
		day += n
	}
	return local(year, month, day, clock(c.Anchor, c.Zone), c.Zone)
}

// Containing is the period that a moment lies in: Due(k) is not after it, Due(k+1) is. Before the anchor k is
// below 0.
func (c Calendar) Containing(at time.Time) int {
	k := c.guess(at)
	for c.Due(k).After(at) {
		k--
	}
	for !c.Due(k + 1).After(at) {
		k++
	}
	return k
}

// Next is the first due moment after at: that of the period to come.
func (c Calendar) Next(at time.Time) time.Time { return c.Due(c.Containing(at) + 1) }

// guess is within a period or two of Containing.
func (c Calendar) guess(at time.Time) int {
	from, to := c.Anchor.In(c.Zone), at.In(c.Zone)
	switch c.Period.Unit {
	case Second:
		return int(to.Sub(from)/time.Second) / c.Period.Count
	case Month:
		return ((to.Year()-from.Year())*12 + int(to.Month()) - int(from.Month())) / c.Period.Count
	case Week:
		return days(from, to) / (7 * c.Period.Count)
	}
	return days(from, to) / c.Period.Count
}

// days are the local days from one moment to another.
func days(from, to time.Time) int { return int(midnight(to).Sub(midnight(from)) / (24 * time.Hour)) }

func midnight(at time.Time) time.Time {
	y, m, d := at.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// daysIn is the length of a month, which may lie beyond December.
func daysIn(year int, month time.Month) int {
	return time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
}
