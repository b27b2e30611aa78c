package audit

import (
	"context"
	"time"

	"puente/shared/audit/sql"
	"puente/shared/database"
)

// days is the partitioned table.
var days = database.Daily{Schema: "audit", Table: "records"}

// createDays makes the partitions that records go to today and tomorrow.
func (l *Log) createDays(ctx context.Context) error {
	today, err := l.db.Today(ctx)
	if err != nil {
		return err
	}
	end, err := sql.New(l.db).LockChain(ctx, l.journal.ID())
	if err != nil {
		return err
	}
	return days.Create(ctx, l.db, today, today.AddDate(0, 0, 1), end.Today)
}

// keepDays makes partitions ahead and drops those that are past retention. Their anchors stay, and
// say that the records were dropped.
func (l *Log) keepDays(ctx context.Context) error {
	if err := l.createDays(ctx); err != nil {
		return err
	}
	today, err := l.db.Today(ctx)
	if err != nil {
		return err
	}
	first := today.Add(-l.cfg.Retention).Truncate(24 * time.Hour)
	if err := sql.New(l.db).MarkDropped(ctx, first); err != nil {
		return database.Problem(err)
	}
	_, err = days.Drop(ctx, l.db, first)
	return err
}
