// Package sapi is the layer of system APIs, one per third-party system: a line each.
package sapi

import (
	"puente/sapi/carrierbilling"
	"puente/sapi/headerenrichment"
	"puente/sapi/inventory"
	"puente/sapi/oauth2"
	"puente/sapi/orders"
	"puente/sapi/pqr"
	"puente/sapi/salesorder"
	"puente/sapi/smsc"
	"puente/sapi/subscriber"
	"puente/sapi/tvplatforms"
	"puente/shared/server"
)

// Layer is what a process hosts that runs this layer.
var Layer = server.Layer{Name: "sapi", APIs: []server.API{
	carrierbilling.API,
	headerenrichment.API,
	inventory.API,
	oauth2.API,
	orders.API,
	pqr.API,
	salesorder.API,
	smsc.API,
	smsc.Callbacks,
	subscriber.API,
	tvplatforms.API,
}}
