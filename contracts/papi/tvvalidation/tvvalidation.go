// Package tvvalidation is the contract of the process API that holds the television platforms against
// the inventory (source document: Validación de Estado de Televisión).
package tvvalidation

import (
	"context"
	_ "embed"
	"time"

	"puente/shared/hop"
)

//go:embed openapi.yaml
var spec []byte

// Contract is this API, as its document promises it.
var Contract = hop.Contract{Layer: "papi", Name: "tvvalidation", Spec: spec}

// Operations of the contract; method, path and status come from its document.
var (
	Validate           = hop.Operation[Request, Verification]{Contract: &Contract, ID: "validate"}
	QueryVerification  = hop.Operation[IDQuery, Verification]{Contract: &Contract, ID: "queryVerification"}
	Normalize          = hop.Operation[NormalizationRequest, Normalization]{Contract: &Contract, ID: "normalize"}
	QueryNormalization = hop.Operation[IDQuery, Normalization]{Contract: &Contract, ID: "queryNormalization"}
	QueryService       = hop.Operation[Request, Service]{Contract: &Contract, ID: "queryService"}
)

// Codes of the process's errors (source document, "Manejo de errores"). What is so with the line, and will
// be, is Rejected: CodeNoService, CodeAccount where there is none, CodeInventoryRefused where there is no
// television, CodeNoAccess. What fails for now is Unavailable, whatever its code.
const (
	CodeNoService          = "ERROR_06" // no such service, or withdrawn
	CodeAccount            = "ERROR_07" // the account query failed, or there is no account
	CodeInventoryRefused   = "ERROR_08" // the inventory answered with an error
	CodeInventoryFailed    = "ERROR_09" // the inventory could not be asked, or not understood
	CodeChannelTable       = "ERROR_11" // missing or inconsistent, or lacks a code of the inventory
	CodeChannelTableUnread = "ERROR_12"
	CodeChannels           = "ERROR_13" // the inventory's channels could not be had
	CodeServiceTable       = "ERROR_15"
	CodeServiceTableUnread = "ERROR_16"
	CodeServices           = "ERROR_17"
	CodeDevices            = "ERROR_18"
	CodePlatforms          = "ERROR_19" // no platform could be asked
	CodeNoAccess           = "ERROR_20" // no television, or no means of access
)

// Request is schema Request.
type Request struct {
	Connection string `json:"connection"` // SR-50452171, or a national number of 10 digits
}

// NormalizationRequest is schema NormalizationRequest.
type NormalizationRequest struct {
	Key        string `json:"key"` // hop.Principal.Scoped
	Connection string `json:"connection"`
	DryRun     bool   `json:"dryRun"`
}

// IDQuery is schema IDQuery.
type IDQuery struct {
	ID string `json:"id"`
}

// Verification is schema Verification: the four platforms held against the inventory.
type Verification struct {
	ID         string     `json:"id"`
	Connection string     `json:"connection"`
	Account    string     `json:"account"`
	Technology Technology `json:"technology"`
	At         time.Time  `json:"at"`
	Channels   Check      `json:"channels"`
	Services   Check      `json:"services"`
	Devices    Check      `json:"devices"`
	Subscriber Check      `json:"subscriber"`
}

// Check is schema Check: one platform held against the inventory, as sets, in the platform's codes.
type Check struct {
	AskedAt   time.Time `json:"askedAt"`
	Semaphore Semaphore `json:"semaphore"`
	Expected  []string  `json:"expected"`
	Found     []string  `json:"found"`
}

// Semaphore is what comes of a check.
type Semaphore string

// The semaphores.
const (
	Green  Semaphore = "GREEN"  // the platform has what the inventory says
	Red    Semaphore = "RED"    // it has not
	Yellow Semaphore = "YELLOW" // it could not be asked
)

// Normalization is schema Normalization.
type Normalization struct {
	ID         string             `json:"id"`
	Connection string             `json:"connection"`
	Account    string             `json:"account"`
	Technology Technology         `json:"technology"`
	State      NormalizationState `json:"state"`
	CreatedAt  time.Time          `json:"createdAt"`
	EndedAt    *time.Time         `json:"endedAt,omitempty"`
	Channels   Correction         `json:"channels"`
	Services   Correction         `json:"services"`
	Devices    Correction         `json:"devices"`
	Subscriber Correction         `json:"subscriber"`
}

// NormalizationState says how far a normalization has come.
type NormalizationState string

// The states.
const (
	NormalizationRunning NormalizationState = "RUNNING"
	NormalizationDone    NormalizationState = "DONE"
	NormalizationPlanned NormalizationState = "PLANNED" // a dry run
)

// Correction is schema Correction: a check before, what was done, and the check after. After is nil of a
// dry run, and while it is not over.
type Correction struct {
	Before  Check    `json:"before"`
	After   *Check   `json:"after,omitempty"`
	Actions []Action `json:"actions"`
}

// Action is schema Action: one thing that a platform is told.
type Action struct {
	Kind  ActionKind  `json:"kind"`
	Item  string      `json:"item"`
	State ActionState `json:"state"`
}

// ActionKind is what is done with an item.
type ActionKind string

// The kinds of actions.
const (
	ActionAdd    ActionKind = "ADD"
	ActionRemove ActionKind = "REMOVE"
	ActionSet    ActionKind = "SET" // the state of the subscriber
)

// ActionState says what became of an action.
type ActionState string

// The states of an action.
const (
	ActionPlanned ActionState = "PLANNED" // a dry run's, or not over
	ActionDone    ActionState = "DONE"    // seen by the second comparison
	ActionFailed  ActionState = "FAILED"  // not seen by it
	ActionUnknown ActionState = "UNKNOWN" // the platform could not be asked again
)

// Service is schema Service: television as the inventory has it.
type Service struct {
	Connection      string       `json:"connection"`
	Account         string       `json:"account"`
	Technology      Technology   `json:"technology"`
	State           ServiceState `json:"state"`
	SubscriberState string       `json:"subscriberState"`
	Channels        []string     `json:"channels"`
	Services        []string     `json:"services"`
	Devices         []string     `json:"devices"`
}

// ServiceState is whether a service may be used.
type ServiceState string

// The states of a service; one that was withdrawn is not found.
const (
	ServiceActive    ServiceState = "ACTIVE"
	ServiceSuspended ServiceState = "SUSPENDED"
)

// Technology is how television reaches a subscriber.
type Technology string

// The technologies that carry television.
const (
	TechnologyFTTH Technology = "FTTH"
	TechnologyHFC  Technology = "HFC"
	TechnologyIPTV Technology = "IPTV"
)

// Client calls the television validation, in this process or in another.
type Client struct{ peer hop.Peer }

// NewClient finds out from d how the API is reached.
func NewClient(d hop.Dialer) *Client { return &Client{d.Peer(&Contract)} }

// Validate compares platforms and inventory. Errors: the codes above.
func (c *Client) Validate(ctx context.Context, in Request) (Verification, error) {
	return hop.Call(ctx, c.peer, Validate, in)
}

// Verification finds one of the caller's client and system. Errors: NotFound.
func (c *Client) Verification(ctx context.Context, in IDQuery) (Verification, error) {
	return hop.Call(ctx, c.peer, QueryVerification, in)
}

// Normalize changes the platforms that differ. Errors: the codes above, where nothing was changed under
// this key or what was begun goes on by itself; Timeout, Unknown and Unavailable without code likewise.
// Asking again under the same key tells.
func (c *Client) Normalize(ctx context.Context, in NormalizationRequest) (Normalization, error) {
	return hop.Call(ctx, c.peer, Normalize, in)
}

// Normalization finds one of the caller's client and system. Errors: NotFound.
func (c *Client) Normalization(ctx context.Context, in IDQuery) (Normalization, error) {
	return hop.Call(ctx, c.peer, QueryNormalization, in)
}

// Service tells what television a connection has by the inventory. Errors: the codes above.
func (c *Client) Service(ctx context.Context, in Request) (Service, error) {
	return hop.Call(ctx, c.peer, QueryService, in)
}
