// Package subscriber plays the operator's line directory: what each mobile number is, and what became of
// numbers since.
//
//	GET /subscriber/abonados/v1/lineas/{msisdn}                    operation line
//	    200 {"MSISDN","OPERADOR","TIPO_USUARIO","SEGMENTO","ACCESO","ESTADO","BLOQUEO_CONTENIDOS","TITULARIDAD"}
//	    404 {"codigo":"NO_EXISTE","mensaje":"…"}
//	GET /subscriber/abonados/v1/eventos?desde=…&limite=…           operation events
//	    200 {"EVENTOS":[{"SECUENCIA","MSISDN","TIPO","FECHA","TITULARIDAD"}]}, those after desde, oldest first
//	    400 {"codigo":"PARAMETRO"}; 410 {"codigo":"CURSOR_VENCIDO"} where some after desde were dropped
//
// Any number 569 U xxx CCCC is a line: its U says how it pays and its CCCC, if it is one of these, what else
// there is to it. Where nothing else is said a line is an active mobile one of ENTEL, of a person and of
// owner T-1, that may have content.
//
//	U     0, 1, 2      POSPAGO, CUENTA_CONTROLADA, PREPAGO; with another U no line is known
//	CCCC  1403         content is barred
//	      1404         unknown
//	      1405         MOVISTAR's: of its user type, segment, access, barring and owner nothing is known
//	      all others   ordinary, those too that mean something to the sandbox's billing
//	56912345678        PREPAGO, whatever its U: the document's sample
//
// Late, silent and broken answers are set by faults. Lines are set and changed, and events made, by
//
//	GET  /_sandbox/subscriber/lines     those that were set, and the sample
//	POST /_sandbox/subscriber/lines     one, or a list of any length; answers them as they are now
//	     {"msisdn":"56920000001","operator":"ENTEL","userType":"PREPAGO","segment":"PERSONA","access":"MOVIL",
//	      "state":"ACTIVA","contentBarred":false,"owner":"T-1","unknown":false}
//	GET  /_sandbox/subscriber/events    all that are kept, oldest first
//	POST /_sandbox/subscriber/events    one, or a list; answers them
//	     {"msisdn":"56920000001","type":"CAMBIO_TITULAR"}
//
// Of a line only msisdn is required. What is left out stays as it is; of a number that is no line it is
// that of an ordinary prepaid one. Values are the vendor's and not checked. To set a line makes no event,
// but an event changes its line: BAJA its state, PORTABILIDAD state and operator (MOVISTAR), CAMBIO_TITULAR
// its owner, BLOQUEO_CONTENIDOS bars content; any other type changes nothing. The latest 10,000 events are
// kept. Their numbers go by the time and only grow, so that a cursor is good beyond a reset or restart.
package subscriber

import (
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// Service is the directory.
type Service struct {
	now func() time.Time

	mu      sync.Mutex
	lines   map[string]Line // by MSISDN: those that are not as their number says
	order   []string        // MSISDNs, in the order in which they came
	events  []Event
	last    int64 // the number of the latest event that ever was
	dropped int64 // that of the latest that is no longer kept
	owners  int   // how many owners events made
}

// New makes a directory with the lines of the package comment. now may be nil: time.Now.
func New(now func() time.Time) *Service {
	if now == nil {
		now = time.Now
	}
	s := &Service{now: now}
	s.forget()
	return s
}

// Name is subscriber.
func (s *Service) Name() string { return "subscriber" }

// Mount declares the operations line and events.
func (s *Service) Mount(operation func(name, pattern string, handler http.HandlerFunc)) {
	operation("line", "GET /subscriber/abonados/v1/lineas/{msisdn}", s.getLine)
	operation("events", "GET /subscriber/abonados/v1/eventos", s.getEvents)
}

// Ledger is the lines that were set and the events that were made; the directory itself does nothing.
func (s *Service) Ledger() any {
	return struct {
		Lines  []Line  `json:"lines"`
		Events []Event `json:"events"`
	}{s.Lines(), s.Events()}
}

// Reset brings the lines of the package comment back, and no events.
func (s *Service) Reset() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget()
	return nil
}

func (s *Service) forget() {
	s.lines, s.order, s.events, s.owners, s.dropped = map[string]Line{}, nil, nil, 0, 0
	s.keep(ordinary(sample, "PREPAGO"))
}

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) // the caller may have left: nothing to do about it
}
