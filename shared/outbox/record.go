package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"puente/shared/database"
	"puente/shared/problem"
)

// Record is an event as people see it: without its payload.
type Record struct {
	ID          uuid.UUID  `json:"id"`
	Sequence    int64      `json:"sequence"`
	Stream      string     `json:"stream"`
	Destination string     `json:"destination"`
	Type        string     `json:"type"`
	State       State      `json:"state"`
	Head        bool       `json:"head"` // pending: it is what comes next of its key
	Attempts    int        `json:"attempts"`
	Reason      string     `json:"reason,omitzero"` // of the last attempt, where it was no delivery
	Created     time.Time  `json:"created"`
	Due         *time.Time `json:"due,omitzero"`   // pending
	Ended       *time.Time `json:"ended,omitzero"` // delivered or dead
}

// Filter says which events of a stream are wanted. Destination and Type may be left out.
type Filter struct {
	Stream      string
	State       State
	Destination string
	Type        string
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

const recordColumns = `
	e.id, e.sequence, e.stream, e.destination, e.type, e.state, e.head, e.attempts, e.reason, e.created_at,
	case when e.state = 'pending' then e.due_at end, e.ended_at`

// selectPage goes backwards in the order of the whole.
const selectPage = `select` + recordColumns + `
	from outbox.events e
	where e.stream = $1 and e.state = $2 and e.sequence < $5 and ($3 = '' or e.destination = $3) and ($4 = '' or e.type = $4)
	order by e.sequence desc limit $6`

// List gives a page of events, the latest first: those before a sequence, that of the last of the
// page before; zero begins.
func (o *Outbox) List(ctx context.Context, db querier, f Filter, before int64, limit int) ([]Record, error) {
	if before <= 0 {
		before = 1<<63 - 1
	}
	rows, _ := db.Query(ctx, selectPage, f.Stream, f.State, f.Destination, f.Type, before, limit) // its error comes with the rows
	records, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Record])
	if err != nil {
		return nil, fmt.Errorf("outbox: list %s: %w", f.Stream, database.Problem(err))
	}
	return records, nil
}

const selectRecord = `select` + recordColumns + ` from (select * from outbox.events where id = $1 offset 0) e where e.stream = $2` // see selectLetter

// Find gives one event of a stream, or problem.NotFound.
func (o *Outbox) Find(ctx context.Context, db querier, stream string, id uuid.UUID) (Record, error) {
	rows, _ := db.Query(ctx, selectRecord, id, stream) // its error comes with the rows
	r, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Record])
	if errors.Is(err, pgx.ErrNoRows) {
		return r, &problem.Error{Kind: problem.NotFound}
	}
	if err != nil {
		return r, fmt.Errorf("outbox: find %s: %w", id, database.Problem(err))
	}
	return r, nil
}

const selectAttempts = `select a.event_id, a.number, a.at, a.micros, a.result, a.status, a.reason from outbox.attempts a where a.event_id = $1 order by a.number`

// Attempts gives what was tried to deliver an event, the first first.
func (o *Outbox) Attempts(ctx context.Context, db querier, id uuid.UUID) ([]Attempt, error) {
	rows, _ := db.Query(ctx, selectAttempts, id) // its error comes with the rows
	attempts, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a Attempt, err error) {
		var micros int64
		err = row.Scan(&a.Event, &a.Number, &a.At, &micros, &a.Result, &a.Status, &a.Reason)
		a.Duration = time.Duration(micros) * time.Microsecond
		return a, err
	})
	if err != nil {
		return nil, fmt.Errorf("outbox: read the attempts of %s: %w", id, database.Problem(err))
	}
	return attempts, nil
}

const selectPending = `
	select e.id, e.stream, e.destination, e.key, e.type, e.payload, e.sealed, e.sequence, e.created_at
	from outbox.events e where e.stream = $1 and e.state = 'pending' order by e.sequence limit $2`

// Pending gives the first events of a stream that are to be delivered, in their order and with their
// payloads, for tests and tools.
func (o *Outbox) Pending(ctx context.Context, db querier, stream string, limit int) ([]Event, error) {
	rows, _ := db.Query(ctx, selectPending, stream, limit) // its error comes with the rows
	events, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e Event, err error) {
		var sealed bool
		err = row.Scan(&e.ID, &e.Stream, &e.Destination, &e.Key, &e.Type, &e.Payload, &sealed, &e.Sequence, &e.Created)
		if err == nil && sealed {
			e.Payload, err = o.open(e.Stream, e.ID, e.Payload)
		}
		return e, err
	})
	if err != nil {
		return nil, fmt.Errorf("outbox: read %s: %w", stream, database.Problem(err))
	}
	return events, nil
}
