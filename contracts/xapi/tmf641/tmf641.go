// Package tmf641 is the contract of the experience API TMF641 Service Ordering Management v4 over the
// reconnection of services. What the standard leaves open is decided in its document.
package tmf641

import (
	_ "embed"
	"time"

	"puente/shared/hop"
)

//go:embed openapi.yaml
var spec []byte

// Contract is this API, as its document promises it.
var Contract = hop.Contract{Layer: "xapi", Name: "tmf641", Spec: spec}

// Operations of the contract; method, path and status come from its document.
var (
	CreateServiceOrder   = hop.Operation[ServiceOrderCreate, ServiceOrder]{Contract: &Contract, ID: "createServiceOrder"}
	RetrieveServiceOrder = hop.Operation[OrderQuery, ServiceOrder]{Contract: &Contract, ID: "retrieveServiceOrder"}
)

// The values of members that have only one here.
const (
	CategoryReconnection = "reconnection"
	ActionModify         = "modify"
	ItemID               = "1"
	FulfilledBy          = "fulfilledBy"
)

// RoleCustomer is the role of the party that holds the service.
const RoleCustomer = "customer"

// CodePQRRegistered is the error code of an order in whose place a PQR was filed.
const CodePQRRegistered = "PQR_REGISTERED"

// ServiceOrderCreate is schema ServiceOrderCreate: one item, and one party of role customer.
type ServiceOrderCreate struct {
	IdempotencyKey string `header:"Idempotency-Key" json:"-"` // optional; names the order over the repetitions of its request

	ExternalID       string             `json:"externalId,omitempty"`
	Category         string             `json:"category"`
	RelatedParty     []RelatedParty     `json:"relatedParty"`
	ServiceOrderItem []ServiceOrderItem `json:"serviceOrderItem"`
	Type             string             `json:"@type,omitempty"`
}

// RelatedParty is schema RelatedParty. The customer's ID is document type and number: CC-1026578508.
type RelatedParty struct {
	ID           string `json:"id"`
	Role         string `json:"role"`
	ReferredType string `json:"@referredType,omitempty"`
}

// OrderQuery names an order, and the first-level members to answer; empty: all.
type OrderQuery struct {
	ID     string `uri:"id" json:"-"`
	Fields string `form:"fields" json:"-"`
}

// ServiceOrder is schema ServiceOrder. But for ID and Href a caller may leave out each member.
type ServiceOrder struct {
	ID                string              `json:"id"`
	Href              string              `json:"href"`
	ExternalID        string              `json:"externalId,omitempty"`
	Category          string              `json:"category,omitempty"`
	State             State               `json:"state,omitempty"`
	OrderDate         *time.Time          `json:"orderDate,omitempty"`
	CompletionDate    *time.Time          `json:"completionDate,omitempty"`
	ExternalReference []ExternalReference `json:"externalReference,omitempty"`
	OrderRelationship []OrderRelationship `json:"orderRelationship,omitempty"`
	Note              []Note              `json:"note,omitempty"`
	ErrorMessage      []ErrorMessage      `json:"errorMessage,omitempty"`
	ServiceOrderItem  []ServiceOrderItem  `json:"serviceOrderItem,omitempty"`
	Type              string              `json:"@type,omitempty"`
}

// Location is where the order is read.
func (o ServiceOrder) Location() string { return o.Href }

// State says how far an order or an item has come.
type State string

// Those of the standard's states that occur.
const (
	StateAcknowledged State = "acknowledged"
	StateInProgress   State = "inProgress"
	StateCompleted    State = "completed"
	StateRejected     State = "rejected" // a PQR was filed in place of an order
	StateFailed       State = "failed"
	StateCancelled    State = "cancelled"
)

// ServiceOrderItem is schema ServiceOrderItem.
type ServiceOrderItem struct {
	ID      string  `json:"id"`
	Action  string  `json:"action"`
	State   State   `json:"state,omitempty"`
	Service Service `json:"service"`
	Type    string  `json:"@type,omitempty"`
}

// Service is schema Service. ID is the connection.
type Service struct {
	ID    string `json:"id"`
	State string `json:"state,omitempty"`
	Type  string `json:"@type,omitempty"`
}

// ExternalReference is schema ExternalReference: what another system knows of the order.
type ExternalReference struct {
	ID   string `json:"id"`
	Href string `json:"href,omitempty"`
	Name string `json:"name"`
	Type string `json:"externalReferenceType"`
}

// OrderRelationship is schema OrderRelationship: the operator's order that fulfils this one.
type OrderRelationship struct {
	ID               string `json:"id"`
	Href             string `json:"href"`
	RelationshipType string `json:"relationshipType"`
	ReferredType     string `json:"@referredType"`
}

// Note is schema Note.
type Note struct {
	ID   string `json:"id"`
	Text string `json:"text"`
}

// ErrorMessage is schema ErrorMessage: why an order failed or was rejected.
type ErrorMessage struct {
	Code    string `json:"code"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}
