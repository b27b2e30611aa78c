package period_test

import (
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the test must not depend on the machine's zone data

	"pgregory.net/rapid"

	"puente/papi/subscription/period"
)

func zone(t interface{ Fatal(...any) }, name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// local is a moment with its offset written out, so that a test says which of two it means.
func local(t *testing.T, s string, z *time.Location) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return at.In(z)
}

func TestDue(t *testing.T) {
	santiago, lima := zone(t, "America/Santiago"), zone(t, "America/Lima")
	for name, test := range map[string]struct {
		anchor string
		zone   *time.Location
		period period.Period
		due    []string // from k = 1
	}{
		"31st of a month": {"2026-01-31T10:15:30-03:00", santiago, period.Period{Unit: period.Month, Count: 1}, []string{
			"2026-02-28T10:15:30-03:00", "2026-03-31T10:15:30-03:00", "2026-04-30T10:15:30-04:00", "2026-05-31T10:15:30-04:00",
		}},
		"29 February": {"2024-02-29T08:00:00-05:00", lima, period.Period{Unit: period.Month, Count: 12}, []string{
			"2025-02-28T08:00:00-05:00", "2026-02-28T08:00:00-05:00", "2027-02-28T08:00:00-05:00", "2028-02-29T08:00:00-05:00",
		}},
		"into a leap year": {"2023-12-31T23:59:59-05:00", lima, period.Period{Unit: period.Month, Count: 2}, []string{
			"2024-02-29T23:59:59-05:00", "2024-04-30T23:59:59-05:00", "2024-06-30T23:59:59-05:00", "2024-08-31T23:59:59-05:00",
		}},
		"weeks keep the local hour": {"2026-08-30T09:00:00-04:00", santiago, period.Period{Unit: period.Week, Count: 1}, []string{
			"2026-09-06T09:00:00-03:00", "2026-09-13T09:00:00-03:00",
		}},
		// Chile puts its clocks on at midnight: on 6 September 2026 the hour from 0 to 1 is skipped.
		"a time that is skipped is later by the gap, the same day": {"2026-09-04T00:30:00-04:00", santiago, period.Period{Unit: period.Day, Count: 1}, []string{
			"2026-09-05T00:30:00-04:00", "2026-09-06T01:30:00-03:00", "2026-09-07T00:30:00-03:00",
		}},
		// And back at midnight: on 4 April 2026 the hour from 23 to 24 comes twice.
		"of a time that comes twice the first counts": {"2026-04-03T23:30:00-03:00", santiago, period.Period{Unit: period.Day, Count: 1}, []string{
			"2026-04-04T23:30:00-03:00", "2026-04-05T23:30:00-04:00",
		}},
		"an anchor in the second of two": {"2026-04-04T23:30:00-04:00", santiago, period.Period{Unit: period.Day, Count: 1}, []string{
			"2026-04-05T23:30:00-04:00",
		}},
		"seconds": {"2026-04-04T23:59:58-04:00", santiago, period.Period{Unit: period.Second, Count: 5}, []string{
			"2026-04-05T00:00:03-04:00", "2026-04-05T00:00:08-04:00",
		}},
	} {
		c := period.Calendar{Anchor: local(t, test.anchor, time.UTC), Zone: test.zone, Period: test.period}
		if got := c.Due(0).Format(time.RFC3339); got != test.anchor {
			t.Errorf("%s: the anchor became %s", name, got)
		}
		for i, want := range test.due {
			if got := c.Due(i + 1).Format(time.RFC3339); got != want {
				t.Errorf("%s: period %d is due %s, not %s", name, i+1, got, want)
			}
		}
	}
}

// Each local day of ten years of a daily plan is due once, whatever the clocks do on it.
func TestADailyPlanIsDueOnceEachDay(t *testing.T) {
	for _, name := range []string{"America/Santiago", "America/Lima", "America/Punta_Arenas", "Pacific/Easter"} {
		z := zone(t, name)
		for minute := range 24 * 60 / 7 { // each hour and odd minutes of it
			start := time.Date(2022, 1, 1, 0, minute*7, 0, 0, z)
			c := period.Calendar{Anchor: start, Zone: z, Period: period.Period{Unit: period.Day, Count: 1}}
			days := 366
			if h := start.Hour(); h <= 1 || h >= 21 { // where clocks are changed
				days = 3653
			}
			for k := range days {
				due := c.Due(k)
				if want := time.Date(2022, 1, 1+k, 0, 0, 0, 0, time.UTC).Format(time.DateOnly); period.Date(due, z) != want {
					t.Fatalf("%s: day %d, %s, is due %s", name, k, want, due)
				}
			}
		}
	}
}

func calendar(t *rapid.T) period.Calendar {
	unit := rapid.SampledFrom([]period.Unit{period.Day, period.Week, period.Month, period.Second}).Draw(t, "unit")
	return period.Calendar{
		Anchor: time.Unix(rapid.Int64Range(1640995200, 1956528000).Draw(t, "anchor"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")),
		Zone:   zone(t, rapid.SampledFrom([]string{"America/Santiago", "America/Lima"}).Draw(t, "zone")),
		Period: period.Period{Unit: unit, Count: rapid.IntRange(1, 12).Draw(t, "count")},
	}
}

func TestPeriodsFollowOneAnother(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := calendar(t)
		k := rapid.IntRange(0, 500).Draw(t, "k")
		begin, end := c.Due(k), c.Due(k+1)
		if !end.After(begin) {
			t.Fatalf("period %d is from %s to %s", k, begin, end)
		}
		into := time.Duration(rapid.Int64Range(0, int64(end.Sub(begin))-1).Draw(t, "into"))
		if got := c.Containing(begin.Add(into)); got != k {
			t.Fatalf("%v after %s is in period %d, not %d", into, begin, got, k)
		}
		if got := c.Next(begin.Add(into)); !got.Equal(end) {
			t.Fatalf("after period %d comes %s", k, got)
		}
		if got := c.Containing(begin.Add(-1)); got != k-1 {
			t.Fatalf("just before period %d is period %d", k, got)
		}
	})
}

// The k-th is due k periods after the anchor's local day, and at its local time unless there is none.
func TestTheAnchorDecides(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := calendar(t)
		if c.Period.Unit == period.Second {
			return
		}
		k := rapid.IntRange(1, 500).Draw(t, "k")
		n := k * c.Period.Count
		anchor, due := c.Anchor.In(c.Zone), c.Due(k)
		y, m, d := anchor.Date()
		want := time.Date(y, m, d+n, 0, 0, 0, 0, time.UTC)
		switch c.Period.Unit {
		case period.Week:
			want = time.Date(y, m, d+7*n, 0, 0, 0, 0, time.UTC)
		case period.Month:
			want = time.Date(y, m+time.Month(n), d, 0, 0, 0, 0, time.UTC)
			if want.Day() != d { // time.Date went on into the next month
				want = want.AddDate(0, 0, -want.Day())
			}
		}
		if period.Date(due, c.Zone) != want.Format(time.DateOnly) {
			t.Fatalf("%d %ss after %s is %s", n, c.Period.Unit, anchor, due)
		}
		at := func(v time.Time) string { return v.Format("15:04:05.999999999") }
		if gap := anchor.Add(time.Hour); at(due) != at(anchor) && (due.Hour() != 1 || at(due) != at(gap)) {
			t.Fatalf("anchored at %s, due at %s", anchor, due)
		}
	})
}

func TestNextDayIsTheFirstMomentOfTheNextDay(t *testing.T) {
	z := zone(t, "America/Santiago")
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(1640995200, 1956528000).Draw(t, "at"), 0)
		next := period.NextDay(at, z)
		if !next.After(at) || period.Date(next, z) == period.Date(at, z) || period.Date(next.Add(-1), z) != period.Date(at, z) {
			t.Fatalf("after %s comes %s", at.In(z), next)
		}
	})
}

func TestShortened(t *testing.T) {
	for _, test := range []struct {
		period       period.Period
		price, lower int64
		days         int
	}{
		{period.Period{Unit: period.Week, Count: 1}, 990, 495, 4},
		{period.Period{Unit: period.Week, Count: 1}, 990, 300, 3},
		{period.Period{Unit: period.Week, Count: 1}, 700, 100, 1},
		{period.Period{Unit: period.Week, Count: 1}, 990, 1, 1},
		{period.Period{Unit: period.Day, Count: 1}, 200, 100, 1},
		{period.Period{Unit: period.Month, Count: 1}, 3000, 1500, 16},
		{period.Period{Unit: period.Month, Count: 1}, 3100, 100, 1},
	} {
		if got, err := test.period.Shortened(test.price, test.lower); got != test.days || err != nil {
			t.Errorf("%v, %d of %d: %d, %v", test.period, test.lower, test.price, got, err)
		}
	}
	week := period.Period{Unit: period.Week, Count: 1}
	for want, test := range map[string]struct {
		period       period.Period
		price, lower int64
	}{
		"fallback price: ": {week, 990, 990}, "fallback price: m": {week, 990, 0}, "price: ": {week, 1 << 60, 1},
		"unit: ": {period.Period{Unit: period.Second, Count: 1}, 990, 1}, "count: ": {period.Period{Unit: period.Day}, 990, 1},
	} {
		if _, err := test.period.Shortened(test.price, test.lower); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s%v", want, err)
		}
	}
}

// At the lower price a day never costs more than at the whole one, a day more would be more than fair, and the
// next charge is not later than it would have been.
func TestShortenedIsFair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := calendar(t)
		if c.Period.Unit == period.Second {
			return
		}
		price := rapid.Int64Range(2, 1_000_000).Draw(t, "price")
		lower := rapid.Int64Range(1, price-1).Draw(t, "lower")
		days, err := c.Period.Shortened(price, lower)
		if err != nil {
			t.Fatal(err)
		}
		whole := int64(c.Period.Count) * map[period.Unit]int64{period.Day: 1, period.Week: 7, period.Month: 31}[c.Period.Unit]
		if days < 1 || int64(days) > whole || int64(days)*price < whole*lower || (int64(days)-1)*price >= whole*lower {
			t.Fatalf("%d days for %d of %d, of %d", days, lower, price, whole)
		}
		k := rapid.IntRange(0, 100).Draw(t, "k")
		due := c.DueAfter(k, days)
		if !due.After(c.Due(k)) || due.After(c.Due(k+1)) {
			t.Fatalf("period %d from %s, shortened to %d days, ends %s", k, c.Due(k), days, due)
		}
	})
}

func TestValidate(t *testing.T) {
	for _, unit := range []period.Unit{period.Day, period.Week, period.Month, period.Second} {
		if err := (period.Period{Unit: unit, Count: 1}).Validate(); err != nil {
			t.Error(err)
		}
	}
	for want, p := range map[string]period.Period{
		"unit: ": {Unit: "YEAR", Count: 1}, "count: ": {Unit: period.Day}, "count: m": {Unit: period.Month, Count: 121},
	} {
		if err := p.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s%v", want, err)
		}
	}
}
