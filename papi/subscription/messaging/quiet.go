package messaging

import (
	"errors"
	"time"

	"puente/papi/subscription/catalogue"
)

// Quiet are the hours of a local day in which nobody is disturbed by what can wait (specification §9.3).
// From and To are times of day, since midnight; where they are the same there are none.
type Quiet struct {
	From   time.Duration `yaml:"from"`
	To     time.Duration `yaml:"to"`
	Spread time.Duration `yaml:"spread"` // over which what waited goes out: a night's messages are many
}

// Validate names what is wrong.
func (q Quiet) Validate() error {
	const day = 24 * time.Hour
	var errs []error
	if q.From < 0 || q.From >= day || q.To < 0 || q.To >= day {
		errs = append(errs, errors.New("quiet: from and to must be times of day, from 0 to below 24h"))
	}
	if q.Spread < 0 || q.Spread > 4*time.Hour {
		errs = append(errs, errors.New("quiet.spread: must be from 0 to 4h"))
	}
	return errors.Join(errs...)
}

// at reports whether the clock on the wall shows a quiet hour. The hour that comes twice when clocks are
// put back is read as what it shows, both times.
func (q Quiet) at(at time.Time, zone *time.Location) bool {
	at = at.In(zone)
	clock := time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute + time.Duration(at.Second())*time.Second + time.Duration(at.Nanosecond())
	if q.From <= q.To {
		return q.From <= clock && clock < q.To
	}
	return clock >= q.From || clock < q.To
}

// after is the end of the quiet hours that a moment lies in, or the moment itself where it lies in none.
func (q Quiet) after(at time.Time, zone *time.Location) time.Time {
	if !q.at(at, zone) {
		return at
	}
	year, month, day := at.In(zone).Date()
	end := at
	for add := 0; !end.After(at); add++ {
		end = time.Date(year, month, day+add, 0, 0, 0, int(q.To), zone)
	}
	for q.at(end, zone) { // To was skipped, as midnight is in Chile: what is read in its place may be quiet still
		end = end.Add(time.Minute)
	}
	return end
}

// waits reports whether a message of a purpose waits for the morning.
//
//   - PIN, NONE_ACTIVE, WHICH and HELP answer somebody who is awake and waits for them.
//   - CANCELLED and RECEIPT tell what was just done, which people want to know at once; the specification
//     names confirmations of cancellation.
//   - WELCOME concludes what the user has just confirmed, and says what it costs and how to end it: it is owed
//     at once.
//   - RENEWED and REMINDER come by our clock, not by the user's. A reminder that would wait until after the
//     charge goes at once: it would be none.
//   - PARTNER may be marketing, which nobody here can tell. It waits, unless it answers: content that was
//     bought, or a keyword that was sent, a moment ago.
func (p Purpose) waits() bool { return p == Renewed || p == Reminder || p == Partner }

// when is the moment before which a message does not go out, seen from now.
func (q Quiet) when(m *Message, answers bool, now time.Time, country *catalogue.Country) time.Time {
	if !m.Purpose.waits() || answers || !q.at(now, country.Zone) {
		return now
	}
	then := q.after(now, country.Zone)
	if seconds := int64(q.Spread / time.Second); seconds > 0 { // a line always at its place, so that its messages keep their order
		then = then.Add(time.Duration(m.LineID%seconds) * time.Second)
	}
	if m.Purpose == Reminder && !then.Before(m.Until) {
		return now
	}
	return then
}
