package access

import (
	"cmp"
	"math/bits"
	"slices"
	"time"
)

// Subject is what a switch is about, and what a request is. In a switch an empty member stands for
// any value; System and Channel are compared without regard to case.
type Subject struct {
	API, Operation, System, Channel, Partner string
}

// Switch turns what its subject names off, or, inside of what another turns off, back on.
type Switch struct {
	ID         string
	Subject    Subject
	Off        bool
	Reason     string
	RetryAfter time.Duration // zero: until Until
	From       time.Time     // zero: since ever
	Until      time.Time     // zero: for ever
}

// active reports whether the switch holds at now: From is in, Until is out.
func (s *Switch) active(now time.Time) bool {
	return !now.Before(s.From) && (s.Until.IsZero() || now.Before(s.Until))
}

// RetryIn is when another try makes sense: RetryAfter, else the time until Until, else zero.
func (s *Switch) RetryIn(now time.Time) time.Duration {
	if s.RetryAfter > 0 || s.Until.IsZero() {
		return s.RetryAfter
	}
	return max(0, s.Until.Sub(now))
}

// members says by its bits which members of a subject are given. Their weights decide between
// switches that name equally many: a partner is more special than a channel, and so on.
type members uint8

const (
	ofAPI members = 1 << iota
	ofOperation
	ofSystem
	ofChannel
	ofPartner
)

// given says which members s names.
func (s Subject) given() (m members) {
	for i, v := range [...]string{s.API, s.Operation, s.System, s.Channel, s.Partner} {
		if v != "" {
			m |= 1 << i
		}
	}
	return m
}

// only is s without what m does not hold.
func (s Subject) only(m members) Subject {
	if m&ofAPI == 0 {
		s.API = ""
	}
	if m&ofOperation == 0 {
		s.Operation = ""
	}
	if m&ofSystem == 0 {
		s.System = ""
	}
	if m&ofChannel == 0 {
		s.Channel = ""
	}
	if m&ofPartner == 0 {
		s.Partner = ""
	}
	return s
}

// switchboard finds the switch for a subject: one map lookup for each combination of members that
// any switch names, the most special combination first.
type switchboard struct {
	combinations []members
	switches     map[Subject][]*Switch // of one subject: those that turn off first, then by id
	names        map[string]string     // folded system and channel names that any switch names
}

func newSwitchboard(all []*Switch) switchboard {
	b := switchboard{switches: map[Subject][]*Switch{}, names: map[string]string{}}
	for _, s := range all {
		key := s.Subject
		key.System, key.Channel = b.intern(key.System), b.intern(key.Channel)
		b.switches[key] = append(b.switches[key], s)
		if m := key.given(); !slices.Contains(b.combinations, m) {
			b.combinations = append(b.combinations, m)
		}
	}
	for _, same := range b.switches {
		slices.SortFunc(same, func(x, y *Switch) int {
			if x.Off != y.Off {
				return map[bool]int{true: -1, false: 1}[x.Off]
			}
			return cmp.Compare(x.ID, y.ID)
		})
	}
	slices.SortFunc(b.combinations, func(x, y members) int {
		return cmp.Or(cmp.Compare(bits.OnesCount8(uint8(y)), bits.OnesCount8(uint8(x))), cmp.Compare(y, x))
	})
	return b
}

func (b *switchboard) intern(name string) string {
	folded := lower(name)
	b.names[folded] = folded
	return folded
}

// find gives the most special active switch for s, or nil.
func (b *switchboard) find(now time.Time, s Subject) *Switch {
	if len(b.combinations) == 0 {
		return nil
	}
	s.System, s.Channel = b.known(s.System), b.known(s.Channel)
	have := s.given()
	for _, m := range b.combinations {
		if m&^have != 0 {
			continue
		}
		for _, candidate := range b.switches[s.only(m)] {
			if candidate.active(now) {
				return candidate
			}
		}
	}
	return nil
}

// known is the folded name if any switch names it, else empty: no switch is about it.
func (b *switchboard) known(name string) string {
	var buf [maxName]byte
	folded, ok := fold(&buf, name)
	if !ok {
		return ""
	}
	return b.names[string(folded)]
}
