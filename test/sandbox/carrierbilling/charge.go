package carrierbilling

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"time"

	"puente/test/sandbox/fault"
)

// request is the body of charge.
type request struct {
	TxID         string `json:"txId"`
	MSISDN       string `json:"msisdn"`
	Amount       int64  `json:"monto"`
	Currency     string `json:"moneda"`
	Description  string `json:"descripcion"`
	PartnerID    int64  `json:"idSocio"`
	ProductID    int64  `json:"idProducto"`
	PricepointID int64  `json:"idPuntoPrecio"`
	Context      string `json:"contexto"`
}

// shown is a charge as the carrier billing answers it.
type shown struct {
	TxID      string   `json:"txId"`
	Operation string   `json:"idOperacion,omitempty"`
	State     string   `json:"estado"`
	Reason    string   `json:"motivo,omitempty"`
	Amount    int64    `json:"monto"`
	Currency  string   `json:"moneda"`
	Date      string   `json:"fecha"`
	Refunds   []refund `json:"devoluciones"`
}

// refund is one as the carrier billing answers it; TxID is left out within its charge.
type refund struct {
	TxID      string `json:"txId,omitempty"`
	RefundID  string `json:"idDevolucion"`
	Operation string `json:"idOperacion"`
	Amount    int64  `json:"monto"`
	Currency  string `json:"moneda"`
	Date      string `json:"fecha"`
}

func show(c Charge) shown {
	at := c.FiledAt
	if c.DecidedAt != nil {
		at = *c.DecidedAt
	}
	out := shown{c.TxID, c.Operation, c.State, c.Reason, c.Amount, c.Currency, date(at), []refund{}}
	for _, r := range c.Refunds {
		out.Refunds = append(out.Refunds, refund{"", r.RefundID, r.Operation, r.Amount, c.Currency, date(r.MadeAt)})
	}
	return out
}

func date(t time.Time) string { return t.Format(time.RFC3339) }

var (
	international = regexp.MustCompile(`^[0-9]{8,15}$`)
	currency      = regexp.MustCompile(`^[A-Z]{3}$`)
	contexts      = map[string]bool{"SUSCRIPCION": true, "RENOVACION": true, "DEMANDA": true}
	reasons       = map[string]bool{Insufficient: true, Barred: true, Unknown: true, Blacklisted: true, OverLimit: true, Rejected: true, Unavailable: true}
	statuses      = map[string]int{Charged: http.StatusCreated, Pending: http.StatusAccepted, Declined: http.StatusPaymentRequired}
)

// hangs is what becomes of the connection of a charge to certain lines, by CCCC.
var hangs = map[string]fault.Fault{"1408": {Kind: fault.HangAfterCommit}, "1409": {Kind: fault.Hang}}

func (s *Service) postCharge(w http.ResponseWriter, r *http.Request) {
	var in request
	if !read(r, &in) || in.TxID == "" || in.Description == "" || in.Amount < 1 || in.PartnerID < 1 || in.ProductID < 1 || in.PricepointID < 1 ||
		!international.MatchString(in.MSISDN) || !currency.MatchString(in.Currency) || !contexts[in.Context] {
		refuse(w, http.StatusBadRequest, "DCB-0400", "El cuerpo no es un cobro")
		return
	}
	if !s.take() {
		w.Header().Set("Retry-After", "1")
		refuse(w, http.StatusTooManyRequests, "DCB-0429", "Demasiadas solicitudes")
		return
	}
	switch code(in.MSISDN) {
	case "1429":
		w.Header().Set("Retry-After", "1")
		refuse(w, http.StatusTooManyRequests, "DCB-0429", "Demasiadas solicitudes")
		return
	case "1500":
		refuse(w, http.StatusInternalServerError, "DCB-0500", "Error interno")
		return
	case "1503":
		write(w, http.StatusServiceUnavailable, shown{in.TxID, "", Declined, Unavailable, in.Amount, in.Currency, date(s.now().UTC()), []refund{}})
		return
	}
	work := func(w http.ResponseWriter, r *http.Request) { s.charge(w, r, in) }
	if f, ok := hangs[code(in.MSISDN)]; ok {
		f.Serve(w, r, http.HandlerFunc(work))
		return
	}
	work(w, r)
}

func (s *Service) charge(w http.ResponseWriter, r *http.Request, in request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.settings.Idempotent || r.Header.Get("Idempotency-Key") != "" {
		if made := s.charges.Under(in.TxID); len(made) > 0 {
			first := made[0]
			if first.request() != in {
				refuse(w, http.StatusConflict, "TX_DISTINTA", "La transacción existe con otros valores")
				return
			}
			write(w, statuses[first.State], show(first))
			return
		}
	}
	t := s.line(in.MSISDN)
	state, reason := s.decide(t, in.Amount)
	filed, err := s.charges.File(func(sequence int) Charge {
		c := Charge{
			Operation: fmt.Sprintf("DCB%09d", sequence), TxID: in.TxID, MSISDN: in.MSISDN, Amount: in.Amount, Currency: in.Currency,
			Description: in.Description, PartnerID: in.PartnerID, ProductID: in.ProductID, PricepointID: in.PricepointID, Context: in.Context,
			State: state, Reason: reason, CorrelationID: r.Header.Get("X-Correlation-ID"), FiledAt: s.now().UTC(), Refunds: []Refund{},
		}
		if state != Pending {
			c.DecidedAt = &c.FiledAt
		}
		return c
	})
	if err != nil {
		refuse(w, http.StatusInternalServerError, "DCB-0500", err.Error())
		return
	}
	s.count(Charge{}, filed)
	write(w, statuses[state], show(filed))
}

// request is what c was told by.
func (c Charge) request() request {
	return request{c.TxID, c.MSISDN, c.Amount, c.Currency, c.Description, c.PartnerID, c.ProductID, c.PricepointID, c.Context}
}

// find is the charge that the operator shows for a txId: of several the first that was made, else the first
// that is undecided, else the last that was declined.
func (s *Service) find(txID string) (found Charge, ok bool) {
	made := s.charges.Under(txID)
	for _, state := range []string{Charged, Pending} {
		if i := slices.IndexFunc(made, func(c Charge) bool { return c.State == state }); i >= 0 {
			return made[i], true
		}
	}
	if len(made) == 0 {
		return Charge{}, false
	}
	return made[len(made)-1], true
}

func (s *Service) getCharge(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.find(r.PathValue("txId"))
	if !ok {
		absent(w)
		return
	}
	write(w, http.StatusOK, show(c))
}

func (s *Service) postRefund(w http.ResponseWriter, r *http.Request) {
	var in struct {
		RefundID string `json:"idDevolucion"`
		Amount   int64  `json:"monto"`
	}
	if !read(r, &in) || in.RefundID == "" || in.Amount < 1 {
		refuse(w, http.StatusBadRequest, "DCB-0400", "El cuerpo no es una devolución")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.find(r.PathValue("txId"))
	if !ok {
		absent(w)
		return
	}
	if s.settings.Idempotent || r.Header.Get("Idempotency-Key") != "" {
		for _, made := range c.Refunds {
			if made.RefundID == in.RefundID && made.Amount == in.Amount {
				write(w, http.StatusCreated, refund{c.TxID, made.RefundID, made.Operation, made.Amount, c.Currency, date(made.MadeAt)})
				return
			}
		}
	}
	if c.Net() < in.Amount { // none is left of what was not charged
		refuse(w, http.StatusUnprocessableEntity, "NO_DEVOLVIBLE", "El cobro no admite esa devolución")
		return
	}
	made := Refund{fmt.Sprintf("DEV%09d", s.refunds+1), in.RefundID, in.Amount, r.Header.Get("X-Correlation-ID"), s.now().UTC()}
	if _, err := s.change(c, func(c Charge) Charge {
		c.Refunds = append(append([]Refund{}, c.Refunds...), made)
		return c
	}); err != nil {
		refuse(w, http.StatusInternalServerError, "DCB-0500", err.Error())
		return
	}
	write(w, http.StatusCreated, refund{c.TxID, made.RefundID, made.Operation, made.Amount, c.Currency, date(made.MadeAt)})
}

// change replaces a charge and counts it; the lock is held.
func (s *Service) change(c Charge, change func(Charge) Charge) (Charge, error) {
	now, _, err := s.charges.Change(c.TxID, func(other Charge) bool { return other.Operation == c.Operation }, change)
	if err == nil {
		s.count(c, now)
	}
	return now, err
}

// Decide makes a charge, by its operation, one that was made or declined with a reason, and reports whether
// there is one.
func (s *Service) Decide(operation, state, reason string) (Charge, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.charges.Find(func(c Charge) bool { return c.Operation == operation })
	if !ok {
		return Charge{}, false, nil
	}
	now := s.now().UTC()
	c, err := s.change(c, func(c Charge) Charge {
		c.State, c.Reason, c.DecidedAt = state, reason, &now
		return c
	})
	return c, true, err
}

func read(r *http.Request, in any) bool {
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	return decoder.Decode(in) == nil && decoder.Decode(new(any)) == io.EOF
}

func absent(w http.ResponseWriter) {
	refuse(w, http.StatusNotFound, "NO_EXISTE", "La transacción no existe")
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	write(w, status, map[string]string{"codigo": code, "mensaje": message})
}

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) // the caller may have left: nothing to do about it
}

// take reports whether one more charge may come in this second, by the machine's clock.
func (s *Service) take() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	most, now := s.settings.PerSecond, time.Now()
	if most <= 0 {
		return true
	}
	if len(s.taken) >= most && now.Sub(s.taken[len(s.taken)-most]) < time.Second {
		return false
	}
	s.taken = append(s.taken[max(0, len(s.taken)-most):], now)
	return true
}
