// Package inventory is the contract of the system API in front of the operator's service inventory.
package inventory

import (
	"context"
	_ "embed"
	"time"

	"puente/shared/hop"
)

//go:embed openapi.yaml
var spec []byte

// Contract is this API, as its document promises it.
var Contract = hop.Contract{Layer: "sapi", Name: "inventory", Spec: spec}

// Operations of the contract; method, path and status come from its document.
var (
	QueryService = hop.Operation[ServiceQuery, Service]{Contract: &Contract, ID: "queryService"}
	QueryHolder  = hop.Operation[HolderQuery, Holder]{Contract: &Contract, ID: "queryHolder"}

	QueryTelevisionSubscriber = hop.Operation[AccountQuery, TelevisionSubscriber]{Contract: &Contract, ID: "queryTelevisionSubscriber"}
	QueryTelevisionChannels   = hop.Operation[AccountQuery, TelevisionCodes]{Contract: &Contract, ID: "queryTelevisionChannels"}
	QueryTelevisionServices   = hop.Operation[AccountQuery, TelevisionCodes]{Contract: &Contract, ID: "queryTelevisionServices"}
	QueryTelevisionDevices    = hop.Operation[AccountQuery, TelevisionDevices]{Contract: &Contract, ID: "queryTelevisionDevices"}
)

// CodeRefused is the code of an error that the inventory itself told, of kind BadUpstream.
const CodeRefused = "INVENTORY_REFUSED"

// ServiceQuery is schema ServiceQuery.
type ServiceQuery struct {
	Connection string `json:"connection"` // SR-50452171, or a national number of 10 digits
}

// HolderQuery is schema HolderQuery.
type HolderQuery struct {
	Connection string `json:"connection"`
}

// Service is schema Service: one connection as the inventory holds it.
type Service struct {
	Connection string      `json:"connection"`
	Account    string      `json:"account"` // empty: none
	Technology Technology  `json:"technology"`
	State      State       `json:"state"`
	Suspension *Suspension `json:"suspension,omitempty"` // of StateSuspended
}

// Suspension is schema Suspension. ID names it among all that the line ever had.
type Suspension struct {
	ID     string    `json:"id"`
	Reason Reason    `json:"reason"`
	Since  time.Time `json:"since"`
}

// Holder is schema Holder: the document of whom the connection belongs to.
type Holder struct {
	DocumentType   string `json:"documentType"` // CC, CE, NIT, TI, PA, PEP, PPT, RC
	DocumentNumber string `json:"documentNumber"`
}

// AccountQuery is schema AccountQuery.
type AccountQuery struct {
	Account string `json:"account"`
}

// TelevisionSubscriber is schema TelevisionSubscriber: the state that the platforms are to have.
type TelevisionSubscriber struct {
	State string `json:"state"`
}

// TelevisionCodes is schema TelevisionCodes: additional channels or services, by the inventory's codes.
type TelevisionCodes struct {
	Codes []string `json:"codes"`
}

// TelevisionDevices is schema TelevisionDevices: the set-top boxes, in the inventory's notation.
type TelevisionDevices struct {
	MACs []string `json:"macs"`
}

// Technology is how a service reaches its subscriber.
type Technology string

// The technologies. FTTH, HFC and COBRE are fixed; FTTH, HFC and IPTV carry television.
const (
	TechnologyLTE   Technology = "LTE"
	TechnologyFTTH  Technology = "FTTH"
	TechnologyHFC   Technology = "HFC"
	TechnologyCOBRE Technology = "COBRE"
	TechnologyIPTV  Technology = "IPTV"
	TechnologyOther Technology = "OTHER"
)

// State is what has become of a service.
type State string

// The states.
const (
	StateActive    State = "ACTIVE"
	StateSuspended State = "SUSPENDED"
	StateWithdrawn State = "WITHDRAWN"
)

// Reason is why a service is suspended.
type Reason string

// The reasons.
const (
	ReasonNonPayment Reason = "NON_PAYMENT"
	ReasonVoluntary  Reason = "VOLUNTARY"
	ReasonTheft      Reason = "THEFT"
	ReasonLoss       Reason = "LOSS"
	ReasonFraud      Reason = "FRAUD"
	ReasonLegal      Reason = "LEGAL"
	ReasonOther      Reason = "OTHER"
)

// Client calls the inventory system API, in this process or in another.
type Client struct{ peer hop.Peer }

// NewClient finds out from d how the API is reached.
func NewClient(d hop.Dialer) *Client { return &Client{d.Peer(&Contract)} }

// Service tells what a connection is. Errors: NotFound, and those of any system.
func (c *Client) Service(ctx context.Context, in ServiceQuery) (Service, error) {
	return hop.Call(ctx, c.peer, QueryService, in)
}

// Holder tells whose a connection is. Errors: NotFound, and those of any system.
func (c *Client) Holder(ctx context.Context, in HolderQuery) (Holder, error) {
	return hop.Call(ctx, c.peer, QueryHolder, in)
}

// TelevisionSubscriber tells the state that an account's subscriber is to have. Errors of this and of
// the three below: NotFound, CodeRefused, and those of any system.
func (c *Client) TelevisionSubscriber(ctx context.Context, in AccountQuery) (TelevisionSubscriber, error) {
	return hop.Call(ctx, c.peer, QueryTelevisionSubscriber, in)
}

// TelevisionChannels lists an account's additional channels.
func (c *Client) TelevisionChannels(ctx context.Context, in AccountQuery) (TelevisionCodes, error) {
	return hop.Call(ctx, c.peer, QueryTelevisionChannels, in)
}

// TelevisionServices lists an account's additional services.
func (c *Client) TelevisionServices(ctx context.Context, in AccountQuery) (TelevisionCodes, error) {
	return hop.Call(ctx, c.peer, QueryTelevisionServices, in)
}

// TelevisionDevices lists an account's set-top boxes.
func (c *Client) TelevisionDevices(ctx context.Context, in AccountQuery) (TelevisionDevices, error) {
	return hop.Call(ctx, c.peer, QueryTelevisionDevices, in)
}
