package outbox

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"puente/shared/database"
	"puente/shared/problem"
)

// replayChunk is how many events a transaction replays, and so how many keys it locks.
const replayChunk = 200

// letter is a dead event, as far as a replay needs it.
type letter struct {
	ID       uuid.UUID
	Sequence int64
	Key      string
}

// selectLetter looks for the id alone: offset 0 keeps the stream out of the choice of an index.
const selectLetter = `
	select e.id, e.sequence, e.key from (select * from outbox.events where id = $1 offset 0) e where e.stream = $2`

// Replay has a dead event of a stream delivered after all. One that is not dead is problem.Conflict,
// one that is not there problem.NotFound.
func (o *Outbox) Replay(ctx context.Context, db *database.DB, stream string, id uuid.UUID) error {
	rows, _ := db.Query(ctx, selectLetter, id, stream) // its error comes with the rows
	letters, err := pgx.CollectRows(rows, pgx.RowToStructByPos[letter])
	if err != nil {
		return fmt.Errorf("outbox: find %s: %w", id, database.Problem(err))
	}
	if len(letters) == 0 {
		return &problem.Error{Kind: problem.NotFound}
	}
	n, err := o.replay(ctx, db, stream, letters)
	if err == nil && n == 0 {
		err = &problem.Error{Kind: problem.Conflict, Detail: "the event is not dead"}
	}
	return err
}

const selectDead = `
	select e.id, e.sequence, e.key from outbox.events e
	where e.stream = $1 and e.state = 'dead' and e.sequence > $4 and ($2 = '' or e.destination = $2) and ($3 = '' or e.type = $3)
	order by e.sequence limit $5`

// ReplayAll has all dead events of a stream delivered after all that f names, whose State is of no
// matter, and says how many they were. It works in transactions of some events; where it ends with an
// error, it may be asked again.
func (o *Outbox) ReplayAll(ctx context.Context, db *database.DB, f Filter) (replayed int, err error) {
	for after := int64(0); ; { // each is met once, though it may die again meanwhile
		rows, _ := db.Query(ctx, selectDead, f.Stream, f.Destination, f.Type, after, replayChunk) // its error comes with the rows
		letters, err := pgx.CollectRows(rows, pgx.RowToStructByPos[letter])
		if err != nil {
			return replayed, fmt.Errorf("outbox: find what is dead in %s: %w", f.Stream, database.Problem(err))
		}
		if len(letters) == 0 {
			return replayed, nil
		}
		after = letters[len(letters)-1].Sequence
		n, err := o.replay(ctx, db, f.Stream, letters)
		replayed += n
		if err != nil {
			return replayed, err
		}
	}
}

const revive = `
	update outbox.events set state = 'pending', head = false, step = 0, due_at = $2, ended_at = null
	where id = $1 and state not in ('pending', 'delivered')` // so that the index of the dead is no choice

// replay revives events and finds the heads of their keys anew.
func (o *Outbox) replay(ctx context.Context, db *database.DB, stream string, letters []letter) (n int, err error) {
	keys := make([]string, len(letters))
	for i, l := range letters {
		keys[i] = lane(stream, l.Key)
	}
	slices.Sort(keys) // all lock them in one order
	keys = slices.Compact(keys)
	now := o.now()
	batch := &pgx.Batch{}
	batch.Queue(lockKeys, keys)
	for _, l := range letters {
		batch.Queue(revive, l.ID, now).Exec(func(tag pgconn.CommandTag) error {
			n += int(tag.RowsAffected())
			return nil
		})
	}
	for _, key := range keys {
		reseat(batch, key, now)
	}
	batch.Queue(announce, Channel, stream)
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error { return tx.SendBatch(ctx, batch).Close() })
	if err != nil {
		return 0, fmt.Errorf("outbox: replay in %s: %w", stream, database.Problem(err))
	}
	return n, nil
}

const announce = `select pg_notify($1, $2)`
