package carrierbilling

import (
	"regexp"

	"puente/shared/problem"
	"puente/test/sandbox/register"
)

// opening is the balance of a line that has one and whose was never set.
const opening = 100_000

// setting is what was set of a line.
type setting struct {
	MSISDN   string `json:"msisdn"`
	Balance  *int64 `json:"balance"` // at the moment it was set; nil: none, the line pays whatever it is charged
	Taken    int64  `json:"taken"`   // what all charges until then took
	Declines string `json:"declines,omitempty"`
}

// tally is a line as the carrier billing knows it.
type tally struct {
	setting
	taken        int64 // by all charges, less what was given back
	insufficient int   // times it was declined for its balance
}

func (t *tally) set(l setting) { t.setting = l }

// left is the balance, nil where the line has none.
func (t *tally) left() *int64 {
	if t.Balance == nil {
		return nil
	}
	left := *t.Balance - (t.taken - t.Taken)
	return &left
}

// Line is a line as the controls show it.
type Line struct {
	MSISDN   string `json:"msisdn"`
	Balance  *int64 `json:"balance"` // nil: postpaid
	Declines string `json:"declines,omitempty"`
}

func (t *tally) shown() Line { return Line{t.MSISDN, t.left(), t.Declines} }

// magic is the form of the MSISDNs that say how they are charged: 569 U xxx CCCC.
var magic = regexp.MustCompile(`^569([012])[0-9]{3}([0-9]{4})$`)

// code is CCCC of a magic MSISDN.
func code(msisdn string) string {
	if parts := magic.FindStringSubmatch(msisdn); parts != nil {
		return parts[2]
	}
	return ""
}

func postpaid(msisdn string) bool {
	parts := magic.FindStringSubmatch(msisdn)
	return parts != nil && parts[1] == "0"
}

// line is the tally of msisdn, made at its first use; the lock is held.
func (s *Service) line(msisdn string) *tally {
	t, ok := s.known[msisdn]
	if !ok {
		t = &tally{setting: setting{MSISDN: msisdn}}
		if !postpaid(msisdn) {
			balance := int64(opening)
			t.Balance = &balance
		}
		s.known[msisdn] = t
		s.order = append(s.order, msisdn)
	}
	return t
}

// count takes into its line's tally that a charge is now another; the lock is held.
func (s *Service) count(before, now Charge) {
	t := s.line(now.MSISDN)
	t.taken += now.Net() - before.Net()
	s.refunds += len(now.Refunds) - len(before.Refunds)
	if now.Reason == Insufficient && before.Reason != Insufficient {
		t.insufficient++
	}
}

// decide is what becomes of a charge of amount to t; the lock is held.
func (s *Service) decide(t *tally, amount int64) (state, reason string) {
	reason = map[string]string{"1402": Insufficient, "1403": Barred, "1404": Unknown, "1405": Unknown}[code(t.MSISDN)]
	left := t.left()
	switch {
	case t.Declines != "":
		reason = t.Declines
	case reason != "":
	case s.settings.Pending:
		return Pending, ""
	case code(t.MSISDN) == "2402" && t.insufficient < s.settings.Insufficient, left != nil && *left < amount:
		reason = Insufficient
	}
	if reason != "" {
		return Declined, reason
	}
	return Charged, ""
}

// LineChange is what POST /_sandbox/carrierbilling/lines/{msisdn} sets of a line; what is left out stays.
type LineChange struct {
	Balance  Balance // of the line from now on
	Declines *string // the reason with which each charge is declined; empty: none
}

// Balance is a balance that may be given or not.
type Balance struct {
	Set    bool
	Amount *int64 // nil: none, as postpaid
}

// Of is a balance of amount.
func Of(amount int64) Balance { return Balance{true, &amount} }

// Set changes a line.
func (s *Service) Set(msisdn string, change LineChange) (Line, error) {
	if !international.MatchString(msisdn) {
		return Line{}, &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: "msisdn", Rule: "must be of 8 to 15 digits"}}}
	}
	if d := change.Declines; d != nil && *d != "" && (*d == Unavailable || !reasons[*d]) {
		return Line{}, &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: "declines", Rule: "must be a reason that is filed"}}}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.line(msisdn)
	next := t.setting
	if change.Balance.Set {
		next.Balance, next.Taken = change.Balance.Amount, t.taken
	}
	if change.Declines != nil {
		next.Declines = *change.Declines
	}
	_, found, err := s.lines.Change(msisdn, register.Any, func(setting) setting { return next })
	if err == nil && !found {
		_, err = s.lines.File(func(int) setting { return next })
	}
	if err != nil {
		return Line{}, err
	}
	t.set(next)
	return t.shown(), nil
}

// Lines are those that were set or charged, in the order in which they came.
func (s *Service) Lines() []Line {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Line, len(s.order))
	for i, msisdn := range s.order {
		all[i] = s.known[msisdn].shown()
	}
	return all
}

// Configure changes the settings, and returns them.
func (s *Service) Configure(change func(*Settings)) Settings {
	s.mu.Lock()
	defer s.mu.Unlock()
	if change != nil {
		change(&s.settings)
	}
	return s.settings
}
