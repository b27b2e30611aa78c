// Package pqr plays the operator's register of petitions, complaints and claims (peticiones, quejas y
// recursos). Like the order management it is not idempotent: it files a case as often as it is told to,
// whatever the reference, and the ledger shows all of them.
//
//	POST /pqr/pqr/v1/casos                    operation create
//	     {"referencia","conexion","tipoDocumento","numeroDocumento","motivo":"ORDEN_NO_POSIBLE|DEUDA_PENDIENTE","detalle"?}
//	     201 {"numero","cun"?,"referencia","motivo","estado":"ABIERTO","fecha"}
//	     500 {"codigo":"PQR-0500","mensaje":"…"}   for a line that fails it (see package inventory) [not done]
//	     400 {"codigo":"PQR-0400","mensaje":"…"}   the body is not as above
//	GET  /pqr/pqr/v1/casos?referencia=…       operation find: the oldest case of the reference, or 404
//	GET  /pqr/pqr/v1/casos/{numero}           operation case, or 404
//	     200 {"numero","cun"?,"referencia","motivo","estado":"ABIERTO|EN_GESTION|RESUELTO|CERRADO","fecha","fechaSolucion"?}
//
// The first case after a reset is PQR-000001. One of ORDEN_NO_POSIBLE gets a CUN, from CUN900000001 on;
// one of DEUDA_PENDIENTE gets none. A case stays open until somebody says otherwise:
//
//	POST /_sandbox/pqr/{number} {"state":"RESUELTO"}    or another; answers the case
package pqr

import (
	"fmt"
	"net/http"
	"time"

	"puente/test/sandbox/inventory"
	"puente/test/sandbox/register"
)

// Config is what the register is started with.
type Config struct {
	Lines   *inventory.Service
	Journal string           // file that keeps the ledger over restarts; empty: memory only
	Now     func() time.Time // nil: time.Now
}

// Service is the register.
type Service struct {
	lines    *inventory.Service
	now      func() time.Time
	register *register.Register[Case]
}

// New starts the register with what its journal remembers.
func New(cfg Config) (*Service, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	r, err := register.New(cfg.Journal, func(c Case) string { return c.Number })
	if err != nil {
		return nil, fmt.Errorf("pqr: %w", err)
	}
	return &Service{lines: cfg.Lines, now: cfg.Now, register: r}, nil
}

// Name is pqr.
func (s *Service) Name() string { return "pqr" }

// Mount declares the operations create, find and case.
func (s *Service) Mount(operation func(name, pattern string, handler http.HandlerFunc)) {
	operation("create", "POST /pqr/pqr/v1/casos", s.create)
	operation("find", "GET /pqr/pqr/v1/casos", s.find)
	operation("case", "GET /pqr/pqr/v1/casos/{numero}", s.byNumber)
}

// Controls mounts the control of a case's state below /_sandbox.
func (s *Service) Controls(control func(pattern string, handler http.HandlerFunc)) {
	control("POST /_sandbox/pqr/{number}", s.postState)
}

// Case is a case that was filed.
type Case struct {
	Number         string     `json:"number"`
	CUN            string     `json:"cun,omitempty"`
	Reference      string     `json:"reference"`
	Connection     string     `json:"connection"`
	Suspension     string     `json:"suspension"` // id of the line's when the case was filed; empty: none
	DocumentType   string     `json:"documentType"`
	DocumentNumber string     `json:"documentNumber"`
	Reason         string     `json:"reason"`
	Detail         string     `json:"detail,omitempty"`
	CorrelationID  string     `json:"correlationId"`
	State          string     `json:"state"`
	FiledAt        time.Time  `json:"filedAt"`
	ResolvedAt     *time.Time `json:"resolvedAt,omitempty"`
}

// The reasons and states of a case.
const (
	OrderNotPossible = "ORDEN_NO_POSIBLE"
	DebtNotSettled   = "DEUDA_PENDIENTE"

	Open       = "ABIERTO"
	InProgress = "EN_GESTION"
	Resolved   = "RESUELTO"
	Closed     = "CERRADO"
)

// Ledger is every case, as GET /_sandbox/ledger/pqr shows it.
func (s *Service) Ledger() any { return map[string][]Case{"pqrs": s.Cases()} }

// Cases are all that were filed, oldest first.
func (s *Service) Cases() []Case { return s.register.All() }

// SetState moves a case on, and reports whether there is one.
func (s *Service) SetState(number, state string) (Case, bool, error) {
	return s.register.Change(number, register.Any, func(c Case) Case {
		c.State, c.ResolvedAt = state, nil
		if state == Resolved || state == Closed {
			now := s.now().UTC()
			c.ResolvedAt = &now
		}
		return c
	})
}

// Reset forgets every case, in the journal too.
func (s *Service) Reset() error { return s.register.Reset() }

// Close closes the journal.
func (s *Service) Close() error { return s.register.Close() }
