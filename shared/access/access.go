// Package access holds who may call what, and how often: client applications with their contracts
// and tiers, the systems (origins) that clients speak for, and the switches by which operators turn
// APIs off. The tables live in PostgreSQL; every process works on an immutable Snapshot of them,
// which follows a change within a second, announced by NOTIFY and found by a poll if the
// announcement was lost. When the database is away the last snapshot stays.
package access

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Client is a client application of the authorization server.
type Client struct {
	ID        string // the client_id of its tokens
	Name      string
	Status    Status
	Systems   []string       // bound systems, by canonical name
	Addresses []netip.Prefix // where it may call from; none: anywhere

	contracts map[string]*Contract
}

// Status says whether a client or a system is let in.
type Status string

// The states of a client and of a system.
const (
	Active    Status = "active"
	Suspended Status = "suspended"
)

// Contract gives what was agreed with the client on an API, by the API's contract name.
func (c *Client) Contract(api string) (*Contract, bool) {
	k, ok := c.contracts[api]
	return k, ok
}

// Bound reports whether the client may speak for the system of this name, in any case.
func (c *Client) Bound(system string) bool {
	return slices.ContainsFunc(c.Systems, func(s string) bool { return strings.EqualFold(s, system) })
}

// From reports whether the client may call from addr.
func (c *Client) From(addr netip.Addr) bool {
	if len(c.Addresses) == 0 {
		return true
	}
	addr = addr.Unmap()
	return slices.ContainsFunc(c.Addresses, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// Contract is an agreement that a client may use an API within a tier.
type Contract struct {
	API    string
	Status ContractStatus
	Tier   *Tier
}

// ContractStatus says whether a contract holds.
type ContractStatus string

// The states of a contract. Only an approved one opens the API.
const (
	Approved ContractStatus = "approved"
	Pending  ContractStatus = "pending"
	Revoked  ContractStatus = "revoked"
)

// Tier is a named set of limits that hold together: 10 a second and 1,000 a minute.
type Tier struct {
	Name   string
	Limits []Limit // shortest window first
}

// Limit is a number of requests in any window of that length.
type Limit struct {
	Requests int
	Window   time.Duration
}

// System is an origin as the channel names it in its requests: TIENDA, MiETB.
type System struct {
	Name     string // canonical
	Active   bool
	APIs     []string // contract names; nil: all
	Channels []string // nil: all
	Channel  string   // taken where the request names none
	Limits   []Limit

	channels map[string][]string // by API, where they are fewer than Channels
}

// Uses reports whether the system may use the API.
func (s *System) Uses(api string) bool { return s.APIs == nil || slices.Contains(s.APIs, api) }

// Through reports whether the system may come through the channel, in any case.
func (s *System) Through(channel string) bool { return s.Channels == nil || named(s.Channels, channel) }

// UsesThrough reports whether the system may use the API through the channel, in any case: one of its
// channels, or its default one, and one of those that it has for this API, where these are given.
func (s *System) UsesThrough(api, channel string) bool {
	if only, ok := s.channels[api]; ok && !named(only, channel) {
		return false
	}
	return strings.EqualFold(channel, s.Channel) || s.Through(channel)
}

func named(channels []string, channel string) bool {
	return slices.ContainsFunc(channels, func(c string) bool { return strings.EqualFold(c, channel) })
}
