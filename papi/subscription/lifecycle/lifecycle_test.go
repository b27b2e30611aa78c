package lifecycle_test

import (
	"slices"
	"testing"
	"time"

	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/lifecycle"
	"puente/papi/subscription/notification"
	"puente/papi/subscription/schedule"
	"puente/papi/subscription/sql"
)

var (
	rule   = lifecycle.New(schedule.Default())
	nobody = func(notification.Context) {}
)

// weekly is a subscription whose second week is due at a moment.
func weekly(due time.Time) *lifecycle.Subscription {
	anchor, until := due.AddDate(0, 0, -7), due
	country := &catalogue.Country{Zone: time.UTC, Currency: "CLP"}
	return &lifecycle.Subscription{
		SubscriptionSubscription: sql.SubscriptionSubscription{ID: 1, State: lifecycle.Active, Anchor: &anchor, Periods: 1, PaidUntil: &until, DueAt: &until, Tries: []byte("[]")},
		Product: &catalogue.Product{
			ProductSpec: catalogue.ProductSpec{Period: &catalogue.Period{Unit: catalogue.Week, Count: 1}},
			Service:     &catalogue.Service{Partner: &catalogue.Partner{Country: country}},
		},
	}
}

var due = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

// The attempt's moment counts, not the one at which its outcome became known.
func TestFoundLate(t *testing.T) {
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		prepare func(*lifecycle.Change, *lifecycle.Subscription)
		made    time.Time
		at      time.Time
		until   time.Time
	}{
		"within the period": {made: due, at: due.Add(time.Second), until: due.AddDate(0, 0, 7)},
		"found in the next": {made: due.Add(6 * day), at: due.Add(9 * day), until: due.AddDate(0, 0, 7)},
		"made in the next":  {made: due.Add(8 * day), at: due.Add(9 * day), until: due.Add(15 * day)},
		"in SUSPENDED: there was no access until it was found": {
			prepare: func(c *lifecycle.Change, s *lifecycle.Subscription) {
				rule.Declined(c, s, due, due, "INSUFFICIENT_BALANCE")
				rule.Review(c, s, due.Add(4*day), 990)
			},
			made: due.Add(4 * day), at: due.Add(6 * day), until: due.Add(13 * day),
		},
	} {
		t.Run(name, func(t *testing.T) {
			var change lifecycle.Change
			s := weekly(due)
			if c.prepare != nil {
				c.prepare(&change, s)
			}
			if !rule.Paid(&change, s, lifecycle.Payment{Amount: 990, Made: c.made}, c.at, nobody) || s.State != lifecycle.Active || !s.PaidUntil.Equal(c.until) || !s.DueAt.Equal(c.until) {
				t.Errorf("%s until %s, want %s", s.State, s.PaidUntil, c.until)
			}
		})
	}
}

// A refusal that is known late is followed as of when it is known.
func TestDeclinedLate(t *testing.T) {
	var change lifecycle.Change
	s := weekly(due)
	rule.Declined(&change, s, due, due.Add(20*time.Hour), "INSUFFICIENT_BALANCE")
	if s.State != lifecycle.Grace || !s.DueAt.Equal(due.Add(6*time.Hour)) {
		t.Errorf("%s, due %s", s.State, s.DueAt)
	}
	if step := rule.Next(s, due.Add(20*time.Hour)); step.Do != schedule.Charge || step.At.After(due.Add(20*time.Hour)) {
		t.Errorf("%s at %s", step.Do, step.At)
	}
}

// The wait for an operator that is away doubles up to its longest, and no row grows by it.
func TestUnavailableInARow(t *testing.T) {
	var change lifecycle.Change
	s := weekly(due)
	now := due
	var waits []time.Duration
	size := 0
	for n := range 20 {
		rule.Undone(&change, s, now, now)
		waits = append(waits, s.DueAt.Sub(now))
		now = *s.DueAt
		if n == 10 {
			size = len(s.Tries)
		}
	}
	want := []time.Duration{15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 4 * time.Hour}
	if !slices.Equal(waits[:6], want) || waits[19] != 4*time.Hour || s.State != lifecycle.Active {
		t.Errorf("waits %s, %s", waits, s.State)
	}
	if len(s.Tries) != size {
		t.Errorf("tries of %d bytes became %d", size, len(s.Tries))
	}
}

// Nothing but a subscription that is renewed is put off.
func TestPutOff(t *testing.T) {
	var change lifecycle.Change
	s := weekly(due)
	rule.PutOff(&change, s, due.Add(time.Hour))
	if !s.DueAt.Equal(due.Add(time.Hour)) {
		t.Errorf("due %s", s.DueAt)
	}
	rule.Cancel(&change, s, due, lifecycle.Cancellation{})
	rule.PutOff(&change, s, due.Add(time.Hour))
	if s.DueAt != nil {
		t.Errorf("over, and due %s", s.DueAt)
	}
}
