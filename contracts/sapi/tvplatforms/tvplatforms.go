// Package tvplatforms is the contract of the system API in front of the operator's television platforms.
package tvplatforms

import (
	"context"
	_ "embed"

	"puente/shared/hop"
)

//go:embed openapi.yaml
var spec []byte

// Contract is this API, as its document promises it.
var Contract = hop.Contract{Layer: "sapi", Name: "tvplatforms", Spec: spec}

// Operations of the contract; method, path and status come from its document.
var (
	QueryAccess   = hop.Operation[AccessQuery, Access]{Contract: &Contract, ID: "queryAccess"}
	QueryHolding  = hop.Operation[HoldingQuery, Holding]{Contract: &Contract, ID: "queryHolding"}
	ChangeHolding = hop.Operation[Change, Changed]{Contract: &Contract, ID: "changeHolding"}
)

// The codes of errors that a caller can act on.
const (
	CodeNoAccess = "NO_ACCESS"      // NotFound: no means of access to the technology's platforms
	CodeRefused  = "CHANGE_REFUSED" // Rejected: the platform does not do it
)

// Technology is how television reaches a subscriber.
type Technology string

// The technologies that carry television.
const (
	TechnologyFTTH Technology = "FTTH"
	TechnologyHFC  Technology = "HFC"
	TechnologyIPTV Technology = "IPTV"
)

// Platform is one of the four that each technology has.
type Platform string

// The platforms, by what they hold of an account.
const (
	PlatformSubscribers Platform = "SUBSCRIBERS" // its state, one item
	PlatformChannels    Platform = "CHANNELS"    // codes of additional channels
	PlatformServices    Platform = "SERVICES"    // codes of additional services
	PlatformDevices     Platform = "DEVICES"     // MAC addresses of set-top boxes
)

// AccessQuery is schema AccessQuery.
type AccessQuery struct {
	Technology Technology `json:"technology"`
}

// Access is schema Access: the platforms of a technology that can be asked.
type Access struct {
	Platforms []Platform `json:"platforms"`
}

// HoldingQuery is schema HoldingQuery.
type HoldingQuery struct {
	Technology Technology `json:"technology"`
	Platform   Platform   `json:"platform"`
	Account    string     `json:"account"`
}

// Holding is schema Holding: what a platform holds of an account, as the platform spells it.
type Holding struct {
	Items []string `json:"items"`
}

// Change is schema Change. Of PlatformSubscribers, Add is the new state and Remove the one before.
type Change struct {
	Technology Technology `json:"technology"`
	Platform   Platform   `json:"platform"`
	Account    string     `json:"account"`
	Add        []string   `json:"add"`
	Remove     []string   `json:"remove"`
}

// Changed is schema Changed.
type Changed struct{}

// Client calls the television platforms' system API, in this process or in another.
type Client struct{ peer hop.Peer }

// NewClient finds out from d how the API is reached.
func NewClient(d hop.Dialer) *Client { return &Client{d.Peer(&Contract)} }

// Access tells which platforms of a technology can be asked. Errors: CodeNoAccess.
func (c *Client) Access(ctx context.Context, in AccessQuery) (Access, error) {
	return hop.Call(ctx, c.peer, QueryAccess, in)
}

// Holding tells what a platform holds of an account. Errors: CodeNoAccess, and those of any system.
func (c *Client) Holding(ctx context.Context, in HoldingQuery) (Holding, error) {
	return hop.Call(ctx, c.peer, QueryHolding, in)
}

// Change has a platform add and remove items; what is there or gone already is no error, so that it may
// be called again. Errors: CodeNoAccess, CodeRefused, and those of any system; then a part may be done.
func (c *Client) Change(ctx context.Context, in Change) error {
	_, err := hop.Call(ctx, c.peer, ChangeHolding, in)
	return err
}
