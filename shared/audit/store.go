package audit

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"puente/shared/database"
)

// days is the partitioned table.
var days = database.Daily{Schema: "audit", Table: "records"}

var columns = []string{
	"day", "instance", "sequence", "id", "kind", "started", "micros", "layer", "api", "operation", "method",
	"client", "system", "channel", "correlation", "trace", "status", "outcome", "code", "decisions", "dependencies",
	"salt", "address", "detail", "keys", "request", "response", "personal_hash", "hash",
}

// write moves one batch in one transaction: records, open requests, the chain's end and how far
// the journal was read come together or not at all.
func (l *Log) write(ctx context.Context, s *state, b *batch) error {
	if err := l.createDays(ctx, b.rows); err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, l.db, func(tx pgx.Tx) error {
		if err := copyRows(ctx, tx, s.instance, b.rows); err != nil {
			return fmt.Errorf("audit: copy: %w", err)
		}
		work := &pgx.Batch{}
		for id, o := range b.opened {
			work.Queue("INSERT INTO audit.open (instance, id, segment, entry) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING", s.instance, id, o.segment, o.entry.append(nil))
		}
		if len(b.closed) > 0 {
			work.Queue("DELETE FROM audit.open WHERE instance = $1 AND id = ANY ($2)", s.instance, b.closed)
		}
		for _, a := range anchorsOf(b.rows) {
			work.Queue(`INSERT INTO audit.anchors (instance, day, first_sequence, first_previous, last_sequence, last_hash) VALUES ($1, $2, $3, $4, $5, $6)
				ON CONFLICT (instance, day) DO UPDATE SET last_sequence = excluded.last_sequence, last_hash = excluded.last_hash`,
				s.instance, a.day, a.first, s.previous(b, a.first), a.last, a.hash)
		}
		day := s.day
		if day.IsZero() {
			day = time.Now().UTC()
		}
		work.Queue(`INSERT INTO audit.chains (instance, label, segment, position, sequence, hash, day) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (instance) DO UPDATE SET label = excluded.label, segment = excluded.segment, position = excluded.position,
				sequence = excluded.sequence, hash = excluded.hash, day = excluded.day`,
			s.instance, l.label, b.to.Segment, b.to.Offset, s.sequence, s.hash, day)
		return tx.SendBatch(ctx, work).Close()
	})
}

func copyRows(ctx context.Context, tx pgx.Tx, instance string, rows []linked) error {
	if len(rows) == 0 {
		return nil
	}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"audit", "records"}, columns, pgx.CopyFromSlice(len(rows), func(i int) ([]any, error) {
		r := &rows[i]
		return []any{
			r.day, instance, r.sequence, r.id, r.kind, r.started, r.micros, r.layer, r.api, r.operation, r.method,
			r.client, r.system, r.channel, r.correlation, r.trace, r.status, r.outcome, r.code, r.decisions, r.dependencies,
			r.salt, r.address, r.detail, r.keys, r.request, r.response, r.personalHash, r.hash,
		}, nil
	}))
	return err
}

// anchor is one day's part of a batch.
type anchor struct {
	day         time.Time
	first, last int64
	hash        []byte
}

func anchorsOf(rows []linked) []anchor {
	var all []anchor
	for _, r := range rows {
		if n := len(all); n == 0 || !all[n-1].day.Equal(r.day) {
			all = append(all, anchor{day: r.day, first: r.sequence})
		}
		all[len(all)-1].last, all[len(all)-1].hash = r.sequence, r.hash
	}
	return all
}

// previous is the hash before the record sequence of b.
func (s *state) previous(b *batch, sequence int64) []byte {
	if first := b.rows[0].sequence; sequence > first {
		return b.rows[sequence-first-1].hash
	}
	return b.before
}

// createDays makes the partitions that rows go to.
func (l *Log) createDays(ctx context.Context, rows []linked) error {
	for _, a := range anchorsOf(rows) {
		if l.daysThere[a.day] {
			continue
		}
		if err := days.Create(ctx, l.db, a.day); err != nil {
			return err
		}
		l.daysThere[a.day] = true
	}
	return nil
}

// keepDays makes the next days' partitions ahead, and drops those that are past retention. Their
// anchors stay.
func (l *Log) keepDays(ctx context.Context) error {
	today, err := l.db.Today(ctx)
	if err != nil {
		return err
	}
	if err := days.Create(ctx, l.db, today, today.AddDate(0, 0, 1)); err != nil {
		return err
	}
	_, err = days.Drop(ctx, l.db, today.Add(-l.cfg.Retention))
	return err
}
