package pqr

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"puente/shared/problem"
)

// request is the body of create.
type request struct {
	Reference      string `json:"referencia"`
	Connection     string `json:"conexion"`
	DocumentType   string `json:"tipoDocumento"`
	DocumentNumber string `json:"numeroDocumento"`
	Reason         string `json:"motivo"`
	Detail         string `json:"detalle"`
}

// shown is a case as the register answers it.
type shown struct {
	Number    string     `json:"numero"`
	CUN       string     `json:"cun,omitempty"`
	Reference string     `json:"referencia"`
	Reason    string     `json:"motivo"`
	State     string     `json:"estado"`
	Date      time.Time  `json:"fecha"`
	Resolved  *time.Time `json:"fechaSolucion,omitempty"`
}

func show(c Case) shown {
	return shown{c.Number, c.CUN, c.Reference, c.Reason, c.State, c.FiledAt, c.ResolvedAt}
}

// beforeCUN is the number before that of the first case's CUN.
const beforeCUN = 900000000

func (s *Service) create(w http.ResponseWriter, r *http.Request) {
	var in request
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&in); err != nil || decoder.Decode(new(any)) != io.EOF {
		refuse(w, http.StatusBadRequest, "PQR-0400", "El cuerpo no es un caso")
		return
	}
	if in.Reason != OrderNotPossible && in.Reason != DebtNotSettled ||
		slices.Contains([]string{in.Reference, in.Connection, in.DocumentType, in.DocumentNumber}, "") {
		refuse(w, http.StatusBadRequest, "PQR-0400", "Faltan campos obligatorios o el motivo no existe")
		return
	}
	line, _ := s.lines.Line(in.Connection) // the register takes a case about any line
	if line.FailsPQR {
		refuse(w, http.StatusInternalServerError, "PQR-0500", "ORA-12541: no listener")
		return
	}
	filed, err := s.register.File(func(sequence int) Case {
		c := Case{
			Number: fmt.Sprintf("PQR-%06d", sequence), Reference: in.Reference, Connection: in.Connection,
			DocumentType: in.DocumentType, DocumentNumber: in.DocumentNumber, Reason: in.Reason, Detail: in.Detail,
			CorrelationID: r.Header.Get("X-Correlation-ID"), State: Open, FiledAt: s.now().UTC(),
		}
		if in.Reason == OrderNotPossible {
			c.CUN = fmt.Sprintf("CUN%d", beforeCUN+sequence)
		}
		if line.Suspension != nil {
			c.Suspension = line.Suspension.ID
		}
		return c
	})
	if err != nil {
		refuse(w, http.StatusInternalServerError, "PQR-0500", err.Error())
		return
	}
	write(w, http.StatusCreated, show(filed))
}

func (s *Service) find(w http.ResponseWriter, r *http.Request) {
	reference := r.URL.Query().Get("referencia")
	if reference == "" {
		refuse(w, http.StatusBadRequest, "PQR-0400", "Falta la referencia")
		return
	}
	s.answer(w, func(c Case) bool { return c.Reference == reference })
}

func (s *Service) byNumber(w http.ResponseWriter, r *http.Request) {
	number := r.PathValue("numero")
	s.answer(w, func(c Case) bool { return c.Number == number })
}

func (s *Service) answer(w http.ResponseWriter, matches func(Case) bool) {
	c, ok := s.register.Find(matches)
	if !ok {
		refuse(w, http.StatusNotFound, "NO_EXISTE", "El caso no existe")
		return
	}
	write(w, http.StatusOK, show(c))
}

func (s *Service) postState(w http.ResponseWriter, r *http.Request) {
	var in struct {
		State string `json:"state"`
	}
	e := &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: "state", Rule: "must be ABIERTO, EN_GESTION, RESUELTO or CERRADO"}}}
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10)).Decode(&in)
	if err == nil && slices.Contains([]string{Open, InProgress, Resolved, Closed}, in.State) {
		var c Case
		var found bool
		if c, found, err = s.SetState(r.PathValue("number"), in.State); err == nil && found {
			write(w, http.StatusOK, c)
			return
		}
		if e = problem.Of(err); err == nil {
			e = &problem.Error{Kind: problem.NotFound, Detail: "no such case"}
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
