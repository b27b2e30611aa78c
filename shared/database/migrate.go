package database

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// Migrations are the tables of one schema: goose files (00001_claims.sql, …) in the root of FS,
// which name the schema in every statement, because nobody's search_path does.
type Migrations struct {
	Schema string
	FS     fs.FS
}

// Files are the migrations that a package embeds below sql/migrations.
func Files(embedded embed.FS) fs.FS {
	sub, err := fs.Sub(embedded, "sql/migrations")
	if err != nil { // a constant path
		panic(err)
	}
	return sub
}

var schemaName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// Migrate brings each schema to its newest version, creating it if absent. Replicas that start at
// once wait for each other, schema by schema; one that finds all done is through in milliseconds.
func (db *DB) Migrate(ctx context.Context, all []Migrations) error {
	config := db.Config().ConnConfig.Copy()
	config.RuntimeParams["lock_timeout"] = lockWait
	conns := stdlib.OpenDB(*config)
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
		goose.WithTableName(m.Schema+".goose_db_version"), goose.WithDisableGlobalRegistry(true))
	if errors.Is(err, goose.ErrNoMigrations) {
		return nil
	}
	if err != nil {
		return err
	}
	// goose's own lock does not cover its look at what is pending, which makes its table, nor the
	// schema that must exist before. A session of ours holds one over all of it; if that session
	// breaks, so does the one that migrates.
	conn, err := conns.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := m.lock(ctx, conn); err != nil {
		return err
	}
	defer m.unlock(ctx, conn)
	if _, err := conn.ExecContext(ctx, "create schema if not exists "+m.Schema); err != nil {
		return err
	}
	for {
		if _, err = p.Up(ctx); !lockNotAvailable(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("somebody holds a table for long: %w", err)
		case <-time.After(10 * lockPoll):
		}
	}
}

// lockWait is for how long a migration waits for a table that somebody holds, such as a backup: whoever comes after it
// waits behind it. Then it lets them pass, and tries again. A migration that waits for other reasons, as one that builds
// an index concurrently does, sets lock_timeout to 0 itself.
const lockWait = "1s"

func lockNotAvailable(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && refused.Code == "55P03"
}

// lockPoll is how often a replica that waits looks whether the other is through. It asks anew each
// time instead of waiting inside PostgreSQL, where its waiting transaction would keep the other from
// creating an index concurrently.
const lockPoll = 50 * time.Millisecond

// lock lets one session migrate a schema at a time.
func (m Migrations) lock(ctx context.Context, conn *sql.Conn) error {
	for {
		var locked bool
		err := conn.QueryRowContext(ctx, "select pg_try_advisory_lock(hashtextextended($1, 0))", m.lockName()).Scan(&locked)
		if err != nil || locked {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("another process is migrating: %w", ctx.Err())
		case <-time.After(lockPoll):
		}
	}
}

// unlock gives the lock back; where it cannot, the end of the session does.
func (m Migrations) unlock(ctx context.Context, conn *sql.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	conn.ExecContext(ctx, "select pg_advisory_unlock(hashtextextended($1, 0))", m.lockName())
}

func (m Migrations) lockName() string { return "puente migrate " + m.Schema }
