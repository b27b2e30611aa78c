package pqr

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"puente/contracts/sapi/pqr"
	"puente/shared/httpclient"
	"puente/shared/problem"
)

// request is the body by which the register files a case.
type request struct {
	Reference      string `json:"referencia"`
	Connection     string `json:"conexion"`
	DocumentType   string `json:"tipoDocumento"`
	DocumentNumber string `json:"numeroDocumento"`
	Reason         string `json:"motivo"`
	Detail         string `json:"detalle,omitempty"`
}

// record is what the register says of a case.
type record struct {
	Number    string     `json:"numero"`
	CUN       string     `json:"cun"`
	Reference string     `json:"referencia"`
	Reason    string     `json:"motivo"`
	State     string     `json:"estado"`
	Date      time.Time  `json:"fecha"`
	Resolved  *time.Time `json:"fechaSolucion"`
}

var motives = map[pqr.Reason]string{
	pqr.ReasonOrderNotPossible: "ORDEN_NO_POSIBLE", pqr.ReasonDebtNotSettled: "DEUDA_PENDIENTE",
}

var reasons = map[string]pqr.Reason{
	"ORDEN_NO_POSIBLE": pqr.ReasonOrderNotPossible, "DEUDA_PENDIENTE": pqr.ReasonDebtNotSettled,
}

var states = map[string]pqr.State{
	"ABIERTO": pqr.StateOpen, "EN_GESTION": pqr.StateInProgress, "RESUELTO": pqr.StateResolved, "CERRADO": pqr.StateClosed,
}

// Create files a case, in one attempt. The rules of the fields that matter here are checked again: a
// typed caller passes no contract check.
func (s *system) Create(ctx context.Context, in pqr.Filing) (pqr.PQR, error) {
	body := request{
		Reference: in.Reference, Connection: in.Connection, DocumentType: in.DocumentType, DocumentNumber: in.DocumentNumber,
		Reason: motives[in.Reason], Detail: in.Detail,
	}
	for _, member := range []struct{ path, value string }{
		{"reference", in.Reference}, {"connection", in.Connection},
		{"documentType", in.DocumentType}, {"documentNumber", in.DocumentNumber},
	} {
		if member.value == "" {
			return pqr.PQR{}, invalid(member.path, "is required")
		}
	}
	if body.Reason == "" {
		return pqr.PQR{}, invalid("reason", "must be one of the contract's")
	}
	var filed record
	if err := s.create.Call(ctx, httpclient.Ask{Body: body}, &filed); err != nil {
		return pqr.PQR{}, fmt.Errorf("pqr: create case: %w", err)
	}
	if filed.Reference != in.Reference {
		return pqr.PQR{}, malformed("another reference than was sent")
	}
	return filed.pqr()
}

// Find finds the case of a reference.
func (s *system) Find(ctx context.Context, in pqr.ReferenceQuery) (pqr.PQR, error) {
	if in.Reference == "" {
		return pqr.PQR{}, invalid("reference", "is required")
	}
	var found record
	if err := s.find.Call(ctx, httpclient.Ask{Query: url.Values{"referencia": {in.Reference}}}, &found); err != nil {
		return pqr.PQR{}, fmt.Errorf("pqr: find case: %w", err)
	}
	if found.Reference != in.Reference {
		return pqr.PQR{}, malformed("another reference than was asked for")
	}
	return found.pqr()
}

// PQR finds a case by its number.
func (s *system) PQR(ctx context.Context, in pqr.NumberQuery) (pqr.PQR, error) {
	var found record
	if err := s.get.Call(ctx, httpclient.Ask{Path: []string{in.Number}}, &found); err != nil {
		return pqr.PQR{}, fmt.Errorf("pqr: get case: %w", err)
	}
	if found.Number != in.Number {
		return pqr.PQR{}, malformed("another number than was asked for")
	}
	return found.pqr()
}

// pqr is r in the contract's terms.
func (r record) pqr() (pqr.PQR, error) {
	reason, knownReason := reasons[r.Reason]
	state, knownState := states[r.State]
	if !knownReason || !knownState || r.Number == "" || r.Date.IsZero() {
		return pqr.PQR{}, malformed("a case without number, date, known motive or known state")
	}
	out := pqr.PQR{Number: r.Number, CUN: r.CUN, Reference: r.Reference, Reason: reason, State: state, CreatedAt: r.Date.UTC()}
	if r.Resolved != nil {
		resolved := r.Resolved.UTC()
		out.ResolvedAt = &resolved
	}
	return out, nil
}

func invalid(path, rule string) error {
	return &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: path, Rule: rule}}}
}
