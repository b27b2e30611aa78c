// Package headerenrichment reads the number that an operator's proxy puts into plain HTTP requests, where
// a request did come through such a proxy. Whoever else sends the same headers may write any number.
package headerenrichment

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"puente/contracts/sapi/headerenrichment"
	"puente/shared/server"
)

// API is the declaration that the layer lists.
var API = server.API{Contract: &headerenrichment.Contract, Mount: mount}

// system is the operators, as this package knows them.
type system struct {
	edges     []netip.Prefix
	operators []Operator
}

func mount(env *server.Env) error {
	var cfg Config
	if err := env.Config(&cfg); err != nil {
		return err
	}
	s := newSystem(&cfg)
	server.Handle(env, headerenrichment.Resolve, s.Resolve)
	return nil
}

func newSystem(cfg *Config) *system { return &system{edges: cfg.Edges, operators: cfg.Operators} }

// Resolve tells the line that a request came over, or why that cannot be told.
func (s *system) Resolve(_ context.Context, in headerenrichment.Request) (headerenrichment.Resolution, error) {
	o := s.origin(in.Peer, in.Forwarded)
	if o == nil {
		return headerenrichment.Resolution{Reason: headerenrichment.ReasonUntrustedPeer}, nil
	}
	said := o.said(in.Headers)
	switch len(said) {
	case 0:
		return headerenrichment.Resolution{Reason: headerenrichment.ReasonNoHeader}, nil
	case 1:
		return said[0], nil
	}
	return headerenrichment.Resolution{Reason: headerenrichment.ReasonConflictingValues}, nil
}

// origin is the operator whose proxy sent a request; nil: none's. What an edge says of who called it counts,
// and nobody else's word does.
func (s *system) origin(peer, forwarded string) *Operator {
	from, ok := address(peer)
	if ok && contains(s.edges, from) {
		from, ok = address(forwarded)
	}
	if !ok {
		return nil
	}
	for i := range s.operators {
		if contains(s.operators[i].Networks, from) {
			return &s.operators[i]
		}
	}
	return nil
}

// address reads an address as networks are compared with: an IPv4 one that came as IPv6 is IPv4.
func address(s string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(s)
	return a.Unmap(), err == nil
}

func contains(list []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(a) })
}

// said is what the operator's headers say, each thing once. Proxies join the lines of a header with commas,
// which stand in no number and no encoding of one.
func (o *Operator) said(headers []headerenrichment.Header) []headerenrichment.Resolution {
	var all []headerenrichment.Resolution
	for _, h := range headers {
		if !slices.ContainsFunc(o.Headers, func(name string) bool { return strings.EqualFold(name, h.Name) }) {
			continue
		}
		for value := range strings.SplitSeq(h.Value, ",") {
			if value = strings.Trim(value, " \t"); value == "" {
				continue
			}
			if r := o.read(value); !slices.Contains(all, r) {
				all = append(all, r)
			}
		}
	}
	return all
}

// read is what one value says.
func (o *Operator) read(value string) headerenrichment.Resolution {
	text, ok := o.Decoder.decode(value)
	if !ok {
		return headerenrichment.Resolution{Reason: headerenrichment.ReasonUndecodable}
	}
	msisdn, ok := o.Country.Parse(text)
	if !ok {
		return headerenrichment.Resolution{Reason: headerenrichment.ReasonNotMSISDN}
	}
	return headerenrichment.Resolution{MSISDN: msisdn, Operator: o.Name}
}
