// Package subscriber is the contract of the system API in front of the operator's line directory.
package subscriber

import (
	"context"
	_ "embed"
	"time"

	"puente/shared/hop"
)

//go:embed openapi.yaml
var spec []byte

// Contract is this API, as its document promises it.
var Contract = hop.Contract{Layer: "sapi", Name: "subscriber", Spec: spec}

// Operations of the contract; method, path and status come from its document.
var (
	QueryLine       = hop.Operation[LineQuery, Line]{Contract: &Contract, ID: "queryLine"}
	QueryLineEvents = hop.Operation[LineEventsQuery, LineEvents]{Contract: &Contract, ID: "queryLineEvents"}
)

// The codes of this API's errors.
const (
	CodeNoDirectory   = "NO_DIRECTORY"   // of kind Unavailable: none is configured
	CodeCursorExpired = "CURSOR_EXPIRED" // of kind Rejected
)

// The events of a page: where nothing is said, and at most.
const (
	DefaultLimit = 100
	MaxLimit     = 500
)

// LineQuery is schema LineQuery.
type LineQuery struct {
	MSISDN string `json:"msisdn"`
}

// Line is schema Line: a line as the directory has it. UserType, Segment, Access and OwnerEpoch are those
// of own lines.
type Line struct {
	MSISDN        string   `json:"msisdn"`
	Operator      string   `json:"operator"`
	Own           bool     `json:"own"`
	UserType      UserType `json:"userType,omitempty"`
	Segment       Segment  `json:"segment,omitempty"`
	Access        Access   `json:"access,omitempty"`
	State         State    `json:"state"`
	ContentBarred bool     `json:"contentBarred"`
	OwnerEpoch    string   `json:"ownerEpoch,omitempty"` // another one each time the line gets another owner
}

// LineEventsQuery is schema LineEventsQuery. Without After it asks for the oldest events there are.
type LineEventsQuery struct {
	After string `json:"after,omitempty"`
	Limit int    `json:"limit,omitempty"`
}

// LineEvents is schema LineEvents: a page, oldest first.
type LineEvents struct {
	Events []LineEvent `json:"events"`
	Next   string      `json:"next"`
}

// LineEvent is schema LineEvent: what became of a line. OwnerEpoch is that of after the event, and always
// told of EventOwnerChanged.
type LineEvent struct {
	ID         string    `json:"id"`
	MSISDN     string    `json:"msisdn"`
	Type       EventType `json:"type"`
	At         time.Time `json:"at"`
	OwnerEpoch string    `json:"ownerEpoch,omitempty"`
}

// UserType is how a line pays.
type UserType string

// The user types, as partners know them.
const (
	UserTypePostpaid   UserType = "00"
	UserTypeControlled UserType = "01"
	UserTypePrepaid    UserType = "02"
)

// Segment is who a line's owner is.
type Segment string

// The segments.
const (
	SegmentPerson  Segment = "PERSON"
	SegmentCompany Segment = "COMPANY"
)

// Access is what a line is for.
type Access string

// The accesses.
const (
	AccessMobile Access = "MOBILE"
	AccessFixed  Access = "FIXED"
)

// State is what has become of a line.
type State string

// The states.
const (
	StateActive     State = "ACTIVE"
	StateTerminated State = "TERMINATED"
	StatePortedOut  State = "PORTED_OUT"
)

// EventType is what became of a line.
type EventType string

// The event types. EventOther has no name here: look the line up.
const (
	EventTerminated   EventType = "TERMINATED"
	EventPortedOut    EventType = "PORTED_OUT"
	EventOwnerChanged EventType = "OWNER_CHANGED"
	EventBarred       EventType = "BARRED"
	EventOther        EventType = "OTHER"
)

// Client calls the subscriber system API, in this process or in another.
type Client struct{ peer hop.Peer }

// NewClient finds out from d how the API is reached.
func NewClient(d hop.Dialer) *Client { return &Client{d.Peer(&Contract)} }

// Line tells what a line is. Errors: NotFound, CodeNoDirectory, and those of any system.
func (c *Client) Line(ctx context.Context, in LineQuery) (Line, error) {
	return hop.Call(ctx, c.peer, QueryLine, in)
}

// LineEvents lists what became of lines after a cursor. Errors: CodeCursorExpired, CodeNoDirectory, and
// those of any system.
func (c *Client) LineEvents(ctx context.Context, in LineEventsQuery) (LineEvents, error) {
	return hop.Call(ctx, c.peer, QueryLineEvents, in)
}
