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
//	repeat        requests that come again
//	messaging     messages to lines; inbound: from them
//	notification  what partners are told
//	redirect      the token that a browser takes to a partner
//	acceptance    the integration acceptance matrix; evidence: what it rests on
//
// Locks are taken in one order: conversations, subscriptions, charges, what lines spend, the outbox.
package subscription

import (
	"context"
	"embed"
	"time"

	contract "puente/contracts/papi/subscription"
	"puente/contracts/sapi/carrierbilling"
	"puente/contracts/sapi/headerenrichment"
	"puente/contracts/sapi/smsc"
	"puente/contracts/sapi/subscriber"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/charging"
	"puente/papi/subscription/credential"
	"puente/papi/subscription/enrolment"
	"puente/papi/subscription/evidence"
	"puente/papi/subscription/inbound"
	"puente/papi/subscription/lifecycle"
	"puente/papi/subscription/line"
	"puente/papi/subscription/messaging"
	"puente/papi/subscription/notification"
	"puente/papi/subscription/renewal"
	"puente/papi/subscription/repeat"
	"puente/papi/subscription/support"
	"puente/papi/subscription/tally"
	"puente/shared/database"
	"puente/shared/keyring"
	"puente/shared/outbox"
	"puente/shared/server"
)

//go:embed sql/migrations/*.sql
var files embed.FS

// migrations are those of schema subscription.
var migrations = database.Migrations{Schema: "subscription", FS: database.Files(files)}

// API is the declaration that the layer lists. What was charged, and who agreed to it, stays.
var API = server.API{
	Contract:   &contract.Contract,
	Mount:      mount,
	Migrations: []database.Migrations{migrations},
	Lasting:    []string{"subscription.charges", "subscription.attempts", "subscription.consents", "subscription.subscriptions", "subscription.catalogue", "subscription.evidence", "subscription.decisions"},
}

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
	messages  *messaging.Sender
	now       func() time.Time
}

func mount(env *server.Env) error {
	cfg := defaults()
	if err := env.Config(&cfg); err != nil {
		return err
	}
	db, ring, log, registry := env.Database(), env.Keyring(), env.Logger(), env.Registerer()
	lines, gateway := subscriber.NewClient(env), smsc.NewClient(env)
	box := outbox.New(ring, env.Now)
	count := tally.New(ring)
	p := &process{
		db: db, ring: ring, catalogue: catalogue.NewStore(db, ring, log, registry), book: line.NewBook(ring, log), directory: line.NewDirectory(lines),
		lifecycle: lifecycle.New(cfg.Renewal.Rule), now: env.Now,
	}
	proofs := evidence.New()
	desk := evidence.NewDesk(cfg.Acceptance, db, p.catalogue, p.now)
	p.catalogue.Guard(desk.Gate)
	p.messages = messaging.New(cfg.Messaging.Config, messaging.Deps{
		DB: db, Outbox: box, Ring: ring, Catalogue: p.catalogue, Book: p.book, Directory: p.directory, Evidence: proofs, Now: p.now, Log: log,
		Registerer: registry,
	})
	p.writer = lifecycle.NewWriter(p.catalogue, p.book, notification.New(box), p.messages)
	p.charging = charging.New(cfg.Charging, charging.Deps{
		DB: db, Billing: carrierbilling.NewClient(env), Catalogue: p.catalogue, Book: p.book, Lifecycle: p.lifecycle, Writer: p.writer, Now: p.now, Log: log, Registerer: registry,
	})
	tokens, err := credential.New(cfg.Tokens, credential.Deps{DB: db, Catalogue: p.catalogue, Tally: count, Evidence: proofs, Now: p.now, Log: log})
	if err != nil {
		return err
	}
	flows := enrolment.New(cfg.Enrolment, enrolment.Deps{
		DB: db, Ring: ring, Catalogue: p.catalogue, Book: p.book, Directory: p.directory, Enrichment: headerenrichment.NewClient(env), Charging: p.charging,
		Lifecycle: p.lifecycle, Writer: p.writer, Users: p.messages, Tally: count, Now: p.now, Log: log, Registerer: registry,
	})
	renewals := renewal.New(cfg.Renewal.Config, renewal.Deps{
		DB: db, Catalogue: p.catalogue, Book: p.book, Directory: p.directory, Events: lines, Lifecycle: p.lifecycle, Writer: p.writer, Charging: p.charging,
		Now: p.now, Log: log, Registerer: registry,
	})
	received := inbound.New(cfg.Inbound, inbound.Deps{
		DB: db, Center: gateway, Catalogue: p.catalogue, Book: p.book, Lifecycle: p.lifecycle, Writer: p.writer, Messages: p.messages, Now: p.now, Log: log, Registerer: registry,
	})

	env.Follow("subscription.catalogue", p.catalogue)
	env.Administer(desk.Resource()) // before the catalogue: a waiver comes before what it lets pass
	env.Administer(p.catalogue.Resources()...)
	env.Administer(support.New(db, p.book, p.charging, flows, p.lifecycle, p.writer, p.namedByAny, p.now).Resources()...)
	if err := p.deliver(env, cfg, box, gateway, proofs); err != nil {
		return err
	}
	server.Handle(env, contract.IssueToken, tokens.IssueToken)
	server.Handle(env, contract.VerifyToken, tokens.VerifyToken)
	server.Handle(env, contract.VerifyRedirect, tokens.VerifyRedirect)
	server.Handle(env, contract.Charge, p.Charge)
	server.Handle(env, contract.QueryCharge, p.QueryCharge)
	server.Handle(env, contract.SendMessage, p.SendMessage)
	server.Handle(env, contract.OptOut, p.OptOut)
	server.Handle(env, contract.DescribeOffer, flows.DescribeOffer)
	server.Handle(env, contract.MintHandle, flows.MintHandle)
	server.Handle(env, contract.StartFlow, flows.StartFlow)
	server.Handle(env, contract.ResendPIN, flows.ResendPIN)
	server.Handle(env, contract.ConfirmFlow, flows.ConfirmFlow)
	server.Handle(env, contract.QueryEnrolment, flows.QueryEnrolment)

	env.Every("resolve", cfg.Charging.Inquire, p.charging.Resolve)
	env.Every("inbound", time.Second, received.Work)
	env.Every("inbound_again", time.Minute, received.Again)
	env.Every("expire_flows", time.Minute, flows.Expire)
	env.Every("prune_tokens", time.Hour, tokens.Prune)
	env.Every("prune_messages", time.Hour, p.messages.Prune)
	env.Every("prune_requests", time.Hour, p.charging.Prune)
	env.Every("prune_answers", time.Hour, func(ctx context.Context) error { return repeat.Prune(ctx, db, p.now()) })
	return renewals.Schedule(env.Jobs(), contract.Contract.String())
}
