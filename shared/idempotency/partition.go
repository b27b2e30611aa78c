package idempotency

import (
	"context"
	"fmt"
	"time"

	"puente/shared/database"
)

const (
	// ahead is how many days' partitions are made before they are needed.
	ahead = 3

	maintainEvery = time.Hour
	maintainRetry = 10 * time.Second
)

// The tables, answers first: none is left without its claim.
var tables = []database.Daily{
	{Schema: Migrations.Schema, Table: "answers"},
	{Schema: Migrations.Schema, Table: "claims"},
}

// Run maintains the partitions until ctx ends.
func (s *Store) Run(ctx context.Context) error {
	for {
		pause := maintainEvery
		if err := s.Maintain(ctx); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "idempotency partitions not maintained", "error", err)
			pause = maintainRetry
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

// Maintain makes the partitions of today and the next days and drops those past their retention.
func (s *Store) Maintain(ctx context.Context) error {
	select {
	case s.maintaining <- struct{}{}:
		defer func() { <-s.maintaining }()
	case <-ctx.Done():
		return fmt.Errorf("idempotency: maintain: %w", ctx.Err())
	}
	today, err := s.today(ctx)
	if err != nil {
		return fmt.Errorf("idempotency: maintain: %w", err)
	}
	days := make([]time.Time, ahead+1)
	for i := range days {
		days[i] = today.AddDate(0, 0, i)
	}
	for _, table := range tables {
		if err := table.Create(ctx, s.db, days...); err != nil {
			return fmt.Errorf("idempotency: maintain: %w", err)
		}
		dropped, err := table.Drop(ctx, s.db, today.AddDate(0, 0, -s.days))
		if err != nil {
			return fmt.Errorf("idempotency: maintain: %w", err)
		}
		for _, day := range dropped {
			s.log.InfoContext(ctx, "idempotency partition dropped", "table", table.Table, "day", day.Format(time.DateOnly))
		}
	}
	return nil
}

func (s *Store) today(ctx context.Context) (time.Time, error) {
	if s.at != nil {
		return s.at.UTC().Truncate(24 * time.Hour), nil
	}
	return s.db.Today(ctx)
}
