package botservice

import (
	"fmt"
	"time"
)

// State is what BotService did last, in its own words.
type State string

// The states.
const (
	NIPRequested State = "NIP_REQUESTED"
	NIPResent    State = "NIP_RESENT"
	PortInFiled  State = "PORT_IN_FILED"
)

// event is one thing that BotService did, and a line of the journal.
type event struct {
	Sequence      int       `json:"sequence"`
	State         State     `json:"state"`
	Phone         string    `json:"phone"`
	NumOrder      string    `json:"numOrder"`
	NIP           string    `json:"nip"`
	Made          int       `json:"made"` // NIPs made for the phone so far
	CorrelationID string    `json:"correlationId"`
	Time          time.Time `json:"time"`
}

// requestID names the event to the caller.
func (e event) requestID() string { return fmt.Sprintf("PR-%06d", e.Sequence) }

func (e event) nip() NIP {
	return NIP{
		RequestID: e.requestID(), Phone: e.Phone, NumOrder: e.NumOrder, NIP: e.NIP,
		Resend: e.State == NIPResent, CorrelationID: e.CorrelationID, RequestedAt: e.Time,
	}
}

func (e event) portIn() PortIn {
	return PortIn{
		RequestID: e.requestID(), Phone: e.Phone, NumOrder: e.NumOrder, NIP: e.NIP,
		CorrelationID: e.CorrelationID, FiledAt: e.Time, State: e.State,
	}
}

// line is a phone that BotService has heard of.
type line struct {
	phone  string
	nip    string // the current one
	made   int
	events []event // oldest first
}

// perform does what the request asks for and remembers it.
func (s *Service) perform(req request, correlation string) (event, *rejection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lines[req.Phone]
	if l == nil {
		l = &line{}
	}
	e := event{
		Sequence: s.sequence + 1, Phone: req.Phone, NumOrder: req.NumOrder, NIP: l.nip, Made: l.made,
		CorrelationID: correlation, Time: s.now().UTC(),
	}
	switch {
	case req.NIP != "" && req.Resend:
		return event{}, &rejection{Message: "resend does not go with a NIP", ErrorCode: "INVALID_FIELD"}
	case req.NIP != "" && req.NIP != l.nip:
		return event{}, &rejection{Message: "The NIP is not the current NIP of the line", ErrorCode: "INVALID_NIP"}
	case req.NIP != "":
		e.State = PortInFiled
	case req.Resend && l.nip == "":
		return event{}, &rejection{Message: "No NIP was requested for the line", ErrorCode: "INVALID_NIP"}
	case req.Resend:
		e.State = NIPResent
	default:
		e.State, e.Made = NIPRequested, l.made+1
		e.NIP = NIPFor(req.Phone, e.Made)
	}
	if s.journal != nil {
		if err := s.journal.Append(e); err != nil {
			return event{}, &rejection{Message: err.Error(), ErrorCode: "UNKNOWN_EXCEPTION"}
		}
	}
	s.apply(e)
	if s.journal != nil && s.journal.Lines() > 2*s.limit {
		if err := s.journal.Rewrite(s.remembered()); err != nil { // e is safe; the next event tries again
			return e, nil
		}
	}
	return e, nil
}

// apply takes e into memory, and forgets the oldest event where there are too many.
func (s *Service) apply(e event) {
	l := s.lines[e.Phone]
	if l == nil {
		l = &line{phone: e.Phone}
		s.lines[e.Phone] = l
	}
	l.nip, l.made = e.NIP, e.Made
	l.events = append(l.events, e)
	s.sequence = e.Sequence
	s.order = append(s.order, l)
	for len(s.order) > s.limit {
		oldest := s.order[0]
		s.order[0] = nil
		s.order = s.order[1:]
		oldest.events = oldest.events[1:]
		if len(oldest.events) == 0 {
			delete(s.lines, oldest.phone)
		}
	}
}

// history is what is remembered of phone, oldest first; only of numOrder where that is given.
func (s *Service) history(phone, numOrder string) []event {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []event
	if l := s.lines[phone]; l != nil {
		for _, e := range l.events {
			if numOrder == "" || e.NumOrder == numOrder {
				found = append(found, e)
			}
		}
	}
	return found
}
