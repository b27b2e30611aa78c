package orders

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"puente/shared/problem"
)

// request is the body of create.
type request struct {
	Reference      string `json:"referencia"`
	Connection     string `json:"conexion"`
	Type           string `json:"tipo"`
	DocumentType   string `json:"tipoDocumento"`
	DocumentNumber string `json:"numeroDocumento"`
}

// shown is an order as the order management answers it.
type shown struct {
	Number    string     `json:"numeroOrden"`
	CUN       string     `json:"cun"`
	Reference string     `json:"referencia"`
	State     string     `json:"estado"`
	Date      time.Time  `json:"fecha"`
	Closed    *time.Time `json:"fechaCierre,omitempty"`
}

func show(o Order) shown {
	return shown{o.Number, o.CUN, o.Reference, o.State, o.FiledAt, o.ClosedAt}
}

// The numbers before the first order's.
const (
	beforeNumber = 987654320
	beforeCUN    = 123456788
)

func (s *Service) create(w http.ResponseWriter, r *http.Request) {
	var in request
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&in); err != nil || decoder.Decode(new(any)) != io.EOF {
		refuse(w, http.StatusBadRequest, "OM-0400", "El cuerpo no es una orden de reconexión")
		return
	}
	known := in.Type == "PAGO" || in.Type == "VOLUNTARIA_LTE" || in.Type == "VOLUNTARIA"
	if !known || in.Reference == "" || in.Connection == "" || in.Type == "VOLUNTARIA" && (in.DocumentType == "" || in.DocumentNumber == "") {
		refuse(w, http.StatusBadRequest, "OM-0400", "Faltan campos obligatorios o el tipo no existe")
		return
	}
	line, ok := s.lines.Line(in.Connection)
	if !ok || line.RefusesOrders {
		refuse(w, http.StatusUnprocessableEntity, "OM-1042", fmt.Sprintf("La línea %s no admite órdenes (OM_TRAMITES.ESTADO)", in.Connection))
		return
	}
	filed, err := s.register.File(func(sequence int) Order {
		o := Order{
			Number: fmt.Sprintf("ORD%d", beforeNumber+sequence), CUN: fmt.Sprintf("CUN%d", beforeCUN+sequence),
			Reference: in.Reference, Connection: in.Connection, Type: in.Type,
			DocumentType: in.DocumentType, DocumentNumber: in.DocumentNumber,
			CorrelationID: r.Header.Get("X-Correlation-ID"), State: Open, FiledAt: s.now().UTC(),
		}
		if line.Suspension != nil {
			o.Suspension = line.Suspension.ID
		}
		return o
	})
	if err != nil {
		refuse(w, http.StatusInternalServerError, "OM-0500", err.Error())
		return
	}
	write(w, http.StatusCreated, show(filed))
}

func (s *Service) find(w http.ResponseWriter, r *http.Request) {
	reference := r.URL.Query().Get("referencia")
	if reference == "" {
		refuse(w, http.StatusBadRequest, "OM-0400", "Falta la referencia")
		return
	}
	s.answer(w, func(o Order) bool { return o.Reference == reference })
}

func (s *Service) order(w http.ResponseWriter, r *http.Request) {
	number := r.PathValue("numero")
	s.answer(w, func(o Order) bool { return o.Number == number })
}

func (s *Service) answer(w http.ResponseWriter, matches func(Order) bool) {
	o, ok := s.register.Find(matches)
	if !ok {
		refuse(w, http.StatusNotFound, "NO_EXISTE", "La orden no existe")
		return
	}
	write(w, http.StatusOK, show(o))
}

func (s *Service) billing(w http.ResponseWriter, r *http.Request) {
	line, ok := s.lines.Line(r.PathValue("conexion"))
	if !ok {
		refuse(w, http.StatusNotFound, "NO_EXISTE", "La línea no existe")
		return
	}
	write(w, http.StatusOK, struct {
		Settled  bool   `json:"alDia"`
		Balance  string `json:"saldo"`
		Currency string `json:"moneda"`
	}{line.Settled(), line.Balance, "COP"})
}

func (s *Service) postState(w http.ResponseWriter, r *http.Request) {
	var in struct {
		State string `json:"state"`
	}
	e := &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: "state", Rule: "must be ABIERTA, COMPLETADA or CANCELADA"}}}
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10)).Decode(&in)
	if err == nil && (in.State == Open || in.State == Completed || in.State == Cancelled) {
		var o Order
		var found bool
		if o, found, err = s.SetState(r.PathValue("number"), in.State); err == nil && found {
			write(w, http.StatusOK, o)
			return
		}
		if e = problem.Of(err); err == nil {
			e = &problem.Error{Kind: problem.NotFound, Detail: "no such order"}
		}
	}
	w.Header().Set("Content-Type", problem.MediaType)
	w.WriteHeader(e.Kind.Status())
	w.Write(problem.Marshal(e))
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	write(w, status, map[string]string{"codigo": code, "mensaje": message})
}

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) // the caller may have left: nothing to do about it
}
