// Package database is the way to PostgreSQL, the system of record: the pool, migrations, the writer
// that lets concurrent requests share transactions, and LISTEN. Without a configured database it
// runs a private cluster as a child of this process.
//
// The database may stop and return while we run; nothing here needs a restart then. What is wanted
// of it meanwhile fails fast with problem.Unavailable (see Problem).
package database

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/config"
)

// Config is section database. Its zero value means a private cluster and the defaults.
type Config struct {
	// URL of a PostgreSQL ≥ 15; empty: a private cluster. Several hosts with
	// target_session_attrs=read-write follow a failover. A pooler between must keep sessions
	// together, for LISTEN and locks are a session's.
	URL            config.Secret `yaml:"url"`
	Binaries       string        `yaml:"binaries"`       // of the private cluster: the directory of initdb and postgres
	MaxConnections int           `yaml:"maxConnections"` // of the pool; default 16
	ConnectTimeout time.Duration `yaml:"connectTimeout"` // of one connection; default 250ms
	AcquireTimeout time.Duration `yaml:"acquireTimeout"` // for a free connection and the start of its transaction; default 1s
}

// Validate joins all that is wrong.
func (c Config) Validate() error {
	var errs []error
	if !c.URL.IsZero() {
		if _, err := pgxpool.ParseConfig(c.URL.Reveal()); err != nil {
			errs = append(errs, errors.New("url: not a PostgreSQL URL")) // the cause quotes it
		}
	}
	if c.MaxConnections < 0 || c.MaxConnections > 1000 {
		errs = append(errs, errors.New("maxConnections: must be from 1 to 1000"))
	}
	if c.ConnectTimeout < 0 {
		errs = append(errs, errors.New("connectTimeout: must be positive"))
	}
	if c.AcquireTimeout < 0 {
		errs = append(errs, errors.New("acquireTimeout: must be positive"))
	}
	return errors.Join(errs...)
}

func (c *Config) setDefaults() {
	if c.MaxConnections == 0 {
		c.MaxConnections = 16
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = 250 * time.Millisecond
	}
	if c.AcquireTimeout == 0 {
		c.AcquireTimeout = time.Second
	}
}

// closeTimeout is how long Close waits for connections that are still in use.
const closeTimeout = 5 * time.Second

// DB is a pool of connections. Acquire, Begin and BeginTx wait no longer than the configuration
// says; statements are bounded by their context.
type DB struct {
	*pgxpool.Pool

	log            *slog.Logger
	acquireTimeout time.Duration
	writers        *writerMetrics
	unregister     func()
	private        *private // nil: the database is configured
	listener       listener
}

// Open opens the configured database without connecting to it yet, or starts the private cluster
// below dataDir and waits for it. Each process has its own dataDir. Close the DB when nothing uses
// it any more.
func Open(ctx context.Context, cfg Config, dataDir string, log *slog.Logger, reg prometheus.Registerer) (*DB, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	cfg.setDefaults()
	db := &DB{log: log, acquireTimeout: cfg.AcquireTimeout, writers: newWriterMetrics()}
	var err error
	if cfg.URL.IsZero() {
		if db.private, err = startPrivate(ctx, cfg, dataDir, log); err != nil {
			return nil, fmt.Errorf("database: private cluster: %w", err)
		}
	}
	if db.Pool, err = newPool(ctx, cfg, db.private); err == nil {
		db.unregister, err = register(reg, db)
	}
	if err != nil {
		db.Close()
		return nil, fmt.Errorf("database: %w", err)
	}
	return db, nil
}

// Close closes the connections, waiting a little for those in use, and stops the private cluster.
func (db *DB) Close() {
	if db.Pool != nil {
		closed := make(chan struct{})
		go func() {
			db.Pool.Close()
			close(closed)
		}()
		select {
		case <-closed:
		case <-time.After(closeTimeout):
			db.log.Warn("database connections still in use at close")
		}
	}
	if db.private != nil {
		db.private.stop()
	}
	if db.unregister != nil {
		db.unregister()
	}
}

// Healthy reports why the database cannot be written to now; nil if it can.
func (db *DB) Healthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, db.acquireTimeout)
	defer cancel()
	var readOnly bool
	err := db.QueryRow(ctx, "select current_setting('transaction_read_only')::boolean").Scan(&readOnly)
	if err == nil && readOnly {
		err = errors.New("the database is read-only")
	}
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	return nil
}

// Acquire takes a connection out of the pool; Release it.
func (db *DB) Acquire(ctx context.Context) (*pgxpool.Conn, error) {
	limited, cancel := context.WithTimeout(ctx, db.acquireTimeout)
	defer cancel()
	c, err := db.Pool.Acquire(limited)
	return c, bounded(ctx, err)
}

// Begin begins a transaction with PostgreSQL's defaults.
func (db *DB) Begin(ctx context.Context) (pgx.Tx, error) {
	return db.BeginTx(ctx, pgx.TxOptions{})
}

// BeginTx begins a transaction.
func (db *DB) BeginTx(ctx context.Context, options pgx.TxOptions) (pgx.Tx, error) {
	limited, cancel := context.WithTimeout(ctx, db.acquireTimeout)
	defer cancel()
	tx, err := db.Pool.BeginTx(limited, options)
	return tx, bounded(ctx, err)
}

// AtOneMoment lets read see all tables as they were at one moment, and change nothing. Its errors went
// through Problem.
func (db *DB) AtOneMoment(ctx context.Context, read func(pgx.Tx) error) error {
	return Problem(pgx.BeginTxFunc(ctx, db, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, read))
}
