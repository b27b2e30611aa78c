// Package subscription sells what partners offer to the lines of an operator (source document: Partner Hub
// Platform, v1.7): subscriptions and their renewal, charges on demand, messages, and what partners are told.
// One transaction spans a change of state, its notification and its message. Its parts:
//
//	catalogue     what is sold, by whom, and how they are told
//	credential    access tokens of partners
//	line          the numbers, sealed, and the operator's directory
//	enrolment     a visit: PIN or header enrichment, consent, first charge
//	lifecycle     the states of a subscription
//	charging      charges: once, whatever happens
//	renewal       what is due
//	messaging     messages to lines; inbound: from them
//	notification  what partners are told
//	redirect      the token that a browser takes to a partner
//	acceptance    the integration acceptance matrix
//
// Locks are taken in one order: subscriptions, then charges, then what lines spend, then the outbox.
package subscription

import (
	"embed"
	"time"

	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/charging"
	"puente/papi/subscription/lifecycle"
	"puente/papi/subscription/line"
	"puente/shared/database"
	"puente/shared/keyring"
)

//go:embed sql/migrations/*.sql
var files embed.FS

// migrations are those of schema subscription.
var migrations = database.Migrations{Schema: "subscription", FS: database.Files(files)}

// process is this API, with its parts.
type process struct {
	db        *database.DB
	ring      *keyring.Ring
	catalogue *catalogue.Store
	book      *line.Book
	directory *line.Directory
	lifecycle *lifecycle.Lifecycle
	writer    *lifecycle.Writer
	charging  *charging.Charging
	now       func() time.Time
}
