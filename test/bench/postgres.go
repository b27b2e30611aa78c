package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/config"
	"puente/shared/database"
)

// openDatabase takes the server of PUENTE_TEST_DATABASE_URL, or starts a private one with the
// settings that a private cluster of the platform has.
func (s *site) openDatabase(ctx context.Context) (err error) {
	cfg := database.Config{URL: config.NewSecret(os.Getenv("PUENTE_TEST_DATABASE_URL")), MaxConnections: 150}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if s.db, err = database.Open(ctx, cfg, filepath.Join(s.dir, "db"), log, prometheus.NewRegistry()); err != nil {
		return err
	}
	// The process that serves our session is a child of the postmaster.
	var backend int
	conn := s.db.Config().ConnConfig
	if err := s.db.QueryRow(ctx, "select pg_backend_pid()").Scan(&backend); err != nil {
		return err
	}
	if strings.HasPrefix(conn.Host, "/") || conn.Host == "localhost" || net.ParseIP(conn.Host).IsLoopback() {
		if u, err := usageOf(backend); err == nil {
			s.postgres = u.parent
		}
	}
	return nil
}

// newDatabase makes a database and returns its connection string.
func (s *site) newDatabase(ctx context.Context, shape string) (string, error) {
	name := "puente_bench_" + strings.ToLower(rand.Text()[:8]) + "_" + shape
	if _, err := s.db.Exec(ctx, "create database "+pgx.Identifier{name}.Sanitize()); err != nil {
		return "", fmt.Errorf("create database: %w", err)
	}
	s.databases = append(s.databases, name)
	conn := s.db.Config().ConnConfig
	query := url.Values{"host": {conn.Host}, "port": {fmt.Sprint(conn.Port)}, "sslmode": {"disable"}}
	if conn.TLSConfig != nil {
		query.Set("sslmode", "require")
	}
	u := url.URL{Scheme: "postgres", User: url.User(conn.User), Path: "/" + name, RawQuery: query.Encode()}
	if conn.Password != "" {
		u.User = url.UserPassword(conn.User, conn.Password)
	}
	return u.String(), nil
}
