// Package inventory plays the operator's service inventory (MSS): what each connection is, and whose, and
// what television an account has. It holds the lines that the other systems of the sandbox know of, too.
//
//	GET /inventory/mss/v1/connections/{connection}            operation service
//	    200 {"CONEXION","CUENTA","TECNOLOGIA","ESTADO","SUSPENSION":{"ID","MOTIVO","FECHA"}|null}
//	GET /inventory/mss/v1/connections/{connection}/titular    operation holder
//	    200 {"TIPO_DOCUMENTO","NUMERO_DOCUMENTO"}
//	GET /inventory/mss/v1/cuentas/{cuenta}/television         operation television_subscriber
//	    200 {"CUENTA","ESTADO_SUSCRIPTOR"}
//	GET /inventory/mss/v1/cuentas/{cuenta}/canales            operation television_channels
//	    200 {"CUENTA","CANALES":[{"CODIGO"}]}
//	GET /inventory/mss/v1/cuentas/{cuenta}/servicios          operation television_services
//	    200 {"CUENTA","SERVICIOS":[{"CODIGO"}]}
//	GET /inventory/mss/v1/cuentas/{cuenta}/equipos            operation television_devices
//	    200 {"CUENTA","EQUIPOS":[{"MAC"}]}
//	    404 {"codigo":"NO_EXISTE","mensaje":"…"}, of all
//
// These lines there are after each reset. Where nothing else is said the holder is CC 1026578508, the
// technology LTE, the account CS- and the digits of the connection, and nothing is owed:
//
//	SR-50452171   suspended PERDIDA (loss): the document's sample
//	3057000428    unknown: the document's sample of ERROR_06
//	3057000407    active
//	3057000409    suspended FRAUDE (fraud)
//	3057000410    withdrawn
//	3057000411    suspended MORA (non-payment), settled
//	3057000412    suspended MORA, owes 85900.00 COP
//	3057000413    suspended ROBO (theft); its orders are refused with 422
//	3057000414    the same, and the PQR register answers 500 for it
//	3057000415    suspended VOLUNTARIA, without account
//	6012450001    FTTH of CS-905967, with television: the document's sample
//	6012450002    FTTH, suspended VOLUNTARIA
//	6012450003    HFC, suspended MORA, settled; its holder is NIT 900.123.456-7
//	6012450004    COBRE, suspended VOLUNTARIA; its holder is CC 0012345678
//	6012450005    HFC of CS-905968, with television
//	6012450006    IPTV of CS-905969, with television
//	6012450007    FTTH, without account
//	6012450008    FTTH of CS-905970, with television but no channel, service or set-top box
//
// What the platforms hold of these accounts is said in package tvplatforms.
//
// Late, silent and broken answers are set by faults. Lines are set and changed by
//
//	GET  /_sandbox/inventory/lines    all of them
//	POST /_sandbox/inventory/lines    one, or a list of any length; answers them as they are now
//	     {"connection":"3157000001","account":"CS-1","technology":"LTE","state":"SUSPENDIDO",
//	      "suspension":{"id":"SUS-1","reason":"MORA","since":"2025-07-30T10:00:00Z"},
//	      "holder":{"documentType":"CC","documentNumber":"1026578508"},
//	      "balance":"85900.00","refusesOrders":false,"failsPQR":false,
//	      "television":{"state":"1","channels":["CAN-HBO"],"services":["SRV-TIMESHIFT"],"devices":["00:1A:2B:3C:4D:5E"]}}
//
// Only connection is required. What is left out stays as it is; of a new line it is as said above. Values
// are the vendor's and not checked. A suspension without id or since gets new ones, and one without
// state suspends the line; null lifts it. A state other than SUSPENDIDO lifts it as well. Of television,
// too, what is left out stays; null takes it away. Of an account's lines the one set last has it.
package inventory

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Service is the inventory.
type Service struct {
	now func() time.Time

	mu       sync.Mutex
	lines    map[string]Line   // by connection
	accounts map[string]string // connections, by the account that they have television for
	order    []string          // connections, in the order in which they came
	number   int               // of the latest suspension that was given an id
}

// New makes an inventory with the lines of the package comment. now may be nil: time.Now.
func New(now func() time.Time) *Service {
	if now == nil {
		now = time.Now
	}
	s := &Service{now: now}
	s.forget()
	return s
}

// Name is inventory.
func (s *Service) Name() string { return "inventory" }

// Mount declares the operations service and holder, and those of television.
func (s *Service) Mount(operation func(name, pattern string, handler http.HandlerFunc)) {
	const path = "GET /inventory/mss/v1/connections/{connection}"
	operation("service", path, s.service)
	operation("holder", path+"/titular", s.holder)
	s.mountTelevision(operation)
}

// Ledger is all lines as they are; the inventory itself does nothing.
func (s *Service) Ledger() any { return map[string][]Line{"lines": s.Lines()} }

// Lines are all lines as they are, in the order in which they came.
func (s *Service) Lines() []Line {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Line, len(s.order))
	for i, connection := range s.order {
		all[i] = s.lines[connection]
	}
	return all
}

// Line is the line of a connection.
func (s *Service) Line(connection string) (Line, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, ok := s.lines[connection]
	return l, ok
}

// Set sets or changes lines, all or none, as the control does, and returns them as they are now.
func (s *Service) Set(changes ...Change) ([]Line, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range changes {
		if err := c.validate(); err != nil {
			return nil, err
		}
	}
	set := make([]Line, len(changes))
	for i, c := range changes {
		l, ok := s.lines[c.Connection]
		if !ok {
			l = newLine(c.Connection)
			s.order = append(s.order, c.Connection)
		}
		set[i] = s.changed(l, c)
		s.lines[c.Connection] = set[i]
		s.index(set[i])
	}
	return set, nil
}

// Reset brings the lines of the package comment back, and no others.
func (s *Service) Reset() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget()
	return nil
}

func (s *Service) forget() {
	s.lines, s.accounts, s.order, s.number = map[string]Line{}, map[string]string{}, nil, 0
	for _, l := range append(defaults(), televised()...) {
		s.lines[l.Connection] = l
		s.index(l)
		s.order = append(s.order, l.Connection)
	}
	slices.Sort(s.order)
}

func (s *Service) service(w http.ResponseWriter, r *http.Request) {
	l, ok := s.Line(r.PathValue("connection"))
	if !ok {
		write(w, http.StatusNotFound, unknown)
		return
	}
	type suspension struct {
		ID     string    `json:"ID"`
		Reason string    `json:"MOTIVO"`
		Since  time.Time `json:"FECHA"`
	}
	write(w, http.StatusOK, struct {
		Connection string      `json:"CONEXION"`
		Account    string      `json:"CUENTA"`
		Technology string      `json:"TECNOLOGIA"`
		State      string      `json:"ESTADO"`
		Suspension *suspension `json:"SUSPENSION"`
	}{l.Connection, l.Account, l.Technology, l.State, (*suspension)(l.Suspension)})
}

func (s *Service) holder(w http.ResponseWriter, r *http.Request) {
	l, ok := s.Line(r.PathValue("connection"))
	if !ok {
		write(w, http.StatusNotFound, unknown)
		return
	}
	write(w, http.StatusOK, struct {
		DocumentType   string `json:"TIPO_DOCUMENTO"`
		DocumentNumber string `json:"NUMERO_DOCUMENTO"`
	}(l.Holder))
}

var unknown = map[string]string{"codigo": "NO_EXISTE", "mensaje": "La conexión no existe"}

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) // the caller may have left: nothing to do about it
}

// digits are those of a connection, for its account.
func digits(connection string) string {
	return strings.Map(func(c rune) rune {
		if c < '0' || c > '9' {
			return -1
		}
		return c
	}, connection)
}
