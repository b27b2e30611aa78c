// Package databasetest gives tests databases on a real PostgreSQL: on the server of
// PUENTE_TEST_DATABASE_URL if that is set, else on a private cluster, one per test binary, that
// disappears with it, whatever ends it. A test that gets none fails.
//
// Nothing is found in these databases without its schema's name: their search_path is empty.
package databasetest

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/config"
	"puente/shared/database"
)

// URLVariable names a server on which tests make their databases, by a superuser or a role that may
// create databases.
const URLVariable = "PUENTE_TEST_DATABASE_URL"

const (
	connections = 8 // of a pool

	timeout  = 2 * time.Minute  // of what is asked of the server in New
	patience = 10 * time.Second // with connections: a busy machine is not what is tested
)

// New gives t an empty database with the migrations applied, and drops it when t ends. Databases
// with the same migrations are clones of one, so that each costs some tens of milliseconds.
func New(t testing.TB, migrations ...database.Migrations) *database.DB {
	t.Helper()
	return newDatabase(t, connections, migrations)
}

// NewSession is New with a single connection: what one statement leaves in the session the next finds.
func NewSession(t testing.TB, migrations ...database.Migrations) *database.DB {
	t.Helper()
	return newDatabase(t, 1, migrations)
}

func newDatabase(t testing.TB, connections int, migrations []database.Migrations) *database.DB {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	s, err := shared()
	if err != nil {
		t.Fatalf("databasetest: no PostgreSQL: %v", err)
	}
	template, err := s.template(ctx, migrations)
	if err != nil {
		t.Fatalf("databasetest: %v", err)
	}
	name, err := s.create(ctx, template)
	if err != nil {
		t.Fatalf("databasetest: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		if err := s.drop(ctx, name); err != nil {
			t.Errorf("databasetest: %v", err)
		}
	})
	return open(t, s.url(name), connections)
}

// open opens a database for the duration of t.
func open(t testing.TB, url string, connections int) *database.DB {
	t.Helper()
	cfg := database.Config{URL: config.NewSecret(url), MaxConnections: connections, ConnectTimeout: patience, AcquireTimeout: patience}
	db, err := database.Open(context.Background(), cfg, "", Logger(t), prometheus.NewRegistry())
	if err != nil {
		t.Fatalf("databasetest: %v", err)
	}
	t.Cleanup(db.Close)
	return db
}

// Logger logs warnings and errors to t.
func Logger(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// shared is the server of this test binary, begun by the first test that needs it.
var shared = sync.OnceValues(func() (*server, error) {
	if url := os.Getenv(URLVariable); url != "" {
		return configured(url)
	}
	log := slog.New(slog.DiscardHandler)
	c, _, err := newCluster(log)
	if err != nil {
		return nil, err
	}
	if _, err := c.Start(context.Background()); err != nil {
		return nil, err
	}
	s, err := newServer(c.ConnConfig("postgres"))
	if err != nil {
		return nil, err
	}
	s.cluster = c
	return s, nil
})

// configured is the server at url.
func configured(url string) (*server, error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("%s is not a PostgreSQL URL", URLVariable)
	}
	return newServer(cfg)
}
