// Package outbox keeps what is to be told to others on account of a change of state. An event is
// added in the transaction that makes the change: either both happen or neither. Events of one stream
// and key have one order, that in which their transactions committed.
//
// Take and Done are what a delivery is made of: take the heads in a transaction, send them, do away
// with them. Retry schedules, signatures and dead letters belong to the deliverer, which this
// package does not contain.
package outbox

import (
	"context"
	"embed"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"puente/shared/database"
)

//go:embed sql/migrations/*.sql
var files embed.FS

// Migrations are those of schema outbox.
var Migrations = database.Migrations{Schema: "outbox", FS: database.Files(files)}

// Channel is notified with the stream's name when a transaction that added events commits.
const Channel = "outbox_added"

// Event is one thing to tell.
type Event struct {
	ID      uuid.UUID // the receiver's means to know a repetition; Add makes one where it is zero
	Stream  string    // who is told: partnerhub.notifications
	Key     string    // within which order is kept: a subscription, a conversation
	Type    string    // subscription.renewed
	Payload []byte

	Sequence int64     // its place in the whole; set by the database
	Created  time.Time // set by the database
}

// sealer encrypts payloads; a keyring.Ring is one.
type sealer interface {
	Seal(context string, plain []byte) []byte
	Open(context string, sealed []byte) ([]byte, error)
}

// Outbox adds and takes events.
type Outbox struct{ ring sealer }

// New makes an outbox that encrypts payloads under ring; nil leaves them readable, which is for
// events that name no person.
func New(ring sealer) *Outbox { return &Outbox{ring: ring} }

// Add stores the event with tx. Transactions that add to the same stream and key wait for each
// other from here to their end, so that the order of their events is that of their commits; add as
// late as you can.
func (o *Outbox) Add(ctx context.Context, tx pgx.Tx, e Event) error {
	if e.ID == uuid.Nil {
		id, err := uuid.NewV7()
		if err != nil {
			return fmt.Errorf("outbox: make an id: %w", err)
		}
		e.ID = id
	}
	payload := e.Payload
	if payload == nil {
		payload = []byte{}
	}
	if o.ring != nil {
		payload = o.ring.Seal(sealContext(e.Stream, e.ID), payload)
	}
	if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtextextended($1, 0))`, "outbox\x1f"+e.Stream+"\x1f"+e.Key); err != nil {
		return fmt.Errorf("outbox: order %s: %w", e.Stream, database.Problem(err))
	}
	_, err := tx.Exec(ctx, `
		with added as (
			insert into outbox.events (id, stream, key, type, payload, sealed) values ($1, $2, $3, $4, $5, $6)
		)
		select pg_notify($7, $2)`, e.ID, e.Stream, e.Key, e.Type, payload, o.ring != nil, Channel)
	if err != nil {
		return fmt.Errorf("outbox: add to %s: %w", e.Stream, database.Problem(err))
	}
	return nil
}

// sealContext binds a sealed payload to its row.
func sealContext(stream string, id uuid.UUID) string { return "outbox/" + stream + "/" + id.String() }

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Pending gives the first limit events of a stream in their order, for people and tests.
func (o *Outbox) Pending(ctx context.Context, db querier, stream string, limit int) ([]Event, error) {
	return o.query(ctx, db, `
		select id, stream, key, type, payload, sealed, sequence, created_at from outbox.events
		where stream = $1 order by sequence limit $2`, stream, limit)
}

// Take locks and gives up to limit events of a stream: of each key only the first, and none that
// another transaction has taken. What comes after an event stays until Done did away with it.
func (o *Outbox) Take(ctx context.Context, tx pgx.Tx, stream string, limit int) ([]Event, error) {
	return o.query(ctx, tx, `
		select id, stream, key, type, payload, sealed, sequence, created_at from outbox.events e
		where stream = $1 and not exists (
			select from outbox.events p where p.stream = e.stream and p.key = e.key and p.sequence < e.sequence
		)
		order by sequence limit $2 for update skip locked`, stream, limit)
}

// Done does away with events that were delivered.
func (o *Outbox) Done(ctx context.Context, tx pgx.Tx, events ...Event) error {
	ids := make([]uuid.UUID, len(events))
	for i, e := range events {
		ids[i] = e.ID
	}
	if _, err := tx.Exec(ctx, `delete from outbox.events where id = any($1)`, ids); err != nil {
		return fmt.Errorf("outbox: done: %w", database.Problem(err))
	}
	return nil
}

func (o *Outbox) query(ctx context.Context, db querier, sql string, args ...any) ([]Event, error) {
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("outbox: read: %w", database.Problem(err))
	}
	events, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e Event, err error) {
		var sealed bool
		if err = row.Scan(&e.ID, &e.Stream, &e.Key, &e.Type, &e.Payload, &sealed, &e.Sequence, &e.Created); err != nil || !sealed {
			return e, err
		}
		if o.ring == nil {
			return e, fmt.Errorf("event %s is sealed and there is no key ring", e.ID)
		}
		e.Payload, err = o.ring.Open(sealContext(e.Stream, e.ID), e.Payload)
		return e, err
	})
	if err != nil {
		return nil, fmt.Errorf("outbox: read: %w", database.Problem(err))
	}
	return events, nil
}
