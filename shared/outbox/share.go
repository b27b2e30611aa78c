package outbox

import (
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"puente/shared/httpclient"
)

// firstWindow is how many sends may be under way to a destination of which nothing is known.
const firstWindow = 2

// manyPlaces is how many destinations are remembered before those are forgotten that are idle and well.
const manyPlaces = 4096

// shares divides the places of a process among destinations.
type shares struct {
	cfg   Config
	owner func(destination string) (group string, places int) // nil: Config says it
	log   *slog.Logger

	mu       sync.Mutex
	free     int
	reserved int // of all places, for destinations that have none
	places   map[string]*place
	groups   map[string]int // places taken by those that have them in common
}

// place is what a destination has.
type place struct {
	taken  int
	window int // the most it may take
	most   int // the most that the window may become, and the group may take
	group  string
	gate   *httpclient.Gate
}

// want is what is to be claimed for a destination: as many events as there are admissions.
type want struct {
	destination string
	admissions  []httpclient.Admission
}

func newShares(cfg Config, owner func(string) (string, int), log *slog.Logger) *shares {
	return &shares{cfg: cfg, owner: owner, log: log, free: cfg.Concurrency, reserved: cfg.Concurrency / 4, places: map[string]*place{}, groups: map[string]int{}}
}

// take takes places for destinations that have something due, in rounds: those with the fewest come
// first, in no order among themselves. What is not used must be given back.
func (s *shares) take(ready []string, now time.Time) []want {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(now)
	rand.Shuffle(len(ready), func(i, j int) { ready[i], ready[j] = ready[j], ready[i] })
	wants := make([]want, len(ready))
	rounds := 0
	for _, name := range ready {
		rounds = max(rounds, s.place(name, now).window)
	}
	for round := range rounds {
		for i, name := range ready {
			if s.free == 0 || round > 0 && s.free <= s.reserved {
				return wants
			}
			p := s.places[name]
			if p.taken != round || p.taken >= p.window || s.groups[p.group] >= p.most {
				continue
			}
			if a, _, ok := p.gate.Admit(now); ok {
				p.taken++
				s.groups[p.group]++
				s.free--
				wants[i].destination = name
				wants[i].admissions = append(wants[i].admissions, a)
			}
		}
	}
	return wants
}

// place is a destination's, with what its owner allows it now.
func (s *shares) place(name string, now time.Time) *place {
	p := s.places[name]
	if p == nil {
		p = &place{window: firstWindow}
		p.gate = httpclient.NewGate(s.cfg.Breaker, now, func(from, to httpclient.State) {
			s.log.Warn("circuit breaker of a destination changed", "destination", name, "from", from.String(), "to", to.String())
		})
		s.places[name] = p
	}
	group, most := "", 0
	if s.owner != nil {
		group, most = s.owner(name)
	}
	if most <= 0 {
		group, most = "", s.cfg.PerDestination
	}
	if p.most, p.window = most, min(p.window, most); p.taken == 0 { // what is taken is given back where it was taken
		if p.group = "destination\x1f" + name; group != "" {
			p.group = "group\x1f" + group
		}
	}
	return p
}

// forget keeps the memory bounded. A destination that is idle and well begins again with the first
// window, and without the failures of its last minute.
func (s *shares) forget(now time.Time) {
	if len(s.places) < manyPlaces {
		return
	}
	for name, p := range s.places {
		if p.taken == 0 && p.gate.State(now) == httpclient.Closed {
			delete(s.places, name)
		}
	}
}

// done gives a place back, with what the send said of the destination's health.
func (s *shares) done(destination string, a httpclient.Admission, o Outcome, now time.Time, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.places[destination] // there: what has places taken is not forgotten
	p.taken--
	s.free++
	if s.groups[p.group]--; s.groups[p.group] == 0 {
		delete(s.groups, p.group)
	}
	switch o {
	case Delivered:
		p.window = min(p.window+1, p.most)
		a.Healthy(now, d)
	case Retry:
		p.window = max(p.window/2, 1)
		a.Failed(now, d)
	case RetrySlow, Dead, Pause:
		a.Answered(now, d)
	default:
		a.Dropped(now)
	}
}

// states counts the destinations that are remembered whose breaker is not closed.
func (s *shares) broken(now time.Time) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.places {
		if p.gate.State(now) != httpclient.Closed {
			n++
		}
	}
	return n
}
