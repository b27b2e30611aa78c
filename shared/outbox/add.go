package outbox

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"puente/shared/database"
	"puente/shared/telemetry"
)

// Add stores the events with tx, in their order. Transactions that add to the same stream and key wait for each
// other from here to their end, so that the order of their events is that of their commits; a
// delivery of that key waits, too, before it is written down. Add as late as you can, all at once, and to several
// keys in one order. The sends are logged under the correlation ID of ctx and are spans
// of its trace, however late they are. tx must be read committed: at any other level it could not see which
// events of the key have ended since it began.
func (o *Outbox) Add(ctx context.Context, tx pgx.Tx, events ...Event) error {
	if len(events) == 0 {
		return nil
	}
	now := o.now()
	var added columns
	for _, e := range events {
		if err := o.complete(&e, now); err != nil {
			return fmt.Errorf("outbox: add: %w", err)
		}
		added.append(&e)
	}
	batch := &pgx.Batch{}
	batch.Queue(lockKeys, added.lanes)
	batch.Queue(insertEvents, added.ids, added.streams, added.destinations, added.keys, added.types, added.payloads, added.dues, added.lanes,
		o.ring != nil, now, telemetry.Correlation(ctx), telemetry.TraceOf(ctx).Traceparent(), Channel)
	results := tx.SendBatch(ctx, batch)
	defer func() { _ = results.Close() }() // its error was returned by one of these
	var isolation string
	if err := results.QueryRow().Scan(nil, &isolation); err != nil {
		return fmt.Errorf("outbox: order %s: %w", events[0].Stream, database.Problem(err))
	}
	if isolation != "read committed" {
		return fmt.Errorf("outbox: add to %s: the transaction is %s, and must be read committed", events[0].Stream, isolation)
	}
	if _, err := results.Exec(); err != nil {
		return fmt.Errorf("outbox: add to %s: %w", events[0].Stream, database.Problem(err))
	}
	return nil
}

// complete gives an event what its maker left out, and seals its payload.
func (o *Outbox) complete(e *Event, now time.Time) error {
	if err := e.validate(); err != nil {
		return err
	}
	if e.ID == uuid.Nil {
		id, err := uuid.NewV7()
		if err != nil {
			return fmt.Errorf("make an id: %w", err)
		}
		e.ID = id
	}
	if e.Key == "" {
		e.Key = e.ID.String()
	}
	if e.Payload == nil {
		e.Payload = []byte{}
	}
	if o.ring != nil {
		e.Payload = o.ring.Seal(sealContext(e.Stream, e.ID), e.Payload)
	}
	if e.Due.Before(now) {
		e.Due = now
	}
	return nil
}

// columns are events as the statement takes them.
type columns struct {
	ids                                       []uuid.UUID
	streams, destinations, keys, types, lanes []string
	payloads                                  [][]byte
	dues                                      []time.Time
}

func (c *columns) append(e *Event) {
	c.ids = append(c.ids, e.ID)
	c.streams = append(c.streams, e.Stream)
	c.destinations = append(c.destinations, e.Destination)
	c.keys = append(c.keys, e.Key)
	c.types = append(c.types, e.Type)
	c.lanes = append(c.lanes, lane(e.Stream, e.Key))
	c.payloads = append(c.payloads, e.Payload)
	c.dues = append(c.dues, e.Due)
}

// An event is a head where none of its key is pending, and none was added before it. The arrays are selected so that
// a plan does not depend on how long they are, and is kept.
const insertEvents = `
	with added as (
		insert into outbox.events (id, stream, destination, key, type, payload, due_at, sealed, created_at, correlation, traceparent, head)
		select e.id, e.stream, e.destination, e.key, e.type, e.payload, e.due_at, $9, $10, $11, nullif($12, ''),
			row_number() over (partition by e.lane order by e.n) = 1 and (
				select p.id from outbox.events p where p.lane = e.lane and p.state = 'pending' order by p.sequence limit 1
			) is null
		from unnest(
			(select $1::uuid[]), (select $2::text[]), (select $3::text[]), (select $4::text[]), (select $5::text[]), (select $6::bytea[]),
			(select $7::timestamptz[]), (select $8::text[])
		) with ordinality as e (id, stream, destination, key, type, payload, due_at, lane, n)
		order by e.n
	)
	select pg_notify($13, s.stream) from (select distinct stream from unnest((select $2::text[])) as a (stream)) as s`
