// Package tmf621 is the contract of the experience API TMF621 Trouble Ticket Management v4 over the
// operator's PQR. What the standard leaves open is decided in its document.
package tmf621

import (
	_ "embed"
	"time"

	"puente/shared/hop"
)

//go:embed openapi.yaml
var spec []byte

// Contract is this API, as its document promises it.
var Contract = hop.Contract{Layer: "xapi", Name: "tmf621", Spec: spec}

// RetrieveTroubleTicket is the operation of that name; method, path and status come from its document.
var RetrieveTroubleTicket = hop.Operation[TicketQuery, TroubleTicket]{Contract: &Contract, ID: "retrieveTroubleTicket"}

// TicketQuery names a ticket, and the first-level members to answer; empty: all.
type TicketQuery struct {
	ID     string `uri:"id" json:"-"`
	Fields string `form:"fields" json:"-"`
}

// TroubleTicket is schema TroubleTicket. But for ID and Href a caller may leave out each member.
type TroubleTicket struct {
	ID                 string     `json:"id"`
	Href               string     `json:"href"`
	Name               string     `json:"name,omitempty"`
	Description        string     `json:"description,omitempty"`
	TicketType         string     `json:"ticketType,omitempty"`
	Severity           Severity   `json:"severity,omitempty"`
	Status             Status     `json:"status,omitempty"`
	StatusChangeReason Reason     `json:"statusChangeReason,omitempty"`
	CreationDate       *time.Time `json:"creationDate,omitempty"`
	ResolutionDate     *time.Time `json:"resolutionDate,omitempty"`
	ExternalID         string     `json:"externalId,omitempty"` // the CUN
	Type               string     `json:"@type,omitempty"`
}

// Severity says how grave a ticket is.
type Severity string

// The severities in use; the standard leaves them open.
const (
	SeverityMajor Severity = "major"
	SeverityMinor Severity = "minor"
)

// Status says how far a ticket has come.
type Status string

// Those of the standard's states that a PQR may have.
const (
	StatusAcknowledged Status = "acknowledged"
	StatusInProgress   Status = "inProgress"
	StatusResolved     Status = "resolved"
	StatusClosed       Status = "closed"
)

// Reason is why a PQR was filed.
type Reason string

// The reasons.
const (
	ReasonOrderNotPossible Reason = "ORDER_NOT_POSSIBLE"
	ReasonDebtNotSettled   Reason = "DEBT_NOT_SETTLED"
)
