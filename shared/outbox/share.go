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
	cfg Config
	log *slog.Logger

	mu       sync.Mutex
	free     int
	reserved int // of all places, for destinations that have none
	places   map[string]*place
}

// place is what a destination has.
type place struct {
	taken  int
	window int // the most it may take
	gate   *httpclient.Gate
}

// want is what is to be claimed for a destination: as many events as there are admissions.
type want struct {
	destination string
	admissions  []httpclient.Admission
}

func newShares(cfg Config, log *slog.Logger) *shares {
	return &shares{cfg: cfg, log: log, free: cfg.Concurrency, reserved: cfg.Concurrency / 4, places: map[string]*place{}}
}

// take takes places for destinations that have something due, in rounds: those with the fewest come
// first, in no order among themselves. What is not used must be given back.
func (s *shares) take(ready []string, now time.Time) []want {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(now)
	rand.Shuffle(len(ready), func(i, j int) { ready[i], ready[j] = ready[j], ready[i] })
	wants := make([]want, len(ready))
	for round := range s.cfg.PerDestination {
		for i, name := range ready {
			if s.free == 0 || round > 0 && s.free <= s.reserved {
				return wants
			}
			p := s.place(name, now)
			if p.taken != round || p.taken >= p.window {
				continue
			}
			if a, _, ok := p.gate.Admit(now); ok {
				p.taken++
				s.free--
				wants[i].destination = name
				wants[i].admissions = append(wants[i].admissions, a)
			}
		}
	}
	return wants
}

func (s *shares) place(name string, now time.Time) *place {
	p := s.places[name]
	if p == nil {
		p = &place{window: min(firstWindow, s.cfg.PerDestination)}
		p.gate = httpclient.NewGate(s.cfg.Breaker, now, func(from, to httpclient.State) {
			s.log.Warn("circuit breaker of a destination changed", "destination", name, "from", from.String(), "to", to.String())
		})
		s.places[name] = p
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
	switch o {
	case Delivered:
		p.window = min(p.window+1, s.cfg.PerDestination)
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
