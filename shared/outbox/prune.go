package outbox

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"puente/shared/database"
)

const pruneChunk = 1000

const selectOld = `
	select e.id from outbox.events e where e.stream = $1 and e.state = 'delivered' and e.ended_at < $2
	order by e.ended_at limit $3 for update skip locked`

const deleteEvent = `delete from outbox.events where id = $1`

// Prune deletes the stream's events, with their attempts, that were delivered longer than Config.Keep
// ago, in transactions of a thousand. Run does so each minute. What ctx ends before is left for the
// next time.
func (d *Deliverer) Prune(ctx context.Context) error {
	for n := pruneChunk; n == pruneChunk && ctx.Err() == nil; {
		err := pgx.BeginFunc(ctx, d.db, func(tx pgx.Tx) error {
			rows, _ := tx.Query(ctx, selectOld, d.stream, d.now().Add(-d.cfg.Keep), pruneChunk) // its error comes with the rows
			ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
			if n = len(ids); err != nil || n == 0 {
				return err
			}
			batch := &pgx.Batch{}
			for _, id := range ids {
				batch.Queue(deleteEvent, id)
			}
			return tx.SendBatch(ctx, batch).Close()
		})
		if err != nil {
			return fmt.Errorf("outbox: prune %s: %w", d.stream, database.Problem(err))
		}
	}
	return nil
}
