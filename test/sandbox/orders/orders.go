// Package orders plays the operator's order management (OM), with the billing view of a line that goes
// with it. Like the real one it is not idempotent: it files an order as often as it is told to, whatever
// the reference, and the ledger shows all of them, each with the suspension that its line had then.
//
//	POST /orders/om/v1/reconexiones                        operation create
//	     {"referencia","conexion","tipo":"PAGO|VOLUNTARIA_LTE|VOLUNTARIA","tipoDocumento"?,"numeroDocumento"?}
//	     201 {"numeroOrden","cun","referencia","estado":"ABIERTA","fecha"}
//	     422 {"codigo":"OM-1042","mensaje":"…"}   the line is unknown, or refuses orders (see package inventory) [not done]
//	     400 {"codigo":"OM-0400","mensaje":"…"}   the body is not as above; VOLUNTARIA needs the document
//	GET  /orders/om/v1/reconexiones?referencia=…           operation find: the oldest order of the reference, or 404
//	GET  /orders/om/v1/ordenes/{numero}                    operation order, or 404
//	     200 {"numeroOrden","cun","referencia","estado":"ABIERTA|COMPLETADA|CANCELADA","fecha","fechaCierre"?}
//	GET  /orders/om/v1/lineas/{conexion}/facturacion       operation billing, or 404
//	     200 {"alDia":false,"saldo":"85900.00","moneda":"COP"}   the balance of the line in package inventory
//
// The first order after a reset is ORD987654321 with CUN123456789, as in the document's sample; the
// others count on. An order stays open, and its line suspended, until somebody says otherwise:
//
//	POST /_sandbox/orders/{number} {"state":"COMPLETADA"}    or CANCELADA, or ABIERTA; answers the order
//	POST /_sandbox/inventory/lines                           makes the line active: see package inventory
package orders

import (
	"fmt"
	"net/http"
	"time"

	"puente/test/sandbox/inventory"
	"puente/test/sandbox/register"
)

// Config is what the order management is started with.
type Config struct {
	Lines   *inventory.Service
	Journal string           // file that keeps the ledger over restarts; empty: memory only
	Now     func() time.Time // nil: time.Now
}

// Service is the order management.
type Service struct {
	lines    *inventory.Service
	now      func() time.Time
	register *register.Register[Order]
}

// New starts the order management with what its journal remembers.
func New(cfg Config) (*Service, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	r, err := register.New(cfg.Journal, func(o Order) string { return o.Number })
	if err != nil {
		return nil, fmt.Errorf("orders: %w", err)
	}
	return &Service{lines: cfg.Lines, now: cfg.Now, register: r}, nil
}

// Name is orders.
func (s *Service) Name() string { return "orders" }

// Mount declares the operations create, find, order and billing.
func (s *Service) Mount(operation func(name, pattern string, handler http.HandlerFunc)) {
	operation("create", "POST /orders/om/v1/reconexiones", s.create)
	operation("find", "GET /orders/om/v1/reconexiones", s.find)
	operation("order", "GET /orders/om/v1/ordenes/{numero}", s.order)
	operation("billing", "GET /orders/om/v1/lineas/{conexion}/facturacion", s.billing)
}

// Controls mounts the control of an order's state below /_sandbox.
func (s *Service) Controls(control func(pattern string, handler http.HandlerFunc)) {
	control("POST /_sandbox/orders/{number}", s.postState)
}

// Order is an order that was filed.
type Order struct {
	Number         string     `json:"number"`
	CUN            string     `json:"cun"`
	Reference      string     `json:"reference"`
	Connection     string     `json:"connection"`
	Suspension     string     `json:"suspension"` // id of the line's when the order was filed; empty: none
	Type           string     `json:"type"`
	DocumentType   string     `json:"documentType,omitempty"`
	DocumentNumber string     `json:"documentNumber,omitempty"`
	CorrelationID  string     `json:"correlationId"`
	State          string     `json:"state"`
	FiledAt        time.Time  `json:"filedAt"`
	ClosedAt       *time.Time `json:"closedAt,omitempty"`
}

// The states of an order.
const (
	Open      = "ABIERTA"
	Completed = "COMPLETADA"
	Cancelled = "CANCELADA"
)

// Ledger is every order, as GET /_sandbox/ledger/orders shows it.
func (s *Service) Ledger() any { return map[string][]Order{"orders": s.Orders()} }

// Orders are all that were filed, oldest first.
func (s *Service) Orders() []Order { return s.register.All() }

// SetState closes an order or opens it again, and reports whether there is one.
func (s *Service) SetState(number, state string) (Order, bool, error) {
	return s.register.Change(number, register.Any, func(o Order) Order {
		o.State, o.ClosedAt = state, nil
		if state != Open {
			now := s.now().UTC()
			o.ClosedAt = &now
		}
		return o
	})
}

// Reset forgets every order, in the journal too.
func (s *Service) Reset() error { return s.register.Reset() }

// Close closes the journal.
func (s *Service) Close() error { return s.register.Close() }
