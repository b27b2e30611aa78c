package database

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/database/internal/cluster"
)

// privateDatabase is the one database of the private cluster that we use.
const privateDatabase = "puente"

// The pauses between attempts to bring a private server back.
const (
	firstRestart = 100 * time.Millisecond
	lastRestart  = 5 * time.Second
)

// private is the private cluster with the server that it supervises.
type private struct {
	cluster  *cluster.Cluster
	log      *slog.Logger
	restarts prometheus.Counter

	cancel context.CancelFunc // ends supervise
	done   chan struct{}      // supervise and the server have ended
}

func startPrivate(ctx context.Context, cfg Config, dataDir string, log *slog.Logger) (*private, error) {
	dir, err := filepath.Abs(dataDir)
	if err != nil {
		return nil, err
	}
	c, err := cluster.Open(ctx, cluster.Options{
		Dir: dir, Binaries: cfg.Binaries, Log: log,
		// Beside the pool: listeners, migrations, and the connections that PostgreSQL keeps for superusers.
		Settings: map[string]string{"max_connections": strconv.Itoa(cfg.MaxConnections + 20)},
	})
	if err != nil {
		return nil, err
	}
	server, err := c.Start(ctx)
	if err == nil {
		if err = createDatabase(ctx, c); err != nil {
			server.Stop()
		}
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	log.Info("private PostgreSQL started", "major", c.Major(), "dir", dir)

	supervised, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p := &private{
		cluster: c, log: log, cancel: cancel, done: make(chan struct{}),
		restarts: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "database_private_restarts_total",
			Help: "Times the private PostgreSQL server ended by itself and was started again.",
		}),
	}
	go p.supervise(supervised, server)
	return p, nil
}

func createDatabase(ctx context.Context, c *cluster.Cluster) error {
	conn, err := pgx.ConnectConfig(ctx, c.ConnConfig("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var exists bool
	err = conn.QueryRow(ctx, "select exists (select from pg_database where datname = $1)", privateDatabase).Scan(&exists)
	if err != nil || exists {
		return err
	}
	if _, err := conn.Exec(ctx, "create database "+pgx.Identifier{privateDatabase}.Sanitize()); err != nil {
		return fmt.Errorf("create database: %w", err)
	}
	return nil
}

// supervise starts the server again whenever it ends, until ctx ends; then it stops it.
func (p *private) supervise(ctx context.Context, server *cluster.Postmaster) {
	defer close(p.done)
	defer p.cluster.Close()
	for {
		select {
		case <-ctx.Done():
			server.Stop()
			return
		case <-server.Done():
			p.log.Error("private PostgreSQL ended", "error", server.Err())
		}
		if server = p.restart(ctx); server == nil {
			return
		}
	}
}

// restart starts the server, trying until ctx ends; nil then.
func (p *private) restart(ctx context.Context) *cluster.Postmaster {
	for pause := firstRestart; ; pause = min(2*pause, lastRestart) {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		server, err := p.cluster.Start(ctx)
		if err == nil {
			p.restarts.Inc()
			p.log.Info("private PostgreSQL started again")
			return server
		}
		if ctx.Err() == nil {
			p.log.Error("private PostgreSQL does not start", "error", err)
		}
	}
}

func (p *private) stop() {
	p.cancel()
	<-p.done
}
