package outbox

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"puente/shared/database"
	"puente/shared/httpclient"
)

// claimed is an event that this process may send until its lease ends.
type claimed struct {
	Event
	step     int
	attempts int
	lease    uuid.UUID
	unread   error // why the payload could not be opened

	correlation string
	traceparent string // of the request; empty: of none
	admission   httpclient.Admission
}

// selectReady names the destinations that have something to send. It goes from name to name in the
// index of heads, so that it costs by destinations, not by events.
const selectReady = `
	with recursive names as (
		(select e.destination from outbox.events e where e.stream = $1 and e.head order by e.destination limit 1)
		union all
		select (select e.destination from outbox.events e where e.stream = $1 and e.head and e.destination > n.destination order by e.destination limit 1)
		from names n where n.destination is not null
	)
	select n.destination from names n cross join lateral (
		select from outbox.events e
		where e.stream = $1 and e.destination = n.destination and e.head and e.due_at <= $2
		  and (e.leased_until is null or e.leased_until <= clock_timestamp())
		limit 1
	) due
	where n.destination is not null
	  and (select d.paused_at from outbox.destinations d where d.stream = $1 and d.name = n.destination) is null`

// ready names the destinations for which something is due.
func (d *Deliverer) ready(ctx context.Context) ([]string, error) {
	rows, _ := d.db.Query(ctx, selectReady, d.stream, d.now()) // its error comes with the rows
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("outbox: look for what is due in %s: %w", d.stream, database.Problem(err))
	}
	return names, nil
}

// selectDue locks the events of a destination that have been due for the longest. It may have been paused since it
// was named.
const selectDue = `
	select e.id from outbox.events e
	where e.stream = $1 and e.destination = $2 and e.head and e.due_at <= $3
	  and (e.leased_until is null or e.leased_until <= clock_timestamp())
	  and (select d.paused_at from outbox.destinations d where d.stream = $1 and d.name = $2) is null
	order by e.due_at limit $4 for update skip locked`

// leaseEvent leases one that is locked. A lease that was not given back is one that ended with its
// process: what became of its attempt nobody knows. Events are leased one by one, in one round trip: of
// a set of ids the planner would make a scan of the table while that is small, and keep to it.
const leaseEvent = `
	with lost as (
		insert into outbox.attempts (event_id, number, at, micros, result, status, reason)
		select e.id, e.attempts + 1, $2, 0, $5, 0, 'lease ended' from outbox.events e where e.id = $1 and e.lease is not null
	)
	update outbox.events e
	set lease = $3, leased_until = clock_timestamp() + $4::interval, attempts = e.attempts + (e.lease is not null)::int
	where e.id = $1
	returning e.id, e.stream, e.destination, e.key, e.type, e.payload, e.sealed, e.sequence, e.created_at, e.step, e.attempts, e.lease, e.correlation, coalesce(e.traceparent, '')`

// claim leases events for the wants, and gives back the places that it has no use for.
func (d *Deliverer) claim(ctx context.Context, wants []want) ([]*claimed, error) {
	left := make(map[string][]httpclient.Admission, len(wants))
	for _, w := range wants {
		if len(w.admissions) > 0 {
			left[w.destination] = w.admissions
		}
	}
	defer func() {
		for name, admissions := range left {
			for _, a := range admissions {
				d.shares.done(name, a, Postponed, d.now(), 0)
			}
		}
	}()
	if len(left) == 0 {
		return nil, nil
	}
	var events []*claimed
	err := pgx.BeginFunc(ctx, d.db, func(tx pgx.Tx) (err error) {
		due, leases := &pgx.Batch{}, &pgx.Batch{}
		now, lease := d.now(), uuid.New()
		for name, admissions := range left {
			due.Queue(selectDue, d.stream, name, now, len(admissions)).Query(func(rows pgx.Rows) error {
				ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
				for _, id := range ids {
					leases.Queue(leaseEvent, id, now, lease, d.cfg.Lease, lost.String()).Query(func(rows pgx.Rows) error {
						e, err := pgx.CollectExactlyOneRow(rows, d.scan)
						events = append(events, e)
						return err
					})
				}
				return err
			})
		}
		if err := tx.SendBatch(ctx, due).Close(); err != nil || leases.Len() == 0 {
			return err
		}
		return tx.SendBatch(ctx, leases).Close()
	})
	if err != nil {
		return nil, fmt.Errorf("outbox: claim of %s: %w", d.stream, database.Problem(err))
	}
	for _, e := range events {
		last := len(left[e.Destination]) - 1
		e.admission = left[e.Destination][last]
		left[e.Destination] = left[e.Destination][:last]
	}
	return events, nil
}

// scan reads an event. One that cannot be opened must not keep the others.
func (d *Deliverer) scan(row pgx.CollectableRow) (*claimed, error) {
	e := &claimed{}
	var sealed bool
	err := row.Scan(&e.ID, &e.Stream, &e.Destination, &e.Key, &e.Type, &e.Payload, &sealed, &e.Sequence, &e.Created, &e.step, &e.attempts, &e.lease, &e.correlation, &e.traceparent)
	if err == nil && sealed {
		e.Payload, e.unread = d.outbox.open(e.Stream, e.ID, e.Payload)
	}
	return e, err
}

// statementTimeout bounds what is asked of the database.
const statementTimeout = 5 * time.Second
