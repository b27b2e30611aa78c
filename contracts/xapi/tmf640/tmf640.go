// Package tmf640 is the contract of the experience API TMF640 Service Activation and Configuration v4
// over the operator's television. What the standard leaves open is decided in its document.
package tmf640

import (
	_ "embed"

	"puente/shared/hop"
)

//go:embed openapi.yaml
var spec []byte

// Contract is this API, as its document promises it.
var Contract = hop.Contract{Layer: "xapi", Name: "tmf640", Spec: spec}

// Operations of the contract; method, path and status come from its document.
var (
	RetrieveService = hop.Operation[Query, Service]{Contract: &Contract, ID: "retrieveService"}
	RetrieveMonitor = hop.Operation[Query, Monitor]{Contract: &Contract, ID: "retrieveMonitor"}
)

// The values of members that have only one here.
const (
	TypeTelevision = "television"
	MethodPost     = "POST"
	StatusOK       = "200"
)

// Query names a service or a monitor, and the first-level members to answer; empty: all.
type Query struct {
	ID     string `uri:"id" json:"-"`
	Fields string `form:"fields" json:"-"`
}

// Service is schema Service. ID is the connection. But for ID and Href a caller may leave out each member.
type Service struct {
	ID                    string           `json:"id"`
	Href                  string           `json:"href"`
	ServiceType           string           `json:"serviceType,omitempty"`
	State                 ServiceState     `json:"state,omitempty"`
	ServiceCharacteristic []Characteristic `json:"serviceCharacteristic,omitempty"`
	Type                  string           `json:"@type,omitempty"`
}

// ServiceState is whether a service may be used.
type ServiceState string

// Those of the standard's states that occur.
const (
	ServiceActive   ServiceState = "active"
	ServiceInactive ServiceState = "inactive" // suspended
)

// Characteristic is schema Characteristic. Value is a string, or a list of strings, as ValueType says.
type Characteristic struct {
	Name      CharacteristicName `json:"name"`
	ValueType ValueType          `json:"valueType"`
	Value     any                `json:"value"`
}

// CharacteristicName is what a characteristic tells.
type CharacteristicName string

// The characteristics of a service.
const (
	Technology         CharacteristicName = "technology"
	Account            CharacteristicName = "account"
	SubscriberState    CharacteristicName = "subscriberState"
	AdditionalChannels CharacteristicName = "additionalChannels"
	AdditionalServices CharacteristicName = "additionalServices"
	SetTopBoxes        CharacteristicName = "setTopBoxes"
)

// ValueType is what a characteristic's value is.
type ValueType string

// The types of values.
const (
	ValueString ValueType = "string"
	ValueArray  ValueType = "array"
)

// Monitor is schema Monitor: a normalization. But for ID and Href a caller may leave out each member.
type Monitor struct {
	ID         string       `json:"id"`
	Href       string       `json:"href"`
	SourceHref string       `json:"sourceHref,omitempty"`
	State      MonitorState `json:"state,omitempty"`
	Request    *Request     `json:"request,omitempty"`
	Response   *Response    `json:"response,omitempty"`
	Type       string       `json:"@type,omitempty"`
}

// MonitorState says how far a normalization has come.
type MonitorState string

// The standard's states.
const (
	MonitorInProgress MonitorState = "InProgress"
	MonitorCompleted  MonitorState = "Completed"
	MonitorInError    MonitorState = "InError"
)

// Request is schema Request: the call that a normalization follows from.
type Request struct {
	Method string       `json:"method"`
	To     string       `json:"to"`
	Header []HeaderItem `json:"header"`
	Body   string       `json:"body"`
}

// Response is schema Response. Body is a JSON text of NormalizationResult.
type Response struct {
	StatusCode string       `json:"statusCode"`
	Header     []HeaderItem `json:"header"`
	Body       string       `json:"body"`
}

// HeaderItem is schema HeaderItem.
type HeaderItem struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// NormalizationResult is schema NormalizationResult: what became of each platform.
type NormalizationResult struct {
	Channels   Normalized `json:"additionalChannels"`
	Services   Normalized `json:"additionalServices"`
	Devices    Normalized `json:"setTopBoxes"`
	Subscriber Normalized `json:"subscriberState"`
}

// Normalized is schema Normalized: how a platform is now, and what it was told.
type Normalized struct {
	Semaphore Semaphore `json:"semaphore"`
	Actions   []Action  `json:"actions"`
}

// Semaphore is what comes of a check.
type Semaphore string

// The semaphores.
const (
	Green  Semaphore = "Green"
	Red    Semaphore = "Red"
	Yellow Semaphore = "Yellow" // the platform could not be asked
)

// Action is schema Action: one thing that a platform was told.
type Action struct {
	Kind  ActionKind  `json:"action"`
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
	ActionPlanned ActionState = "PLANNED" // of a dry run
	ActionDone    ActionState = "DONE"
	ActionFailed  ActionState = "FAILED"
	ActionUnknown ActionState = "UNKNOWN"
)
