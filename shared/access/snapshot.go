package access

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"puente/shared/admin"
)

// Snapshot is the tables as they were at one moment. It never changes; its lookups are O(1) and
// allocate nothing.
type Snapshot struct {
	version  int64
	clients  map[string]*Client
	systems  map[string]*System // by folded name
	switches switchboard
}

// Version is the number of the state that the snapshot shows; zero: nothing was loaded yet.
func (s *Snapshot) Version() int64 { return s.version }

// Client finds a client by the client_id of its token.
func (s *Snapshot) Client(id string) (*Client, bool) {
	c, ok := s.clients[id]
	return c, ok
}

// System finds a system by its name in any case.
func (s *Snapshot) System(name string) (*System, bool) {
	var buf [maxName]byte
	folded, ok := fold(&buf, name)
	if !ok {
		return nil, false
	}
	found, ok := s.systems[string(folded)]
	return found, ok
}

// Switched gives the switch that decides about what at now, or nil: of the active ones the one
// that names most members, and among equals the one for a partner before channel, system,
// operation, API. It turns what off only where its Off says so.
func (s *Snapshot) Switched(now time.Time, what Subject) *Switch { return s.switches.find(now, what) }

// newSnapshot links the entities to each other.
func newSnapshot(version int64, e Entities) (*Snapshot, error) {
	s := &Snapshot{version: version, clients: make(map[string]*Client, len(e.Clients)), systems: make(map[string]*System, len(e.Systems))}
	var errs []error
	tiers := make(map[string]*Tier, len(e.Tiers))
	for _, n := range e.Tiers {
		tiers[n.ID] = &Tier{Name: n.ID, Limits: limits(n.Spec.Limits)}
	}
	for _, n := range e.Systems {
		channels := make(map[string][]string, len(n.Spec.Access))
		for _, a := range n.Spec.Access {
			channels[a.API] = a.Channels
		}
		s.systems[lower(n.ID)] = &System{
			Name: n.ID, Active: n.Spec.Status == Active, APIs: n.Spec.APIs, Channels: n.Spec.Channels,
			Channel: n.Spec.Channel, Limits: limits(n.Spec.Limits), channels: channels,
		}
	}
	for _, n := range e.Clients {
		c := &Client{
			ID: n.ID, Name: n.Spec.Name, Status: n.Spec.Status, Systems: n.Spec.Systems,
			Addresses: n.Spec.Addresses, contracts: make(map[string]*Contract, len(n.Spec.Contracts)),
		}
		for _, k := range n.Spec.Contracts {
			tier, ok := tiers[k.Tier]
			if !ok {
				errs = append(errs, fmt.Errorf("client %s: contract for %s: no tier %s", n.ID, k.API, k.Tier))
			}
			c.contracts[k.API] = &Contract{API: k.API, Status: k.Status, Tier: tier}
		}
		s.clients[n.ID] = c
	}
	all := make([]*Switch, len(e.Switches))
	for i, n := range e.Switches {
		all[i] = n.Spec.named(n.ID)
	}
	s.switches = newSwitchboard(all)
	return s, errors.Join(errs...)
}

func limits(specs []LimitSpec) []Limit {
	all := make([]Limit, len(specs))
	for i, l := range specs {
		all[i] = Limit{Requests: l.Requests, Window: time.Duration(l.Window)}
	}
	return all
}

func (s SwitchSpec) named(id string) *Switch {
	w := &Switch{
		ID: id, Off: s.Off, Reason: s.Reason, RetryAfter: time.Duration(s.RetryAfter),
		Subject: Subject{API: s.API, Operation: s.Operation, System: s.System, Channel: s.Channel, Partner: s.Partner},
	}
	for _, m := range []*string{&w.Subject.API, &w.Subject.Operation, &w.Subject.System, &w.Subject.Channel, &w.Subject.Partner} {
		*m = strings.TrimPrefix(*m, anything) // the wildcard is a whole member, never a part of one
	}
	if s.From != nil {
		w.From = *s.From
	}
	if s.Until != nil {
		w.Until = *s.Until
	}
	return w
}

// maxName is the longest system or channel name in bytes.
const maxName = 50

// lower folds ASCII letters, the only ones that names have.
func lower(name string) string {
	var buf [maxName]byte
	folded, ok := fold(&buf, name)
	if !ok {
		return name
	}
	return string(folded)
}

// fold writes name with its ASCII letters in lower case into buf; ok is false for a name that no
// entity can have.
func fold(buf *[maxName]byte, name string) (folded []byte, ok bool) {
	if len(name) > maxName {
		return nil, false
	}
	for i := range len(name) {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		buf[i] = c
	}
	return buf[:len(name)], true
}

// Entities is the content of the tables, or a part of it.
type Entities struct {
	Tiers    []admin.Named[TierSpec]
	Systems  []admin.Named[SystemSpec]
	Clients  []admin.Named[ClientSpec]
	Switches []admin.Named[SwitchSpec]
}
