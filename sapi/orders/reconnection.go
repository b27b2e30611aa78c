package orders

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/go-json-experiment/json"

	"puente/contracts/sapi/orders"
	"puente/shared/httpclient"
	"puente/shared/problem"
	"puente/shared/telemetry"
)

// request is the body by which the order management files a reconnection.
type request struct {
	Reference      string `json:"referencia"`
	Connection     string `json:"conexion"`
	Type           string `json:"tipo"`
	DocumentType   string `json:"tipoDocumento,omitempty"`
	DocumentNumber string `json:"numeroDocumento,omitempty"`
}

// order is what the order management says of an order.
type order struct {
	Number    string     `json:"numeroOrden"`
	CUN       string     `json:"cun"`
	Reference string     `json:"referencia"`
	State     string     `json:"estado"`
	Date      time.Time  `json:"fecha"`
	Closed    *time.Time `json:"fechaCierre"`
}

// rejection is how the order management refuses an order.
type rejection struct {
	Code    string `json:"codigo"`
	Message string `json:"mensaje"`
}

var types = map[orders.Strategy]string{
	orders.StrategyPayment: "PAGO", orders.StrategyVoluntaryLTE: "VOLUNTARIA_LTE", orders.StrategyVoluntary: "VOLUNTARIA",
}

var states = map[string]orders.State{
	"ABIERTA": orders.StateOpen, "COMPLETADA": orders.StateCompleted, "CANCELADA": orders.StateCancelled,
}

// Reconnect files an order, in one attempt. The rules of the fields that matter here are checked
// again: a typed caller passes no contract check.
func (s *system) Reconnect(ctx context.Context, in orders.Reconnection) (orders.Order, error) {
	body := request{Reference: in.Reference, Connection: in.Connection, Type: types[in.Strategy]}
	switch {
	case in.Reference == "":
		return orders.Order{}, missing("reference")
	case in.Connection == "":
		return orders.Order{}, missing("connection")
	case body.Type == "":
		return orders.Order{}, &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: "strategy", Rule: "must be one of the contract's"}}}
	case in.Strategy == orders.StrategyVoluntary && (in.DocumentType == "" || in.DocumentNumber == ""):
		return orders.Order{}, missing("documentNumber")
	case in.Strategy == orders.StrategyVoluntary: // nobody else's business
		body.DocumentType, body.DocumentNumber = in.DocumentType, in.DocumentNumber
	}
	var filed order
	if err := s.create.Call(ctx, httpclient.Ask{Body: body}, &filed); err != nil {
		return orders.Order{}, fmt.Errorf("orders: create reconnection: %w", err)
	}
	if filed.Reference != in.Reference {
		return orders.Order{}, malformed(target, "another reference than was sent")
	}
	return filed.order()
}

// notPossible is a refusal for a functional reason, of which the order management alone says that
// nothing was done. A 422 of another shape may come from anywhere.
func notPossible(status int, text []byte) error {
	var refused rejection
	if status != http.StatusUnprocessableEntity || json.Unmarshal(text, &refused) != nil || refused.Code == "" {
		return nil
	}
	e := &problem.Error{
		Kind: problem.Rejected, Code: orders.CodeNotPossible, Detail: "The order management does not allow an order for this service",
		Err: fmt.Errorf("%s: %s", telemetry.MaskText(refused.Code), telemetry.MaskText(refused.Message)),
	}
	return e.Caused(target)
}

// Reconnection finds the order of a reference.
func (s *system) Reconnection(ctx context.Context, in orders.ReconnectionQuery) (orders.Order, error) {
	if in.Reference == "" {
		return orders.Order{}, missing("reference")
	}
	var found order
	if err := s.find.Call(ctx, httpclient.Ask{Query: url.Values{"referencia": {in.Reference}}}, &found); err != nil {
		return orders.Order{}, fmt.Errorf("orders: find reconnection: %w", err)
	}
	if found.Reference != in.Reference {
		return orders.Order{}, malformed(target, "another reference than was asked for")
	}
	return found.order()
}

// Order finds an order by its number.
func (s *system) Order(ctx context.Context, in orders.OrderQuery) (orders.Order, error) {
	var found order
	if err := s.order.Call(ctx, httpclient.Ask{Path: []string{in.Number}}, &found); err != nil {
		return orders.Order{}, fmt.Errorf("orders: get order: %w", err)
	}
	if found.Number != in.Number {
		return orders.Order{}, malformed(target, "another number than was asked for")
	}
	return found.order()
}

// order is o in the contract's terms.
func (o order) order() (orders.Order, error) {
	state, ok := states[o.State]
	if !ok || o.Number == "" || o.CUN == "" || o.Date.IsZero() {
		return orders.Order{}, malformed(target, "an order without number, CUN, date or known state")
	}
	out := orders.Order{Number: o.Number, CUN: o.CUN, Reference: o.Reference, State: state, CreatedAt: o.Date.UTC()}
	if o.Closed != nil {
		closed := o.Closed.UTC()
		out.CompletedAt = &closed
	}
	return out, nil
}
