package subscriber

import (
	"net/http"
	"regexp"

	"puente/shared/problem"
)

// Line is a number, as the directory has it.
type Line struct {
	MSISDN        string `json:"msisdn"`
	Operator      string `json:"operator"`
	UserType      string `json:"userType"`
	Segment       string `json:"segment"`
	Access        string `json:"access"`
	State         string `json:"state"`
	ContentBarred bool   `json:"contentBarred"`
	Owner         string `json:"owner"`
	Unknown       bool   `json:"unknown"` // the directory answers that there is no such line
}

// Change is what the control sets of a line; what is nil stays as it is.
type Change struct {
	MSISDN        string  `json:"msisdn"`
	Operator      *string `json:"operator"`
	UserType      *string `json:"userType"`
	Segment       *string `json:"segment"`
	Access        *string `json:"access"`
	State         *string `json:"state"`
	ContentBarred *bool   `json:"contentBarred"`
	Owner         *string `json:"owner"`
	Unknown       *bool   `json:"unknown"`
}

// The states of a line.
const (
	Active     = "ACTIVA"
	Terminated = "BAJA"
	PortedOut  = "PORTADA"
)

// The operator whose directory this is, and another.
const (
	Own   = "ENTEL"
	Other = "MOVISTAR"
)

// sample is the document's.
const sample = "56912345678"

// magic is 569 U xxx CCCC.
var magic = regexp.MustCompile(`^569([012])[0-9]{3}([0-9]{4})$`)

var userTypes = map[string]string{"0": "POSPAGO", "1": "CUENTA_CONTROLADA", "2": "PREPAGO"}

func ordinary(msisdn, userType string) Line {
	return Line{MSISDN: msisdn, Operator: Own, UserType: userType, Segment: "PERSONA", Access: "MOVIL", State: Active, Owner: "T-1"}
}

// meant is the line that a number itself says.
func meant(msisdn string) (Line, bool) {
	parts := magic.FindStringSubmatch(msisdn)
	if parts == nil {
		return Line{}, false
	}
	l := ordinary(msisdn, userTypes[parts[1]])
	switch parts[2] {
	case "1403":
		l.ContentBarred = true
	case "1404":
		return Line{}, false
	case "1405":
		l.Operator = Other
	}
	return l, true
}

// Lines are those that were set, and the sample, in the order in which they came.
func (s *Service) Lines() []Line {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Line, len(s.order))
	for i, msisdn := range s.order {
		all[i] = s.lines[msisdn]
	}
	return all
}

// Line is the line of a number.
func (s *Service) Line(msisdn string) (Line, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.find(msisdn)
}

// find is Line; the lock is held.
func (s *Service) find(msisdn string) (Line, bool) {
	if l, ok := s.lines[msisdn]; ok {
		return l, !l.Unknown
	}
	return meant(msisdn)
}

// Set sets or changes lines, all or none, as the control does, and returns them as they are now.
func (s *Service) Set(changes ...Change) ([]Line, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range changes {
		if c.MSISDN == "" {
			return nil, required("the line is not valid", "msisdn")
		}
	}
	now := make([]Line, len(changes))
	for i, c := range changes {
		l := s.present(c.MSISDN)
		set(&l.Operator, c.Operator)
		set(&l.UserType, c.UserType)
		set(&l.Segment, c.Segment)
		set(&l.Access, c.Access)
		set(&l.State, c.State)
		set(&l.ContentBarred, c.ContentBarred)
		set(&l.Owner, c.Owner)
		set(&l.Unknown, c.Unknown)
		s.keep(l)
		now[i] = l
	}
	return now, nil
}

// present is the line of a number, or what it is to become; the lock is held.
func (s *Service) present(msisdn string) Line {
	if l, ok := s.lines[msisdn]; ok {
		return l
	}
	if l, ok := meant(msisdn); ok {
		return l
	}
	return ordinary(msisdn, "PREPAGO")
}

// keep makes l the line of its number; the lock is held.
func (s *Service) keep(l Line) {
	if _, ok := s.lines[l.MSISDN]; !ok {
		s.order = append(s.order, l.MSISDN)
	}
	s.lines[l.MSISDN] = l
}

func set[T any](member *T, value *T) {
	if value != nil {
		*member = *value
	}
}

func required(what, path string) error {
	return &problem.Error{Kind: problem.Invalid, Detail: what, Fields: []problem.Field{{Path: path, Rule: "is required"}}}
}

func (s *Service) getLine(w http.ResponseWriter, r *http.Request) {
	l, ok := s.Line(r.PathValue("msisdn"))
	if !ok {
		write(w, http.StatusNotFound, map[string]string{"codigo": "NO_EXISTE", "mensaje": "La línea no existe"})
		return
	}
	answer := struct {
		MSISDN        string  `json:"MSISDN"`
		Operator      string  `json:"OPERADOR"`
		UserType      *string `json:"TIPO_USUARIO"`
		Segment       *string `json:"SEGMENTO"`
		Access        *string `json:"ACCESO"`
		State         string  `json:"ESTADO"`
		ContentBarred *bool   `json:"BLOQUEO_CONTENIDOS"`
		Owner         *string `json:"TITULARIDAD"`
	}{MSISDN: l.MSISDN, Operator: l.Operator, State: l.State}
	if l.Operator == Own {
		answer.UserType, answer.Segment, answer.Access, answer.ContentBarred, answer.Owner = &l.UserType, &l.Segment, &l.Access, &l.ContentBarred, &l.Owner
	}
	write(w, http.StatusOK, answer)
}
