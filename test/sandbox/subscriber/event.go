package subscriber

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Event is what became of a line.
type Event struct {
	Sequence int64     `json:"SECUENCIA"`
	MSISDN   string    `json:"MSISDN"`
	Type     string    `json:"TIPO"`
	At       time.Time `json:"FECHA"`
	Owner    string    `json:"TITULARIDAD"` // of after the event
}

// The types that change a line.
const (
	EventTerminated   = "BAJA"
	EventPortedOut    = "PORTABILIDAD"
	EventOwnerChanged = "CAMBIO_TITULAR"
	EventBarred       = "BLOQUEO_CONTENIDOS"
)

// Happening is what the control makes an event of.
type Happening struct {
	MSISDN string `json:"msisdn"`
	Type   string `json:"type"`
}

const (
	kept     = 10_000 // events
	maxPage  = 1_000  // of them
	fullPage = 100    // where nothing is said
)

// Events are all that are kept, oldest first.
func (s *Service) Events() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Event{}, s.events...)
}

// Happen makes events, all or none, as the control does: their lines change, and the directory tells.
func (s *Service) Happen(happenings ...Happening) ([]Event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range happenings {
		switch {
		case h.MSISDN == "":
			return nil, required("the event is not valid", "msisdn")
		case h.Type == "":
			return nil, required("the event is not valid", "type")
		}
	}
	made := make([]Event, len(happenings))
	for i, h := range happenings {
		l := s.present(h.MSISDN)
		switch h.Type {
		case EventTerminated:
			l.State = Terminated
		case EventPortedOut:
			l.State, l.Operator = PortedOut, Other
		case EventOwnerChanged:
			s.owners++
			l.Owner = fmt.Sprintf("T-S%d", s.owners)
		case EventBarred:
			l.ContentBarred = true
		}
		s.keep(l)
		now := s.now().UTC()
		s.last = max(s.last+1, now.UnixMicro())
		made[i] = Event{s.last, h.MSISDN, h.Type, now, l.Owner}
	}
	s.events = append(s.events, made...)
	if surplus := len(s.events) - kept; surplus > 0 {
		s.dropped = s.events[surplus-1].Sequence
		s.events = append([]Event{}, s.events[surplus:]...)
	}
	return made, nil
}

func (s *Service) getEvents(w http.ResponseWriter, r *http.Request) {
	after, since, err := argument(r, "desde", -1)
	limit, _, wrong := argument(r, "limite", fullPage)
	if err != nil || wrong != nil || limit < 1 || limit > maxPage {
		write(w, http.StatusBadRequest, map[string]string{"codigo": "PARAMETRO", "mensaje": "desde o limite no es válido"})
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if since && after < s.dropped {
		write(w, http.StatusGone, map[string]string{"codigo": "CURSOR_VENCIDO", "mensaje": "Los eventos posteriores ya no se conservan"})
		return
	}
	page := []Event{}
	for _, e := range s.events {
		if e.Sequence > after && int64(len(page)) < limit {
			page = append(page, e)
		}
	}
	write(w, http.StatusOK, map[string][]Event{"EVENTOS": page})
}

// argument is a number of the query, or what it is where the query has none.
func argument(r *http.Request, name string, otherwise int64) (value int64, given bool, err error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return otherwise, false, nil
	}
	value, err = strconv.ParseInt(text, 10, 64)
	return value, true, err
}
