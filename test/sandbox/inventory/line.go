package inventory

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"puente/shared/problem"
)

// Line is a connection, with all that the systems of the sandbox know of it.
type Line struct {
	Connection    string      `json:"connection"`
	Account       string      `json:"account"` // empty: none
	Technology    string      `json:"technology"`
	State         string      `json:"state"`
	Suspension    *Suspension `json:"suspension"`
	Holder        Holder      `json:"holder"`
	Balance       string      `json:"balance"`       // due, in COP: the billing view's
	RefusesOrders bool        `json:"refusesOrders"` // the order management refuses it with 422
	FailsPQR      bool        `json:"failsPQR"`      // the PQR register answers 500
	Television    *Television `json:"television,omitempty"`
}

// Suspension is why a line is suspended. Nobody changes one: a line gets another.
type Suspension struct {
	ID     string    `json:"id"`
	Reason string    `json:"reason"`
	Since  time.Time `json:"since"`
}

// Holder is the document of whom a line belongs to.
type Holder struct {
	DocumentType   string `json:"documentType"`
	DocumentNumber string `json:"documentNumber"`
}

// The states of a line.
const (
	Active    = "ACTIVO"
	Suspended = "SUSPENDIDO"
	Withdrawn = "RETIRADO"
)

// Settled reports whether nothing is owed.
func (l Line) Settled() bool {
	return strings.HasPrefix(l.Balance, "-") || strings.Trim(l.Balance, "0.") == ""
}

// Change is what the control sets of a line; what is nil stays as it is.
type Change struct {
	Connection    string          `json:"connection"`
	Account       *string         `json:"account"`
	Technology    *string         `json:"technology"`
	State         *string         `json:"state"`
	Suspension    json.RawMessage `json:"suspension"` // null lifts it
	Holder        *Holder         `json:"holder"`
	Balance       *string         `json:"balance"`
	RefusesOrders *bool           `json:"refusesOrders"`
	FailsPQR      *bool           `json:"failsPQR"`
	Television    json.RawMessage `json:"television"` // null takes it away
}

// Suspend is the change that suspends a line for a reason, by an id of its own.
func Suspend(connection, reason string) Change {
	text, _ := json.Marshal(Suspension{Reason: reason}) // strings only: cannot fail
	return Change{Connection: connection, Suspension: text}
}

func (c Change) validate() error {
	var broken []problem.Field
	if c.Connection == "" {
		broken = append(broken, problem.Field{Path: "connection", Rule: "is required"})
	}
	if _, err := c.suspension(); err != nil {
		broken = append(broken, problem.Field{Path: "suspension", Rule: "must be null or an object of id, reason and since"})
	}
	if _, err := c.television(); err != nil {
		broken = append(broken, notTelevision)
	}
	if len(broken) > 0 {
		return &problem.Error{Kind: problem.Invalid, Detail: "the line is not valid", Fields: broken}
	}
	return nil
}

func (c Change) suspension() (*Suspension, error) {
	if len(c.Suspension) == 0 {
		return nil, nil
	}
	var s *Suspension
	decoder := json.NewDecoder(bytes.NewReader(c.Suspension))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&s)
	return s, err
}

// changed is l with c, which is valid; the lock is held.
func (s *Service) changed(l Line, c Change) Line {
	set(&l.Account, c.Account)
	set(&l.Technology, c.Technology)
	set(&l.Holder, c.Holder)
	set(&l.Balance, c.Balance)
	set(&l.RefusesOrders, c.RefusesOrders)
	set(&l.FailsPQR, c.FailsPQR)
	if len(c.Suspension) > 0 {
		suspension, _ := c.suspension()
		l.Suspension, l.State = suspension, Active
		if suspension != nil {
			l.State = Suspended
			s.complete(l)
		}
	}
	if len(c.Television) > 0 {
		television, _ := c.television()
		l.Television = l.Television.changed(television)
	}
	if set(&l.State, c.State); l.State != Suspended {
		l.Suspension = nil
	}
	return l
}

// complete names a suspension that came without name or time.
func (s *Service) complete(l Line) {
	if l.Suspension.ID == "" {
		s.number++
		l.Suspension.ID = fmt.Sprintf("SUS-%s-S%d", digits(l.Connection), s.number)
	}
	if l.Suspension.Since.IsZero() {
		l.Suspension.Since = s.now().UTC()
	}
}

func set[T any](member *T, value *T) {
	if value != nil {
		*member = *value
	}
}

// newLine is an active line that owes nothing.
func newLine(connection string) Line {
	return Line{
		Connection: connection, Account: "CS-" + digits(connection), Technology: "LTE", State: Active,
		Holder: Holder{"CC", "1026578508"}, Balance: "0.00",
	}
}

// defaults are the lines of the package comment.
func defaults() []Line {
	bogota := time.FixedZone("", -5*60*60)
	suspended := func(connection, technology, reason string) Line {
		l := newLine(connection)
		l.Technology, l.State = technology, Suspended
		l.Suspension = &Suspension{"SUS-" + digits(connection) + "-1", reason, time.Date(2025, 7, 30, 5, 0, 0, 0, bogota)}
		return l
	}
	with := func(l Line, change func(*Line)) Line { change(&l); return l }
	return []Line{
		suspended("SR-50452171", "LTE", "PERDIDA"),
		newLine("3057000407"),
		suspended("3057000409", "LTE", "FRAUDE"),
		with(newLine("3057000410"), func(l *Line) { l.State = Withdrawn }),
		suspended("3057000411", "LTE", "MORA"),
		with(suspended("3057000412", "LTE", "MORA"), func(l *Line) { l.Balance = "85900.00" }),
		with(suspended("3057000413", "LTE", "ROBO"), func(l *Line) { l.RefusesOrders = true }),
		with(suspended("3057000414", "LTE", "ROBO"), func(l *Line) { l.RefusesOrders, l.FailsPQR = true, true }),
		with(suspended("3057000415", "LTE", "VOLUNTARIA"), func(l *Line) { l.Account = "" }),
		suspended("6012450002", "FTTH", "VOLUNTARIA"),
		with(suspended("6012450003", "HFC", "MORA"), func(l *Line) { l.Holder = Holder{"NIT", "900.123.456-7"} }),
		with(suspended("6012450004", "COBRE", "VOLUNTARIA"), func(l *Line) { l.Holder = Holder{"CC", "0012345678"} }),
	}
}
