package outbox

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"puente/shared/database"
)

// State is that of an event.
type State string

// The states. The last two are final, but for a replay.
const (
	StatePending   State = "pending"
	StateDelivered State = "delivered"
	StateDead      State = "dead"
)

// settlement is what follows from an attempt.
type settlement struct {
	attempt Attempt
	to      State
	step    int
	due     time.Time // of pending
	paused  bool
}

// follow says what follows from a result.
func (d *Deliverer) follow(e *claimed, r Result, began time.Time, took time.Duration) settlement {
	now := d.now()
	s := settlement{attempt: r.attempt(e, began, took), to: StatePending, step: e.step, due: now}
	switch r.Outcome {
	case Delivered:
		s.to = StateDelivered
	case Dead:
		s.to = StateDead
	case Pause:
		s.paused = true
	case Postponed:
		s.due = now.Add(asked(r))
	default:
		step, wait, ok := d.schedule.next(e.step, r, rand.Float64())
		if s.step = step; !ok {
			s.to = StateDead
		}
		s.due = now.Add(wait)
	}
	return s
}

// errTaken says that the lease ended before its attempt was written down.
var errTaken = errors.New("the lease ended, and the event is another's")

// settle writes an attempt down, ends the event or puts it off, and lets its owner hear of its end.
// It locks the key after the hook, as a business transaction locks its rows before it adds.
func (d *Deliverer) settle(ctx context.Context, e *claimed, s settlement) error {
	err := pgx.BeginFunc(ctx, d.db, func(tx pgx.Tx) error {
		if hook := d.owner.hook(s.to); hook != nil {
			if err := hook(ctx, tx, e.Event, s.attempt); err != nil {
				return fmt.Errorf("hook: %w", err)
			}
		}
		a := s.attempt
		batch := &pgx.Batch{}
		batch.Queue(lockKey, lane(e.Stream, e.Key))
		batch.Queue(settleEvent, e.ID, e.lease, string(s.to), s.step, s.due, d.now(), a.Reason,
			a.Number, a.At, a.Duration.Microseconds(), a.Result, a.Status).QueryRow(func(row pgx.Row) error {
			var n int
			if err := row.Scan(&n); err != nil || n == 1 {
				return err
			}
			return errTaken
		})
		reseat(batch, lane(e.Stream, e.Key), d.now())
		if s.paused {
			batch.Queue(pauseDestination, e.Stream, e.Destination, d.now(), a.Reason)
		}
		return tx.SendBatch(ctx, batch).Close()
	})
	if err != nil {
		return fmt.Errorf("outbox: write down attempt %d of %s: %w", s.attempt.Number, e.ID, database.Problem(err))
	}
	return nil
}

const settleEvent = `
	with settled as (
		update outbox.events set
			state = $3, head = $3 = 'pending', step = $4, due_at = $5, ended_at = case when $3 <> 'pending' then $6::timestamptz end,
			reason = $7, attempts = $8, lease = null, leased_until = null
		where id = $1 and lease = $2
		returning id
	), noted as (
		insert into outbox.attempts (event_id, number, at, micros, result, status, reason)
		select id, $8, $9, $10, $11, $12, $7 from settled
	)
	select count(*)::int from settled`

// reseat makes the first pending event of a key its head, unless another is being sent. The key must
// be locked. The head is locked before it is compared, against a claim at the same moment.
func reseat(batch *pgx.Batch, lane string, now time.Time) {
	batch.Queue(lockHead, lane)
	batch.Queue(demoteHead, lane)
	batch.Queue(promoteFirst, lane, now)
}

const lockHead = `select from outbox.events e where e.lane = $1 and e.head for update`

const firstOfKey = `(select p.sequence from outbox.events p where p.lane = $1 and p.state = 'pending' order by p.sequence limit 1)`

const demoteHead = `
	update outbox.events e set head = false
	where e.lane = $1 and e.head and e.lease is null and e.sequence > ` + firstOfKey

const promoteFirst = `
	update outbox.events e set head = true, due_at = greatest(e.due_at, $2)
	where e.lane = $1 and e.state = 'pending' and e.sequence = ` + firstOfKey + `
	  and (select h.id from outbox.events h where h.lane = $1 and h.head limit 1) is null`
