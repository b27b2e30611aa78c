// Package server hosts APIs: it takes the layers that a process is to run, gives each API its
// environment, and serves what they declare.
//
//	API      what an API declares: its contract, how it mounts, how it shows errors
//	Env      what an API gets, and only what depends on where it runs
//	Handle   an operation's implementation: its route and its typed hop at once
//	Run      one process from configuration to drain
package server

import (
	"puente/shared/database"
	"puente/shared/hop"
	"puente/shared/policy"
	"puente/shared/problem"
	"puente/shared/typology"
)

// API is one API as its package declares it.
type API struct {
	Contract   *hop.Contract
	Mount      func(*Env) error      // reads its configuration, wires itself, calls Handle
	Fault      problem.Dialect       // how a public API shows errors; default RFC 9457
	Texts      *typology.Declaration // of its result codes, for operators to edit
	Listener   Listener              // default: Public for experience APIs, Internal for others
	Migrations []database.Migrations // of its PostgreSQL schema
	Lasting    []string              // its tables, as schema.table, whose rows are never pruned
	NotFound   string                // code of the error where its path prefix matches and no operation does

	// Verifier makes, for a public API whose access tokens are its own, what verifies them in place of
	// the layer's. It is told the scopes of the operation; a token of another API's is not active there.
	Verifier func(hop.Dialer) policy.Verifier
}

// Listener says who reaches an API by HTTP.
type Listener uint8

// The listeners. Never one port for all.
const (
	ByLayer    Listener = iota
	Public              // channels and partners, behind the whole policy chain
	Internal            // the other layers, when they are other processes
	Operations          // operators
	Callbacks           // third-party systems that call us back, behind the policy chain, too
)

// Layer is the APIs of one layer.
type Layer struct {
	Name string // xapi, papi or sapi
	APIs []API

	// Verifier makes, for the layer with the public edge, what verifies access tokens.
	Verifier func(hop.Dialer) policy.Verifier
}

func (a *API) listener() Listener {
	if a.Listener != ByLayer {
		return a.Listener
	}
	if a.Contract.Layer == "xapi" {
		return Public
	}
	return Internal
}

func (a *API) dialect() problem.Dialect {
	if a.Fault != nil {
		return a.Fault
	}
	return problem.Details
}
