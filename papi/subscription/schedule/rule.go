// Package schedule is the rule of renewal: given when a period was due and what has been tried since, what is to
// be done next, and when (partner hub specification §10 F5, §11; invariants 3, 6 and 25 of §12).
//
// A period is charged when it is due. Declined, the subscription is in GRACE, with a few more attempts; then in
// SUSPENDED, with one attempt a local day; then it is cancelled. Time alone moves it on, so that no queue of ours
// that stood still prolongs anything or makes up for attempts it missed: of several that are overdue one is made.
//
// The rule is a function of its arguments, without memory and clock. Its answer holds for the moment it was asked
// for; whoever acts later asks again.
package schedule

import (
	"errors"
	"fmt"
	"time"

	"puente/papi/subscription/period"
)

// Rule are the durations of a product.
type Rule struct {
	Retries   []time.Duration `yaml:"retries"`   // after the first attempt that was declined, within Grace
	Grace     time.Duration   `yaml:"grace"`     // after the first attempt that was declined; a shorter period shortens it
	Suspended time.Duration   `yaml:"suspended"` // after Grace; then the subscription ends
	PerDay    int             `yaml:"perDay"`    // attempts of one subscription on one local day, whatever its state
	Every     period.Period   `yaml:"every"`     // attempts in SUSPENDED: one a local day, or in a trial one every few seconds
	Again     time.Duration   `yaml:"again"`     // after an attempt that found the operator unavailable; twice as long each time
	AgainMost time.Duration   `yaml:"againMost"` // the longest of those
}

// Default is the rule for a product that sets nothing.
func Default() Rule {
	const day = 24 * time.Hour
	return Rule{
		Retries:   []time.Duration{6 * time.Hour, 24 * time.Hour, 48 * time.Hour},
		Grace:     3 * day,
		Suspended: 30 * day,
		PerDay:    2,
		Every:     period.Period{Unit: period.Day, Count: 1},
		Again:     15 * time.Minute,
		AgainMost: 4 * time.Hour,
	}
}

// Validate names what is wrong with a rule.
func (r Rule) Validate() error {
	var errs []error
	last := time.Duration(0)
	for i, d := range r.Retries {
		if d <= last {
			errs = append(errs, fmt.Errorf("retries[%d]: must be later than what is before it", i))
		}
		last = d
	}
	for name, d := range map[string]time.Duration{"grace": r.Grace, "suspended": r.Suspended} {
		if d < 0 {
			errs = append(errs, fmt.Errorf("%s: must not be below 0", name))
		}
	}
	if r.PerDay < 1 {
		errs = append(errs, errors.New("perDay: must be at least 1"))
	}
	if err := r.Every.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("every: %w", err))
	} else if r.Every.Unit != period.Second && r.Every != (period.Period{Unit: period.Day, Count: 1}) {
		errs = append(errs, errors.New("every: must be one DAY, or SECONDs"))
	}
	if r.Again <= 0 || r.AgainMost < r.Again {
		errs = append(errs, errors.New("again: must be above 0, and not above againMost"))
	}
	return errors.Join(errs...)
}

// again is how long to wait after so many attempts in a row that found the operator unavailable.
func (r Rule) again(times int) time.Duration {
	d := r.Again
	for ; times > 1 && d < r.AgainMost; times-- {
		d *= 2
	}
	return min(d, r.AgainMost)
}
