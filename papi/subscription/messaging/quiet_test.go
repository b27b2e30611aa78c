package messaging

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"puente/papi/subscription/catalogue"
)

func santiago(t testing.TB) *time.Location {
	zone, err := time.LoadLocation("America/Santiago")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func TestQuietHours(t *testing.T) {
	zone := santiago(t)
	usual := Quiet{From: 22 * time.Hour, To: 8 * time.Hour}
	at := func(text string) time.Time {
		t.Helper()
		moment, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return moment
	}
	for name, test := range map[string]struct {
		quiet    Quiet
		at, want string
	}{
		"by day":                     {usual, "2026-11-25T12:00:00-03:00", "2026-11-25T12:00:00-03:00"},
		"a moment before":            {usual, "2026-11-25T21:59:59-03:00", "2026-11-25T21:59:59-03:00"},
		"as they begin":              {usual, "2026-11-25T22:00:00-03:00", "2026-11-26T08:00:00-03:00"},
		"after midnight":             {usual, "2026-11-25T03:00:00-03:00", "2026-11-25T08:00:00-03:00"},
		"as they end":                {usual, "2026-11-25T08:00:00-03:00", "2026-11-25T08:00:00-03:00"},
		"over the end of a year":     {usual, "2026-12-31T23:00:00-03:00", "2027-01-01T08:00:00-03:00"},
		"clocks put forward: 00→01":  {usual, "2026-09-05T23:30:00-04:00", "2026-09-06T08:00:00-03:00"},
		"that morning":               {usual, "2026-09-06T07:59:00-03:00", "2026-09-06T08:00:00-03:00"},
		"put back: 24→23, the first": {usual, "2026-04-04T23:30:00-03:00", "2026-04-05T08:00:00-04:00"},
		"and the second":             {usual, "2026-04-04T23:30:00-04:00", "2026-04-05T08:00:00-04:00"},
		"whose end is skipped":       {Quiet{From: 22 * time.Hour, To: 30 * time.Minute}, "2026-09-05T23:00:00-04:00", "2026-09-06T01:00:00-03:00"},
		"within a day":               {Quiet{From: 13 * time.Hour, To: 15 * time.Hour}, "2026-11-25T14:00:00-03:00", "2026-11-25T15:00:00-03:00"},
		"within a day, after":        {Quiet{From: 13 * time.Hour, To: 15 * time.Hour}, "2026-11-25T16:00:00-03:00", "2026-11-25T16:00:00-03:00"},
		"none":                       {Quiet{From: 8 * time.Hour, To: 8 * time.Hour}, "2026-11-25T08:00:00-03:00", "2026-11-25T08:00:00-03:00"},
	} {
		got := test.quiet.after(at(test.at), zone)
		if want := at(test.want); name == "whose end is skipped" {
			if test.quiet.at(got, zone) || got.Sub(want).Abs() > time.Hour {
				t.Errorf("%s: %s", name, got)
			}
		} else if !got.Equal(want) {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// What waits goes out outside of quiet hours, not before it was to, and no later than they last.
func TestQuietHoursEnd(t *testing.T) {
	zone := santiago(t)
	hours := rapid.Int64Range(0, 24*60-1)
	rapid.Check(t, func(t *rapid.T) {
		q := Quiet{From: time.Duration(hours.Draw(t, "from")) * time.Minute, To: time.Duration(hours.Draw(t, "to")) * time.Minute}
		at := time.Unix(rapid.Int64Range(1767225600, 1830297600).Draw(t, "at"), 0)
		got := q.after(at, zone)
		switch lasts := q.To - q.From; {
		case got.Before(at):
			t.Fatalf("%s is before %s", got, at)
		case q.at(got, zone):
			t.Fatalf("%s is quiet", got.In(zone))
		case !q.at(at, zone) && !got.Equal(at):
			t.Fatalf("%s waits for nothing", at.In(zone))
		case lasts <= 0 && got.Sub(at) > lasts+25*time.Hour, lasts > 0 && got.Sub(at) > lasts+time.Hour:
			t.Fatalf("from %s to %s", at.In(zone), got.In(zone))
		}
	})
}

func TestWhatWaitsForTheMorning(t *testing.T) {
	night := time.Date(2026, 11, 26, 2, 0, 0, 0, time.UTC) // 23:00 in Santiago
	morning := time.Date(2026, 11, 26, 11, 0, 0, 0, time.UTC)
	country := &catalogue.Country{Zone: santiago(t)}
	q := Quiet{From: 22 * time.Hour, To: 8 * time.Hour}
	for _, p := range []Purpose{PIN, Welcome, Receipt, Cancelled, NoneActive, Which, Help} {
		if got := q.when(&Message{Purpose: p}, false, night, country); !got.Equal(night) {
			t.Errorf("%s: %s", p, got)
		}
	}
	for name, test := range map[string]struct {
		message Message
		answers bool
		want    time.Time
	}{
		"a renewal":                    {Message{Purpose: Renewed}, false, morning},
		"a reminder":                   {Message{Purpose: Reminder, Until: morning.Add(time.Hour)}, false, morning},
		"one that would come too late": {Message{Purpose: Reminder, Until: morning}, false, night},
		"a partner's":                  {Message{Purpose: Partner}, false, morning},
		"a partner's answer":           {Message{Purpose: Partner}, true, night},
	} {
		if got := q.when(&test.message, test.answers, night, country); !got.Equal(test.want) {
			t.Errorf("%s: %s", name, got)
		}
	}
	q.Spread = 30 * time.Minute
	if got := q.when(&Message{Purpose: Renewed, LineID: 1807}, false, night, country); !got.Equal(morning.Add(7 * time.Second)) {
		t.Errorf("spread: %s", got)
	}
}

func TestQuietIsValidated(t *testing.T) {
	for _, q := range []Quiet{{From: -1}, {From: 24 * time.Hour}, {To: 24 * time.Hour}, {Spread: -1}, {Spread: 5 * time.Hour}} {
		c := Defaults()
		if c.Quiet = q; c.Validate() == nil {
			t.Errorf("%+v", q)
		}
	}
	if c := Defaults(); c.Validate() != nil {
		t.Error(c.Validate())
	}
}
