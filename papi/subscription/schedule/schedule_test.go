package schedule_test

import (
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the test must not depend on the machine's zone data

	"puente/papi/subscription/period"
	"puente/papi/subscription/schedule"
)

var santiago, lima = zone("America/Santiago"), zone("America/Lima")

func zone(name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return z
}

func at(s string) time.Time {
	out, err := time.ParseInLocation("2006-01-02 15:04:05", s, lima)
	if err != nil {
		panic(err)
	}
	return out
}

// due is a weekly period in Lima, where no clock is ever changed.
func due(attempts ...schedule.Attempt) schedule.Case {
	return schedule.Case{Due: at("2026-06-01 10:00:00"), End: at("2026-06-08 10:00:00"), Zone: lima, Attempts: attempts}
}

func declined(s string) schedule.Attempt {
	return schedule.Attempt{At: at(s), Outcome: schedule.Declined}
}

func unavailable(s string) schedule.Attempt {
	return schedule.Attempt{At: at(s), Outcome: schedule.Unavailable}
}

func TestNext(t *testing.T) {
	const key = "2026-06-01T15:00:00Z"
	first := declined("2026-06-01 10:00:00")
	daily := due(first)
	daily.End = at("2026-06-02 10:00:00")
	until := at("2026-06-04 10:00:00")
	end := at("2026-07-04 10:00:00")
	charge := func(state schedule.State, until time.Time, when, key string) schedule.Step {
		return schedule.Step{State: state, Until: until, Do: schedule.Charge, At: at(when), Key: key}
	}
	for name, test := range map[string]struct {
		c    schedule.Case
		now  string
		want schedule.Step
	}{
		"before it is due": {due(), "2026-05-30 10:00:00", charge(schedule.Active, time.Time{}, "2026-06-01 10:00:00", key)},
		"due":              {due(), "2026-06-01 10:00:00", charge(schedule.Active, time.Time{}, "2026-06-01 10:00:00", key)},
		"we are weeks late, and the customer keeps his access": {due(), "2026-07-20 10:00:00", charge(schedule.Active, time.Time{}, "2026-06-01 10:00:00", key)},
		"paid": {due(schedule.Attempt{At: at("2026-06-01 10:00:01"), Outcome: schedule.Charged}), "2026-06-01 10:00:02",
			schedule.Step{State: schedule.Active, Do: schedule.Nothing, At: at("2026-06-08 10:00:00")}},
		"not known": {due(schedule.Attempt{At: at("2026-06-01 10:00:01"), Outcome: schedule.Unresolved}), "2026-06-03 10:00:00",
			schedule.Step{State: schedule.Active, Do: schedule.Resolve, At: at("2026-06-03 10:00:00")}},
		"not known to the last": {due(first, schedule.Attempt{At: at("2026-07-03 10:00:00"), Outcome: schedule.Unresolved}), "2026-07-20 10:00:00",
			schedule.Step{State: schedule.Suspended, Do: schedule.Resolve, At: at("2026-07-20 10:00:00")}},
		"6 h":  {due(first), "2026-06-01 10:00:01", charge(schedule.Grace, until, "2026-06-01 16:00:00", key)},
		"24 h": {due(first, declined("2026-06-01 16:00:00")), "2026-06-01 16:00:01", charge(schedule.Grace, until, "2026-06-02 10:00:00", key)},
		"48 h": {due(first, declined("2026-06-01 16:00:00"), declined("2026-06-02 10:00:00")), "2026-06-02 10:00:01",
			charge(schedule.Grace, until, "2026-06-03 10:00:00", key)},
		"then none": {due(first, declined("2026-06-03 10:00:00")), "2026-06-03 10:00:01",
			schedule.Step{State: schedule.Grace, Until: until, Do: schedule.Await, At: until}},
		"grace counts from the refusal, where we asked late": {due(declined("2026-06-03 12:00:00")), "2026-06-03 13:00:00",
			charge(schedule.Grace, at("2026-06-06 12:00:00"), "2026-06-03 18:00:00", key)},
		"of retries that were missed one is made":     {due(first), "2026-06-03 20:00:00", charge(schedule.Grace, until, "2026-06-01 16:00:00", key)},
		"and the next is the one that is still ahead": {due(first, declined("2026-06-02 09:00:00")), "2026-06-02 09:00:01", charge(schedule.Grace, until, "2026-06-02 10:00:00", key)},
		"a third on one day waits for the next": {due(first, declined("2026-06-02 00:30:00"), declined("2026-06-02 09:59:00")), "2026-06-02 09:59:01",
			charge(schedule.Grace, until, "2026-06-03 00:00:00", key)},
		"attempts for the period before count for the day": {due(declined("2026-06-01 00:10:00"), schedule.Attempt{At: at("2026-06-01 09:00:00"), Outcome: schedule.Charged}), "2026-06-01 10:00:00",
			charge(schedule.Active, time.Time{}, "2026-06-02 00:00:00", key)},
		"grace of a daily plan ends with its period": {daily, "2026-06-01 17:00:00", charge(schedule.Grace, at("2026-06-02 10:00:00"), "2026-06-01 16:00:00", key)},
		"and no retry comes after it": {func() schedule.Case {
			c := daily
			c.Attempts = append(c.Attempts, declined("2026-06-01 17:00:00"))
			return c
		}(), "2026-06-01 17:00:01",
			schedule.Step{State: schedule.Grace, Until: at("2026-06-02 10:00:00"), Do: schedule.Await, At: at("2026-06-02 10:00:00")}},
		"suspended":                         {due(first), "2026-06-04 10:00:00", charge(schedule.Suspended, end, "2026-06-04 10:00:00", "2026-06-04")},
		"the day after":                     {due(first, declined("2026-06-04 10:00:00")), "2026-06-04 10:00:01", charge(schedule.Suspended, end, "2026-06-05 10:00:00", "2026-06-05")},
		"one a day, also on its first":      {due(first, declined("2026-06-04 09:00:00")), "2026-06-04 10:00:00", charge(schedule.Suspended, end, "2026-06-05 10:00:00", "2026-06-05")},
		"yesterday's is made today instead": {due(first, declined("2026-06-04 10:00:00")), "2026-06-06 03:00:00", charge(schedule.Suspended, end, "2026-06-05 10:00:00", "2026-06-06")},
		"and today's then not":              {due(first, declined("2026-06-06 03:00:00")), "2026-06-06 03:00:01", charge(schedule.Suspended, end, "2026-06-07 10:00:00", "2026-06-07")},
		"the last":                          {due(first, declined("2026-07-02 10:00:00")), "2026-07-02 10:00:01", charge(schedule.Suspended, end, "2026-07-03 10:00:00", "2026-07-03")},
		"30 days": {due(first, declined("2026-07-03 10:00:00")), "2026-07-03 10:00:01",
			schedule.Step{State: schedule.Suspended, Until: end, Do: schedule.Cancel, At: end}},
		"over":                              {due(first), "2026-08-01 00:00:00", schedule.Step{State: schedule.Cancelled, Do: schedule.Cancel, At: end}},
		"the operator was unavailable":      {due(unavailable("2026-06-01 10:00:05")), "2026-06-01 10:00:06", charge(schedule.Active, time.Time{}, "2026-06-01 10:15:05", key)},
		"again, and not counted":            {due(unavailable("2026-06-01 10:00:05"), unavailable("2026-06-01 10:15:05"), unavailable("2026-06-01 10:45:05")), "2026-06-01 10:46:00", charge(schedule.Active, time.Time{}, "2026-06-01 11:45:05", key)},
		"a retry that found it unavailable": {due(first, unavailable("2026-06-01 16:00:00")), "2026-06-01 16:00:01", charge(schedule.Grace, until, "2026-06-01 16:15:00", key)},
		"an answer ends the row": {due(unavailable("2026-06-01 10:00:05"), declined("2026-06-01 10:15:05"), unavailable("2026-06-01 16:15:05")), "2026-06-01 16:16:00",
			charge(schedule.Grace, at("2026-06-04 10:15:05"), "2026-06-01 16:30:05", key)},
		"unavailable does not prolong grace": {due(first, unavailable("2026-06-04 09:50:00")), "2026-06-04 09:51:00", schedule.Step{State: schedule.Grace, Until: until, Do: schedule.Await, At: until}},
		"unavailable, suspended, next day": {due(first, declined("2026-06-04 10:00:00"), unavailable("2026-06-05 23:50:00")), "2026-06-05 23:51:00",
			charge(schedule.Suspended, end, "2026-06-06 00:05:00", "2026-06-06")},
	} {
		if got := schedule.Default().Next(test.c, at(test.now)); got.State != test.want.State || !got.Until.Equal(test.want.Until) ||
			got.Do != test.want.Do || !got.At.Equal(test.want.At) || got.Key != test.want.Key {
			t.Errorf("%s:\n got %v\nwant %v", name, got, test.want)
		}
	}
}

// On the day that the clocks go back, 24 h after 0:10 is 23:10 of the same day: it would be the third attempt.
func TestADayOf25HoursHasTwoAttempts(t *testing.T) {
	midnight := time.Date(2026, 4, 4, 0, 10, 0, 0, santiago)
	c := schedule.Case{Due: midnight, End: midnight.AddDate(0, 0, 7), Zone: santiago, Attempts: []schedule.Attempt{
		{At: midnight, Outcome: schedule.Declined}, {At: midnight.Add(6 * time.Hour), Outcome: schedule.Declined},
	}}
	got := schedule.Default().Next(c, midnight.Add(7*time.Hour))
	if want := time.Date(2026, 4, 5, 0, 0, 0, 0, santiago); got.Do != schedule.Charge || !got.At.Equal(want) {
		t.Errorf("%s at %s", got.Do, got.At)
	}
}

func TestPays(t *testing.T) {
	for _, test := range []struct {
		state schedule.State
		at    string
		begin string
		anew  bool
	}{
		{schedule.Active, "2026-06-01 10:00:00", "2026-06-01 10:00:00", false},
		{schedule.Grace, "2026-06-03 10:00:00", "2026-06-01 10:00:00", false},
		{schedule.Grace, "2026-06-08 09:59:59", "2026-06-01 10:00:00", false},
		{schedule.Grace, "2026-06-08 10:00:00", "2026-06-08 10:00:00", true},
		{schedule.Active, "2026-06-20 11:00:00", "2026-06-20 11:00:00", true},
		{schedule.Suspended, "2026-06-05 10:00:00", "2026-06-05 10:00:00", true},
	} {
		if begin, anew := due().Pays(test.state, at(test.at)); !begin.Equal(at(test.begin)) || anew != test.anew {
			t.Errorf("%s at %s pays from %s, %v", test.state, test.at, begin, anew)
		}
	}
}

func TestATrialRunsInSeconds(t *testing.T) {
	r := schedule.Default()
	r.Retries, r.Grace, r.Suspended, r.PerDay = []time.Duration{time.Second}, 4*time.Second, 10*time.Second, 1000
	r.Every = period.Period{Unit: period.Second, Count: 3}
	if err := r.Validate(); err != nil {
		t.Fatal(err)
	}
	c, now, times := due(), due().Due, []string(nil)
	keys := make(map[string]bool)
	for {
		step := r.Next(c, now)
		if step.Do == schedule.Cancel {
			times = append(times, "cancelled "+step.At.Format("05"))
			break
		}
		now = step.At
		if step.Do == schedule.Charge {
			c.Attempts = append(c.Attempts, schedule.Attempt{At: now, Outcome: schedule.Declined})
			times = append(times, now.Format("05"))
			keys[step.Key] = true
		}
	}
	if got, want := strings.Join(times, " "), "00 01 04 07 10 13 cancelled 14"; got != want || len(keys) != 5 {
		t.Errorf("%s, not %s; keys %v", got, want, keys)
	}
}

func TestValidate(t *testing.T) {
	with := func(change func(*schedule.Rule)) schedule.Rule {
		r := schedule.Default()
		r.Retries = slices.Clone(r.Retries)
		change(&r)
		return r
	}
	if err := schedule.Default().Validate(); err != nil {
		t.Error(err)
	}
	for want, r := range map[string]schedule.Rule{
		"retries[1]: ": with(func(r *schedule.Rule) { r.Retries[1] = r.Retries[0] }),
		"grace: ":      with(func(r *schedule.Rule) { r.Grace = -1 }),
		"suspended: ":  with(func(r *schedule.Rule) { r.Suspended = -1 }),
		"perDay: ":     with(func(r *schedule.Rule) { r.PerDay = 0 }),
		"every: unit":  with(func(r *schedule.Rule) { r.Every.Unit = "" }),
		"every: must":  with(func(r *schedule.Rule) { r.Every.Unit = period.Week }),
		"again: ":      with(func(r *schedule.Rule) { r.AgainMost = time.Second }),
	} {
		if err := r.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s%v", want, err)
		}
	}
}
