// Package tmforum is the channel of those who speak TM Forum's Open APIs v4: a contract per document of
// the standard over the operator's processes, with one error body and one way to select members.
package tmforum

import (
	"puente/contracts/papi/reconnection"
	"puente/contracts/papi/tvvalidation"
	"puente/contracts/xapi/tmf621"
	"puente/contracts/xapi/tmf640"
	"puente/contracts/xapi/tmf641"
	"puente/contracts/xapi/tmf653"
	"puente/shared/problem"
	"puente/shared/server"
)

// TroubleTicket is TMF621: the PQRs of the reconnection process.
var TroubleTicket = server.API{Contract: &tmf621.Contract, Fault: problem.TMF, Mount: func(env *server.Env) error {
	c := &ticketChannel{pqrs: reconnection.NewClient(env)}
	server.Handle(env, tmf621.RetrieveTroubleTicket, c.Retrieve)
	return nil
}}

// ServiceOrdering is TMF641: reconnections as service orders.
var ServiceOrdering = server.API{Contract: &tmf641.Contract, Fault: problem.TMF, Mount: func(env *server.Env) error {
	c := &orderChannel{process: reconnection.NewClient(env)}
	server.Handle(env, tmf641.CreateServiceOrder, c.Create)
	server.Handle(env, tmf641.RetrieveServiceOrder, c.Retrieve)
	return nil
}}

// ServiceTest is TMF653: the validation of television as a service test.
var ServiceTest = server.API{Contract: &tmf653.Contract, Fault: problem.TMF, Mount: func(env *server.Env) error {
	c := &testChannel{validator: tvvalidation.NewClient(env)}
	server.Handle(env, tmf653.CreateServiceTest, c.Create)
	server.Handle(env, tmf653.RetrieveServiceTest, c.Retrieve)
	return nil
}}

// ServiceActivation is TMF640: television by the inventory, and its normalizations as monitors.
var ServiceActivation = server.API{Contract: &tmf640.Contract, Fault: problem.TMF, Mount: func(env *server.Env) error {
	c := &activationChannel{television: tvvalidation.NewClient(env)}
	server.Handle(env, tmf640.RetrieveService, c.Service)
	server.Handle(env, tmf640.RetrieveMonitor, c.Monitor)
	return nil
}}
