// Package acceptance is the integration acceptance matrix: how far each partner's product has come on its way to
// customers (partner hub specification §14). It is the rules and the forms of the matrix alone; where its cells'
// evidence comes from, and where it is kept, is the caller's.
//
// A row has eight checks. One that the provider's own side has proved is OK Prov; one that our conformance run
// has, OK, which is less; NOK has failed, or was never tried, or its evidence has expired; n.a. does not apply to
// the kind of product.
package acceptance

import (
	"fmt"
	"time"
)

// Check is one of the eight, by the phase of a subscription that it belongs to and its name.
type Check int

// The checks, in the order of the matrix.
const (
	SubscriptionNotifSub Check = iota
	SubscriptionNotifCobro
	SubscriptionSendMT
	SubscriptionLPRedirect
	SubscriptionOneshot
	RenewalNotifCobro
	RenewalSendMT
	CancellationNotifCancel
	Checks = 8 // how many there are
)

var checkNames = [Checks]string{
	"subscription.NotifSub", "subscription.NotifCobro", "subscription.SendMT", "subscription.LPRedirect", "subscription.Oneshot",
	"renewal.NotifCobro", "renewal.SendMT", "cancellation.NotifCancel",
}

func (c Check) String() string {
	if c < 0 || c >= Checks {
		return fmt.Sprintf("Check(%d)", int(c))
	}
	return checkNames[c]
}

// MarshalText is the check's name.
func (c Check) MarshalText() ([]byte, error) {
	if c < 0 || c >= Checks {
		return nil, fmt.Errorf("acceptance: there is no check %d", int(c))
	}
	return []byte(checkNames[c]), nil
}

// UnmarshalText reads a check's name.
func (c *Check) UnmarshalText(text []byte) error {
	for i, name := range checkNames {
		if name == string(text) {
			*c = Check(i)
			return nil
		}
	}
	return fmt.Errorf("check: must be one of %q", checkNames)
}

// State is what a check has come to; its texts are those of the matrix.
type State int

// The states. What nobody has tried is NOK.
const (
	NOK State = iota
	NotApplicable
	OK
	OKProv
)

var stateNames = [...]string{NOK: "NOK", NotApplicable: "n.a.", OK: "OK", OKProv: "OK Prov"}

func (s State) String() string {
	if s < 0 || int(s) >= len(stateNames) {
		return fmt.Sprintf("State(%d)", int(s))
	}
	return stateNames[s]
}

// MarshalText is the state as the matrix writes it.
func (s State) MarshalText() ([]byte, error) {
	if s < 0 || int(s) >= len(stateNames) {
		return nil, fmt.Errorf("acceptance: there is no state %d", int(s))
	}
	return []byte(stateNames[s]), nil
}

// UnmarshalText reads a state as the matrix writes it.
func (s *State) UnmarshalText(text []byte) error {
	for i, name := range stateNames {
		if name == string(text) {
			*s = State(i)
			return nil
		}
	}
	return fmt.Errorf("state: must be one of %q", stateNames)
}

// Cell is a check of a row, with what it rests on.
type Cell struct {
	State    State     `json:"state"`
	Evidence string    `json:"evidence,omitempty"` // its id
	At       time.Time `json:"at,omitzero"`
	By       string    `json:"by,omitempty"`
}

// Validity is how long evidence holds where nothing else is set.
const Validity = 180 * 24 * time.Hour

// AsOf is the cell now: NOK where its evidence is older than validity, or than the last change of what it proves
// (URL, key, scheme); zero: no change. A cell that does not apply does not expire.
func (c Cell) AsOf(now, changed time.Time, validity time.Duration) Cell {
	if (c.State == OK || c.State == OKProv) && (now.Sub(c.At) > validity || c.At.Before(changed)) {
		c.State = NOK
	}
	return c
}
