package inventory

import (
	"context"
	"fmt"
	"strings"
	"time"

	"puente/contracts/sapi/inventory"
	"puente/shared/httpclient"
)

// connection is the inventory's answer to what a connection is.
type connection struct {
	Connection string      `json:"CONEXION"`
	Account    string      `json:"CUENTA"`
	Technology string      `json:"TECNOLOGIA"`
	State      string      `json:"ESTADO"`
	Suspension *suspension `json:"SUSPENSION"`
}

type suspension struct {
	ID     string    `json:"ID"`
	Reason string    `json:"MOTIVO"`
	Since  time.Time `json:"FECHA"`
}

// maxID is the longest suspension id that the contract has.
const maxID = 64

var states = map[string]inventory.State{
	"ACTIVO": inventory.StateActive, "SUSPENDIDO": inventory.StateSuspended, "RETIRADO": inventory.StateWithdrawn,
}

// technologies and reasons are those with rules of their own; the inventory may have more.
var (
	technologies = map[string]inventory.Technology{
		"LTE": inventory.TechnologyLTE, "FTTH": inventory.TechnologyFTTH, "HFC": inventory.TechnologyHFC,
		"COBRE": inventory.TechnologyCOBRE, "IPTV": inventory.TechnologyIPTV,
	}
	reasons = map[string]inventory.Reason{
		"MORA": inventory.ReasonNonPayment, "VOLUNTARIA": inventory.ReasonVoluntary, "ROBO": inventory.ReasonTheft,
		"PERDIDA": inventory.ReasonLoss, "FRAUDE": inventory.ReasonFraud, "LEGAL": inventory.ReasonLegal,
	}
)

// Service tells what a connection is.
func (s *system) Service(ctx context.Context, in inventory.ServiceQuery) (inventory.Service, error) {
	var found connection
	if err := s.connection.Call(ctx, httpclient.Ask{Path: []string{in.Connection}}, &found); err != nil {
		return inventory.Service{}, fmt.Errorf("inventory: get connection: %w", err)
	}
	return found.service(in.Connection)
}

// service is c in the contract's terms. A state that has no rule is refused, for what the line may be
// cannot be told; so is a suspension without the id by which an order is made at most once for it.
func (c connection) service(asked string) (inventory.Service, error) {
	state, ok := states[c.State]
	switch {
	case !strings.EqualFold(c.Connection, asked):
		return inventory.Service{}, malformed(target, "another connection than was asked for")
	case !ok:
		return inventory.Service{}, malformed(target, "no known state")
	}
	service := inventory.Service{Connection: asked, Account: c.Account, Technology: inventory.TechnologyOther, State: state}
	if technology, ok := technologies[c.Technology]; ok {
		service.Technology = technology
	}
	if state != inventory.StateSuspended {
		return service, nil
	}
	if c.Suspension == nil || c.Suspension.ID == "" || len(c.Suspension.ID) > maxID || c.Suspension.Since.IsZero() {
		return inventory.Service{}, malformed(target, "a suspended service without id or time of its suspension")
	}
	service.Suspension = &inventory.Suspension{ID: c.Suspension.ID, Reason: inventory.ReasonOther, Since: c.Suspension.Since.UTC()}
	if reason, ok := reasons[c.Suspension.Reason]; ok {
		service.Suspension.Reason = reason
	}
	return service, nil
}
