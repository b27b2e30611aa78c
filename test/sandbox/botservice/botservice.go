// Package botservice plays BotService, the operator's service behind the portabilities API: it makes
// NIPs (each one an SMS to the line), sends them again, and files port-ins. Like the real one it is
// not idempotent: who asks twice gets two SMS and two port-ins, and the ledger shows both.
//
//	POST /botservice/api/saleorder/v1/portability   operation portability
//	     {"date","nip","numOrder","operator","operatorCode","planType","phone","resend","extendedMonth","order":{"flow"}}
//	     nip empty, resend false   makes a new NIP                   state NIP_REQUESTED
//	     nip empty, resend true    sends the current NIP again       state NIP_RESENT
//	     nip given                 files a port-in if it is current  state PORT_IN_FILED
//	     200 {"success":true,"state":"NIP_REQUESTED","requestId":"PR-000001","phone":"…","numOrder":"…"}
//	     400 [{"message":"…","errorCode":"INVALID_FIELD"}] and other codes, in Salesforce's manner
//
//	GET  /botservice/api/saleorder/v1/portability?phone=…[&numOrder=…]   operation inquiry
//	     200 {"phone","numOrder","state","requestId","nipRequests":[…],"portIns":[…]}
//	     404 [{"message":"…","errorCode":"NOT_FOUND"}]
//
// The caller's X-Correlation-ID stands beside everything that was done. These phones are magic for
// POST; the inquiry answers for them as for any other, so that outcomes can be resolved:
//
//	3000000019   the documents' sample: succeeds like any phone; its first NIP is 76819
//	3000000409   400 INVALID_FIELD, No such column 'Segmento' on entity 'Account'
//	3000000500   500 [not done]
//	3000000502   200 with an HTML page [not done]
//	3000000503   503 [not done]
//	3000000504   hangs [not done]
//	3000000505   answers after 2 s [done]
//	3000000506   drips its answer, one byte per second [done]
//	3000000507   half an answer, then a TCP reset [done]
//	3000000508   hangs [done]
//	3000000509   gzip bomb, 419 MB [not done]
package botservice

import (
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"sync"
	"time"

	"puente/test/sandbox/journal"
)

// Config is what BotService is started with.
type Config struct {
	Journal string           // file that keeps the ledger over restarts, one JSON line per event; empty: memory only
	Now     func() time.Time // nil: time.Now
	Events  int              // how many events to remember; 0: 100,000
}

// Service is BotService.
type Service struct {
	now   func() time.Time
	limit int

	mu       sync.Mutex
	lines    map[string]*line // by phone
	order    []*line          // the line of each event, oldest first: which one forgets next
	sequence int
	journal  *journal.Journal[event] // nil: memory only
}

// New starts BotService with what its journal remembers.
func New(cfg Config) (*Service, error) {
	s := &Service{now: cfg.Now, limit: cfg.Events, lines: map[string]*line{}}
	if s.now == nil {
		s.now = time.Now
	}
	if s.limit <= 0 {
		s.limit = 100_000
	}
	if cfg.Journal != "" {
		j, err := journal.Open(cfg.Journal, s.apply)
		if err != nil {
			return nil, fmt.Errorf("botservice: %w", err)
		}
		s.journal = j
	}
	return s, nil
}

// Name is botservice.
func (s *Service) Name() string { return "botservice" }

// Mount declares the operations portability and inquiry.
func (s *Service) Mount(operation func(name, pattern string, handler http.HandlerFunc)) {
	const path = "/botservice/api/saleorder/v1/portability"
	operation("portability", "POST "+path, s.portability)
	operation("inquiry", "GET "+path, s.inquiry)
}

// Ledger is everything that BotService did, as GET /_sandbox/ledger/botservice shows it.
type Ledger struct {
	NIPs    []NIP    `json:"nips"`
	PortIns []PortIn `json:"portIns"`
}

// NIP is an SMS with a NIP.
type NIP struct {
	RequestID     string    `json:"requestId"`
	Phone         string    `json:"phone"`
	NumOrder      string    `json:"numOrder"`
	NIP           string    `json:"nip"`
	Resend        bool      `json:"resend"`
	CorrelationID string    `json:"correlationId"`
	RequestedAt   time.Time `json:"requestedAt"`
}

// PortIn is a port-in that was filed.
type PortIn struct {
	RequestID     string    `json:"requestId"`
	Phone         string    `json:"phone"`
	NumOrder      string    `json:"numOrder"`
	NIP           string    `json:"nip"`
	CorrelationID string    `json:"correlationId"`
	FiledAt       time.Time `json:"filedAt"`
	State         State     `json:"state"`
}

// Ledger is a value of type Ledger.
func (s *Service) Ledger() any { return s.Effects() }

// Effects is everything that BotService did and still remembers, oldest first.
func (s *Service) Effects() Ledger {
	ledger := Ledger{NIPs: []NIP{}, PortIns: []PortIn{}}
	for _, e := range s.events() {
		if e.State == PortInFiled {
			ledger.PortIns = append(ledger.PortIns, e.portIn())
		} else {
			ledger.NIPs = append(ledger.NIPs, e.nip())
		}
	}
	return ledger
}

// events are all that are remembered, oldest first.
func (s *Service) events() []event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.remembered()
}

func (s *Service) remembered() []event {
	all := make([]event, 0, len(s.order))
	for _, l := range s.lines {
		all = append(all, l.events...)
	}
	slices.SortFunc(all, func(a, b event) int { return a.Sequence - b.Sequence })
	return all
}

// Reset forgets everything, in the journal too.
func (s *Service) Reset() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.journal != nil {
		if err := s.journal.Rewrite(nil); err != nil {
			return err
		}
	}
	s.lines, s.order, s.sequence = map[string]*line{}, nil, 0
	return nil
}

// Close closes the journal.
func (s *Service) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.journal == nil {
		return nil
	}
	return s.journal.Close()
}

// NIPFor is the NIP number n, from 1, that BotService makes for phone: five digits, never the same
// twice in a row.
func NIPFor(phone string, n int) string {
	h := fnv.New32a()
	h.Write([]byte(phone))
	const step = 7_919 // a prime that does not divide 90,000
	return fmt.Sprintf("%05d", 10_000+(uint64(h.Sum32())+uint64(n)*step)%90_000)
}
