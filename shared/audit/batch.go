package audit

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"

	"github.com/jackc/pgx/v5"

	"puente/shared/audit/sql"
	"puente/shared/journal"
)

// errMoved: another transaction moved the chain since, such as one of ours whose outcome we were not
// told.
var errMoved = errors.New("the chain ends elsewhere by now")

// store moves one batch in one transaction: records, open requests, the chain's end and how far the
// journal was read come together or not at all. The chain's row is locked first, so that a commit
// of unknown outcome, ours or that of a killed process, is seen before anything is added.
func (d *loader) store(ctx context.Context, b batch) error {
	if b.to == d.at && len(b.ended) == 0 {
		return nil
	}
	sequence, hash, day := d.sequence, d.hash, d.day
	err := pgx.BeginFunc(ctx, d.db, func(tx pgx.Tx) error {
		q := sql.New(tx)
		end, err := q.LockChain(ctx, d.instance)
		if err != nil {
			return err
		}
		if (journal.Position{Segment: uint64(end.Segment), Offset: end.Position}) != d.at || end.Sequence != d.sequence {
			return errMoved
		}
		day = end.Today
		if len(b.ended) > 0 {
			rows := link(d.rows, d.instance, day, d.sequence, d.hash, b.ended)
			d.rows = rows
			if err := copyRows(ctx, tx, rows); err != nil {
				return err
			}
			first, last := &rows[0], &rows[len(rows)-1]
			sequence, hash = last.sequence, last.hash
			if err := q.AnchorDay(ctx, sql.AnchorDayParams{
				Instance: d.instance, Day: day,
				FirstSequence: first.sequence, FirstPrevious: first.previous, LastSequence: last.sequence, LastHash: last.hash,
			}); err != nil {
				return err
			}
		}
		if err := b.moveOpen(ctx, q, d.instance); err != nil {
			return err
		}
		return q.MoveChain(ctx, sql.MoveChainParams{
			Instance: d.instance, Segment: int64(b.to.Segment), Position: b.to.Offset, Sequence: sequence, Hash: hash, Day: day,
		})
	})
	if err != nil {
		return err
	}
	if !d.day.IsZero() && day.After(d.day) { // a copy that no table's owner can change
		d.log.InfoContext(ctx, "audit day anchored", "instance", d.instance, "day", date(d.day),
			"sequence", d.sequence, "hash", hex.EncodeToString(d.hash))
	}
	for id, o := range b.opened {
		open := opening{segment: o.segment}
		if d.dead(o.segment) {
			open.entry = bytes.Clone(o.entry)
		}
		d.open[id] = open
	}
	d.at, d.sequence, d.hash, d.day = b.to, sequence, hash, day
	return nil
}

// moveOpen writes down which requests are open after the batch.
func (b *batch) moveOpen(ctx context.Context, q *sql.Queries, instance string) error {
	if len(b.opened) > 0 {
		p := sql.OpenRequestsParams{Instance: instance}
		for id, o := range b.opened {
			p.Ids = append(p.Ids, id)
			p.Segments = append(p.Segments, int64(o.segment))
			p.Entries = append(p.Entries, o.entry)
		}
		if err := q.OpenRequests(ctx, p); err != nil {
			return err
		}
	}
	if len(b.closed) > 0 {
		return q.CloseRequests(ctx, sql.CloseRequestsParams{Instance: instance, Ids: b.closed})
	}
	return nil
}
