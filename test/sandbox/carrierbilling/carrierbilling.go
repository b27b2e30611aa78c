// Package carrierbilling plays the operator's carrier billing (direct carrier billing, DCB): it charges
// amounts, integers of minor units, to lines. Like many real ones it is not idempotent: it charges as often
// as it is told to, whatever the txId, and the ledger shows every charge. It keeps keys for those who ask
// for it, by a header Idempotency-Key on the call or by the setting below.
//
//	POST /carrierbilling/dcb/v1/cobros                        operation charge
//	     {"txId","msisdn","monto":990,"moneda":"CLP","descripcion","idSocio","idProducto","idPuntoPrecio",
//	      "contexto":"SUSCRIPCION|RENOVACION|DEMANDA"}
//	     201 {"txId","idOperacion","estado":"COBRADO","monto","moneda","fecha","devoluciones":[]}
//	     202 the same with "estado":"PENDIENTE"                    undecided: see setting pending
//	     402 the same with "estado":"RECHAZADO","motivo":"…"       SALDO_INSUFICIENTE, LINEA_BLOQUEADA, MSISDN_DESCONOCIDO,
//	                                                               LISTA_NEGRA, LIMITE_EXCEDIDO, RECHAZADO
//	     503 the same with "motivo":"NO_DISPONIBLE", without idOperacion  [nothing is filed]
//	     409 {"codigo":"TX_DISTINTA","mensaje"}   with a key: the txId is of a charge with other values [not done]
//	     400 {"codigo":"DCB-0400","mensaje"}      the body is not as above [not done]
//	GET  /carrierbilling/dcb/v1/cobros/{txId}                 operation query
//	     200 as above, with devoluciones [{"idDevolucion","idOperacion","monto","moneda","fecha"}]; of several charges of
//	         a txId the first that was made, else the first that is undecided, else the last that was declined
//	     404 {"codigo":"NO_EXISTE","mensaje"}
//	POST /carrierbilling/dcb/v1/cobros/{txId}/devoluciones    operation refund
//	     {"idDevolucion","monto"}
//	     201 {"txId","idDevolucion","idOperacion","monto","moneda","fecha"}; as often as it is told to, while there is
//	         something left to give back
//	     404 as above; 422 {"codigo":"NO_DEVOLVIBLE","mensaje"} not charged, or less is left [not done]
//
// An MSISDN of the form 569 U xxx CCCC is magic for the charge; the inquiry and the refund answer for it as
// for any other. U is 0 postpaid, 1 controlled, 2 prepaid: a postpaid line has no balance, and pays whatever
// it is charged; every other line has a balance of 100000 until it is set. CCCC:
//
//	0000   charged, like any that is not named here
//	1402   declined, SALDO_INSUFICIENTE
//	1403   declined, LINEA_BLOQUEADA
//	1404   declined, MSISDN_DESCONOCIDO
//	1405   declined, MSISDN_DESCONOCIDO: a line of another operator
//	1408   hangs [charged]
//	1409   hangs [not done]
//	1429   429, Retry-After 1 [not done]
//	1500   500 [not done]
//	1503   503, NO_DISPONIBLE [not done]
//	2402   SALDO_INSUFICIENTE for the first 2 times, then as the balance allows; see setting insufficient
//
// Controls:
//
//	GET  /_sandbox/carrierbilling/lines               the lines that were set or charged, with their balances
//	POST /_sandbox/carrierbilling/lines/{msisdn}      {"balance":990} sets it, of a postpaid line too, null: as postpaid; {"declines":"LISTA_NEGRA"}
//	                                                  declines each charge so, "" no longer; answers the line
//	GET  /_sandbox/carrierbilling/settings            {"idempotent":false,"pending":false,"insufficient":2,"perSecond":0}
//	POST /_sandbox/carrierbilling/settings            sets those that are given: keys are kept of all calls; charges are left
//	                                                  undecided; so often 2402 is declined; more charges in any second are
//	                                                  answered 429 [not done], 0: none are
//	POST /_sandbox/carrierbilling/charges/{operation} decides a charge, by idOperacion: {"state":"COBRADO"}, or "RECHAZADO" with
//	                                                  "reason"; answers it
package carrierbilling

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"puente/test/sandbox/register"
)

// Config is what the carrier billing is started with.
type Config struct {
	Journal string           // file that keeps the ledger over restarts; the lines are in .lines beside it; empty: memory only
	Now     func() time.Time // nil: time.Now
}

// Service is the carrier billing.
type Service struct {
	now func() time.Time

	mu       sync.Mutex // guards what follows, and that a charge is decided and filed in one
	charges  *register.Register[Charge]
	lines    *register.Register[setting]
	settings Settings
	known    map[string]*tally // by MSISDN
	order    []string          // of known
	refunds  int               // that were made, for their numbers
	taken    []time.Time       // when the last charges were, one for each of Settings.PerSecond
}

// Settings are what POST /_sandbox/carrierbilling/settings sets.
type Settings struct {
	Idempotent   bool `json:"idempotent"`   // keys are kept, whether the caller asks for it or not
	Pending      bool `json:"pending"`      // charges are left undecided
	Insufficient int  `json:"insufficient"` // so often a line 2402 is declined
	PerSecond    int  `json:"perSecond"`    // charges that are taken in any second; zero: as many as come
}

var initial = Settings{Insufficient: 2}

// New starts the carrier billing with what its journals remember.
func New(cfg Config) (*Service, error) {
	s := &Service{now: cfg.Now, settings: initial, known: map[string]*tally{}}
	if s.now == nil {
		s.now = time.Now
	}
	beside := ""
	if cfg.Journal != "" {
		beside = cfg.Journal + ".lines"
	}
	var err error
	if s.charges, err = register.New(cfg.Journal, func(c Charge) string { return c.TxID }); err != nil {
		return nil, fmt.Errorf("carrierbilling: %w", err)
	}
	if s.lines, err = register.New(beside, func(l setting) string { return l.MSISDN }); err != nil {
		s.charges.Close()
		return nil, fmt.Errorf("carrierbilling: %w", err)
	}
	for _, c := range s.charges.All() {
		s.count(Charge{}, c)
	}
	for _, l := range s.lines.All() {
		s.line(l.MSISDN).set(l)
	}
	return s, nil
}

// Name is carrierbilling.
func (s *Service) Name() string { return "carrierbilling" }

// Mount declares the operations charge, query and refund.
func (s *Service) Mount(operation func(name, pattern string, handler http.HandlerFunc)) {
	operation("charge", "POST /carrierbilling/dcb/v1/cobros", s.postCharge)
	operation("query", "GET /carrierbilling/dcb/v1/cobros/{txId}", s.getCharge)
	operation("refund", "POST /carrierbilling/dcb/v1/cobros/{txId}/devoluciones", s.postRefund)
}

// Charge is one that was filed, made or not.
type Charge struct {
	Operation     string     `json:"operation"`
	TxID          string     `json:"txId"`
	MSISDN        string     `json:"msisdn"`
	Amount        int64      `json:"amount"`
	Currency      string     `json:"currency"`
	Description   string     `json:"description"`
	PartnerID     int64      `json:"partnerId"`
	ProductID     int64      `json:"productId"`
	PricepointID  int64      `json:"pricepointId"`
	Context       string     `json:"context"`
	State         string     `json:"state"`
	Reason        string     `json:"reason,omitempty"` // of Declined
	CorrelationID string     `json:"correlationId"`
	FiledAt       time.Time  `json:"filedAt"`
	DecidedAt     *time.Time `json:"decidedAt,omitempty"`
	Refunds       []Refund   `json:"refunds"`
}

// Refund is one that was made.
type Refund struct {
	Operation     string    `json:"operation"`
	RefundID      string    `json:"refundId"`
	Amount        int64     `json:"amount"`
	CorrelationID string    `json:"correlationId"`
	MadeAt        time.Time `json:"madeAt"`
}

// The states of a charge.
const (
	Charged  = "COBRADO"
	Pending  = "PENDIENTE"
	Declined = "RECHAZADO"
)

// The reasons of Declined; the last is never filed.
const (
	Insufficient = "SALDO_INSUFICIENTE"
	Barred       = "LINEA_BLOQUEADA"
	Unknown      = "MSISDN_DESCONOCIDO"
	Blacklisted  = "LISTA_NEGRA"
	OverLimit    = "LIMITE_EXCEDIDO"
	Rejected     = "RECHAZADO"
	Unavailable  = "NO_DISPONIBLE"
)

// Net is what c took from its line in the end.
func (c Charge) Net() int64 {
	if c.State != Charged {
		return 0
	}
	return c.Amount - c.refunded()
}

func (c Charge) refunded() (sum int64) {
	for _, r := range c.Refunds {
		sum += r.Amount
	}
	return sum
}

// Ledger is every charge that was filed, with its refunds, as GET /_sandbox/ledger/carrierbilling shows it.
func (s *Service) Ledger() any { return map[string][]Charge{"charges": s.Charges()} }

// Charges are all that were filed, oldest first.
func (s *Service) Charges() []Charge { return s.charges.All() }

// Asked is how many charges were asked for.
func (s *Service) Asked() int { return s.charges.Len() }

// Reset forgets every charge, line and setting, in the journals too.
func (s *Service) Reset() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.charges.Reset(); err != nil {
		return err
	}
	if err := s.lines.Reset(); err != nil {
		return err
	}
	s.settings, s.known, s.order, s.refunds = initial, map[string]*tally{}, nil, 0
	return nil
}

// Close closes the journals.
func (s *Service) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.charges.Close()
	if other := s.lines.Close(); err == nil {
		err = other
	}
	return err
}
