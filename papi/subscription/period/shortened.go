package period

import (
	"errors"
	"time"
)

// longest is what a month may have.
const longest = 31

// Shortened is how many days a customer has for a lower price, where the price of a whole period could not be
// charged (fallback price points, F5). The period is shortened as the price is, and a part of a day is given
// whole: rounding goes the customer's way, for else a day would cost more than at the price that was agreed.
// For the same reason a month counts 31 days, whichever it is; so the landing page can say the days beforehand.
// It is at least one day.
func (p Period) Shortened(price, lower int64) (days int, err error) {
	if err := p.Validate(); err != nil {
		return 0, err
	}
	if lower <= 0 || lower >= price {
		return 0, errors.New("fallback price: must be above 0 and below the price")
	}
	if price > 1<<48 { // so that nothing below overflows
		return 0, errors.New("price: must be at most 2^48 minor units")
	}
	if p.Unit == Second {
		return 0, errors.New("unit: a period of seconds has no days to shorten")
	}
	return int((int64(p.Days())*lower + price - 1) / price), nil
}

// Days are those of the longest such period: 31 of a month. A period of seconds has none.
func (p Period) Days() int {
	switch p.Unit {
	case Second:
		return 0
	case Week:
		return p.Count * 7
	case Month:
		return p.Count * longest
	}
	return p.Count
}

// DueAfter is when the next charge is due after a shortened period of so many days, which began as period k
// would have; never later than period k would have ended. It becomes the anchor of what follows.
func (c Calendar) DueAfter(k, days int) time.Time {
	year, month, day := c.Due(k).Date()
	short, whole := local(year, month, day+days, clock(c.Anchor, c.Zone), c.Zone), c.Due(k+1)
	if whole.Before(short) {
		return whole
	}
	return short
}
