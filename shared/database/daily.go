package database

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Daily is a table that is partitioned by range of a date, one partition a day, so that what is too
// old goes as a whole and costs nothing. Days are UTC and end by the clock of the database, which
// all replicas share. The partition of 2026-11-30 is <table>_20261130.
type Daily struct{ Schema, Table string }

const (
	dailyName = "20060102"

	// dropWait is how long a drop may keep others from the table while it waits for them.
	dropWait = "200ms"
)

// Today is the day by the clock of the database.
func (db *DB) Today(ctx context.Context) (time.Time, error) {
	var day time.Time
	err := db.QueryRow(ctx, "select (now() at time zone 'utc')::date").Scan(&day)
	return day, Problem(err)
}

// Create creates the partitions of days that are not there yet. Whoever reads or writes the table
// meanwhile goes on undisturbed; replicas that create at once wait for each other.
func (d Daily) Create(ctx context.Context, db *DB, days ...time.Time) error {
	there, err := d.partitions(ctx, db)
	if err != nil {
		return err
	}
	for _, day := range days {
		if _, ok := there[day.Format(time.DateOnly)]; ok {
			continue
		}
		if err := d.create(ctx, db, day); err != nil {
			return fmt.Errorf("database: create partition %s: %w", d.partition(day), Problem(err))
		}
	}
	return nil
}

// create attaches a finished table, which does not lock the whole out, as creating it in place does.
func (d Daily) create(ctx context.Context, db *DB, day time.Time) error {
	name := pgx.Identifier{d.Schema, d.partition(day)}
	return pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		var exists bool
		if err := d.lock(ctx, tx); err != nil {
			return err
		}
		err := tx.QueryRow(ctx, "select to_regclass($1) is not null", name.Sanitize()).Scan(&exists)
		if err != nil || exists {
			return err
		}
		if _, err := tx.Exec(ctx, fmt.Sprintf("create table %s (like %s including all)", name.Sanitize(), d.identifier())); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, fmt.Sprintf("alter table %s attach partition %s for values from ('%s') to ('%s')", d.identifier(), name.Sanitize(),
			day.Format(time.DateOnly), day.AddDate(0, 0, 1).Format(time.DateOnly)))
		return err
	})
}

// lock lets one replica at a time change the table's partitions, until tx ends.
func (d Daily) lock(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, "select pg_advisory_xact_lock(hashtextextended($1, 0))", "puente daily "+d.identifier())
	return err
}

// Drop drops the partitions of days before first and returns those days. It gives up where somebody
// reads the table for long: the next Drop will do.
func (d Daily) Drop(ctx context.Context, db *DB, first time.Time) ([]time.Time, error) {
	there, err := d.partitions(ctx, db)
	if err != nil {
		return nil, err
	}
	var dropped []time.Time
	for _, day := range there {
		if !day.Before(first) {
			continue
		}
		err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
			if err := d.lock(ctx, tx); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, "set local lock_timeout = '"+dropWait+"'"); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, "drop table if exists "+pgx.Identifier{d.Schema, d.partition(day)}.Sanitize())
			return err
		})
		if err != nil {
			return dropped, fmt.Errorf("database: drop partition %s: %w", d.partition(day), Problem(err))
		}
		dropped = append(dropped, day)
	}
	return dropped, nil
}

// partitions are the days that have one, by their name as time.DateOnly.
func (d Daily) partitions(ctx context.Context, db *DB) (map[string]time.Time, error) {
	rows, err := db.Query(ctx, `select child.relname from pg_inherits join pg_class child on child.oid = inhrelid
		where inhparent = $1::text::regclass`, d.identifier())
	if err != nil {
		return nil, Problem(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("database: partitions of %s: %w", d.Table, Problem(err))
	}
	days := map[string]time.Time{}
	for _, name := range names {
		if day, err := time.Parse(d.Table+"_"+dailyName, name); err == nil {
			days[day.Format(time.DateOnly)] = day
		}
	}
	return days, nil
}

func (d Daily) partition(day time.Time) string { return d.Table + "_" + day.Format(dailyName) }

func (d Daily) identifier() string { return pgx.Identifier{d.Schema, d.Table}.Sanitize() }
