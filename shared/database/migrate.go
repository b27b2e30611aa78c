package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/crc64"
	"io/fs"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// Migrations are the tables of one schema: goose files (00001_claims.sql, …) in the root of FS,
// which name the schema in every statement, because nobody's search_path does.
type Migrations struct {
	Schema string
	FS     fs.FS
}

var schemaName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// Migrate brings each schema to its newest version, creating it if absent. Replicas that start at
// once wait for each other, schema by schema; one that finds all done is through in milliseconds.
func (db *DB) Migrate(ctx context.Context, all []Migrations) error {
	conns := stdlib.OpenDB(*db.Config().ConnConfig)
	defer conns.Close()
	for _, m := range all {
		if err := m.up(ctx, conns); err != nil {
			return fmt.Errorf("database: migrate %s: %w", m.Schema, Problem(err))
		}
	}
	return nil
}

func (m Migrations) up(ctx context.Context, conns *sql.DB) error {
	if !schemaName.MatchString(m.Schema) {
		return errors.New("not a schema's name")
	}
	p, err := goose.NewProvider(goose.DialectPostgres, conns, m.FS,
		goose.WithTableName(m.Schema+".goose_db_version"),
		goose.WithSessionLocker(schemaLock{m.Schema}),
		goose.WithDisableGlobalRegistry(true))
	if errors.Is(err, goose.ErrNoMigrations) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}

// lockPoll is how often a replica that waits looks whether the other is through. It asks anew each
// time instead of waiting inside PostgreSQL, where its waiting transaction would keep the other from
// creating an index concurrently.
const lockPoll = 50 * time.Millisecond

// schemaLock lets one migrate a schema at a time, and creates the schema, which goose does not and
// which two cannot do at once.
type schemaLock struct{ schema string }

var _ lock.SessionLocker = schemaLock{}

func (l schemaLock) id() int64 {
	return int64(crc64.Checksum([]byte("puente migrate "+l.schema), crc64.MakeTable(crc64.ECMA)))
}

// SessionLock implements lock.SessionLocker.
func (l schemaLock) SessionLock(ctx context.Context, conn *sql.Conn) error {
	for {
		var locked bool
		if err := conn.QueryRowContext(ctx, "select pg_try_advisory_lock($1)", l.id()).Scan(&locked); err != nil {
			return err
		}
		if locked {
			_, err := conn.ExecContext(ctx, "create schema if not exists "+l.schema)
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("another process is migrating: %w", ctx.Err())
		case <-time.After(lockPoll):
		}
	}
}

// SessionUnlock implements lock.SessionLocker.
func (l schemaLock) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "select pg_advisory_unlock($1)", l.id())
	return err
}
