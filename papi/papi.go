// Package papi is the layer of process APIs, one per business process: a line each.
package papi

import (
	"puente/papi/reconnection"
	"puente/papi/subscription"
	"puente/papi/tvvalidation"
	"puente/shared/server"
)

// Layer is what a process hosts that runs this layer.
var Layer = server.Layer{Name: "papi", APIs: []server.API{
	reconnection.API,
	subscription.API,
	tvvalidation.API,
}}
