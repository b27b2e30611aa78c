package tvplatforms

import (
	"net/http"
	"slices"
	"strings"

	"puente/shared/problem"
)

// Holding is what the platforms of a technology hold of an account. Its lists are replaced, never changed.
type Holding struct {
	Technology string   `json:"technology"`
	Account    string   `json:"account"`
	State      string   `json:"state"`
	Channels   []string `json:"channels"`
	Services   []string `json:"services"`
	Devices    []string `json:"devices"`
	Refuses    []string `json:"refuses"`

	ceased map[string][]string // by platform: what was removed, which IPTV goes on showing
}

// Setting is what the control sets of a holding; what is nil stays as it is.
type Setting struct {
	Technology string   `json:"technology"`
	State      *string  `json:"state"`
	Channels   []string `json:"channels"`
	Services   []string `json:"services"`
	Devices    []string `json:"devices"`
	Refuses    []string `json:"refuses"`
}

// The technologies and platforms.
const (
	ftth = "FTTH"
	hfc  = "HFC"
	iptv = "IPTV"

	subscribers = "SUBSCRIBERS"
	channels    = "CHANNELS"
	services    = "SERVICES"
	devices     = "DEVICES"
)

// lists are the platforms that hold one.
var lists = []string{channels, services, devices}

// Set sets what the platforms hold of an account, as the control does, and returns it as it is now.
func (s *Service) Set(account string, c Setting) (Holding, error) {
	if !slices.Contains([]string{ftth, hfc, iptv}, c.Technology) {
		return Holding{}, &problem.Error{
			Kind: problem.Invalid, Detail: "the holding is not valid", Fields: []problem.Field{{Path: "technology", Rule: "must be FTTH, HFC or IPTV"}},
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return *s.set(account, c), nil
}

// set is Set of what is valid; the lock is held.
func (s *Service) set(account string, c Setting) *Holding {
	k := key{c.Technology, account}
	h, ok := s.holdings[k]
	if !ok {
		h = &Holding{
			Technology: c.Technology, Account: account, State: "1",
			Channels: []string{}, Services: []string{}, Devices: []string{}, Refuses: []string{}, ceased: map[string][]string{},
		}
		s.holdings[k] = h
		s.order = append(s.order, k)
	}
	if c.State != nil {
		h.State = *c.State
	}
	for list, value := range map[*[]string][]string{&h.Channels: c.Channels, &h.Services: c.Services, &h.Devices: c.Devices, &h.Refuses: c.Refuses} {
		if value != nil {
			*list = append([]string{}, value...)
		}
	}
	return h
}

// Holding is what the platforms of a technology hold of an account; not ok where they do not know it.
func (s *Service) Holding(technology, account string) (Holding, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h, ok := s.holdings[key{technology, account}]; ok {
		return *h, true
	}
	return Holding{}, false
}

// Holdings are all, in the order in which they came.
func (s *Service) Holdings() []Holding {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Holding, len(s.order))
	for i, k := range s.order {
		all[i] = *s.holdings[k]
	}
	return all
}

// list is what h holds on one of lists.
func (h *Holding) list(platform string) *[]string {
	return map[string]*[]string{channels: &h.Channels, services: &h.Services, devices: &h.Devices}[platform]
}

// outcome is what became of a change.
type outcome int

const (
	made outcome = iota
	thereAlready
	notThere
	refused
	unknown // the account
)

// state sets a subscriber's state.
func (s *Service) state(r *http.Request, technology, account, state string) outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.holdings[key{technology, account}]
	switch {
	case !ok:
		return unknown
	case h.refuses(state):
		return refused
	case h.State == state:
		return thereAlready
	}
	h.State = state
	s.remember(r, h, subscribers, "STATE", state)
	return made
}

// add and remove change a list. The notation of a MAC address does not matter.
func (s *Service) add(r *http.Request, technology, account, platform, item string) outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.holdings[key{technology, account}]
	switch {
	case !ok:
		return unknown
	case h.refuses(item):
		return refused
	}
	return s.added(r, h, platform, item)
}

func (s *Service) remove(r *http.Request, technology, account, platform, item string) outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.holdings[key{technology, account}]
	switch {
	case !ok:
		return unknown
	case h.refuses(item):
		return refused
	}
	return s.removed(r, h, platform, item)
}

// added and removed change a list whatever it refuses; the lock is held.
func (s *Service) added(r *http.Request, h *Holding, platform, item string) outcome {
	list := h.list(platform)
	if slices.ContainsFunc(*list, same(item)) {
		return thereAlready
	}
	*list = append(slices.Clone(*list), item)
	s.remember(r, h, platform, "ADD", item)
	return made
}

func (s *Service) removed(r *http.Request, h *Holding, platform, item string) outcome {
	list := h.list(platform)
	at := slices.IndexFunc(*list, same(item))
	if at < 0 {
		return notThere
	}
	h.ceased[platform] = append(slices.DeleteFunc(h.ceased[platform], same(item)), (*list)[at])
	*list = slices.DeleteFunc(slices.Clone(*list), same(item))
	s.remember(r, h, platform, "REMOVE", item)
	return made
}

func (s *Service) remember(r *http.Request, h *Holding, platform, action, item string) {
	s.changes = append(s.changes, Change{h.Technology, h.Account, platform, action, item, r.Header.Get("X-Correlation-ID"), s.now().UTC()})
}

func (h *Holding) refuses(item string) bool { return slices.ContainsFunc(h.Refuses, same(item)) }

// same reports whether an item is the one given, of which a MAC address may be written in any way.
func same(item string) func(string) bool {
	plain := func(s string) string {
		return strings.ToUpper(strings.NewReplacer(":", "", "-", "", ".", "").Replace(s))
	}
	return func(other string) bool { return other == item || len(plain(item)) == 12 && plain(other) == plain(item) }
}

// forget brings the holdings of the package comment back; the lock is held, or nobody knows s yet.
func (s *Service) forget() {
	s.holdings, s.order, s.changes = map[key]*Holding{}, nil, nil
	off := "0"
	s.set("CS-905967", Setting{
		Technology: ftth, Channels: []string{"HBO", "FOX"}, Services: []string{"TIMESHIFT"}, Devices: []string{"001A.2B3C.4D5E", "001A.2B3C.4D5F"},
	})
	s.set("CS-905968", Setting{
		Technology: hfc, Channels: []string{"HBO", "FOX"}, Services: []string{"TIMESHIFT"}, Devices: []string{"00-1A-2B-3C-4D-60"},
	})
	s.set("CS-905969", Setting{
		Technology: iptv, State: &off, Channels: []string{"HBO", "FOX"}, Services: []string{"GRABACION"}, Devices: []string{"001A2B3C4D62"},
	}).ceased[channels] = []string{"CNN"}
	s.set("CS-905970", Setting{Technology: ftth})
}
