package database_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"puente/shared/config"
	"puente/shared/database"
	"puente/shared/database/databasetest"
	"puente/shared/problem"
)

func TestDatabaseReturnsWithoutRestart(t *testing.T) {
	s := databasetest.NewServer(t)
	ctx := t.Context()
	for _, outage := range []struct {
		name     string
		away, on func()
	}{
		{"stopped", s.Stop, s.Start},
		{"killed", s.Kill, s.Start},
		{"frozen", s.Freeze, s.Thaw},
	} {
		t.Run(outage.name, func(t *testing.T) {
			if err := s.DB.Healthy(ctx); err != nil {
				t.Fatalf("before: %v", err)
			}
			outage.away()
			if err := s.DB.Healthy(ctx); err == nil {
				t.Error("healthy while away")
			}
			_, err := s.DB.Begin(ctx)
			if p := problem.Of(err); p == nil || p.Kind != problem.Unavailable || p.RetryAfter == 0 {
				t.Errorf("begin while away: %v, want unavailable with a time to retry", err)
			}
			outage.on()
			if err := s.DB.Healthy(ctx); err != nil {
				t.Errorf("after: %v", err)
			}
		})
	}
}

func TestAcquireIsBounded(t *testing.T) {
	s := databasetest.NewServer(t)
	reg := prometheus.NewRegistry()
	cfg := database.Config{URL: config.NewSecret(s.URL()), MaxConnections: 1, AcquireTimeout: 10 * time.Millisecond}
	db, err := database.Open(t.Context(), cfg, "", databasetest.Logger(t), reg)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var held interface{ Release() }
	for held == nil { // the first connection may take longer than that
		if c, err := db.Acquire(t.Context()); err == nil {
			held = c
		}
	}
	defer held.Release()

	if _, err := db.Acquire(t.Context()); !errors.Is(err, problem.Unavailable) {
		t.Errorf("acquire of a taken connection: %v, want unavailable", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := db.Acquire(ctx); !errors.Is(err, context.Canceled) || errors.Is(err, problem.Unavailable) {
		t.Errorf("acquire of a caller who left: %v, want canceled and nothing else", err)
	}
	want := `# HELP database_pool_connections Connections of the pool by state: acquired, idle or constructing.
# TYPE database_pool_connections gauge
database_pool_connections{state="acquired"} 1
database_pool_connections{state="constructing"} 0
database_pool_connections{state="idle"} 0
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "database_pool_connections"); err != nil {
		t.Error(err)
	}
}

// A standby that was a primary keeps its sessions, which then only read.
func TestReadOnlyServerIsAway(t *testing.T) {
	db := databasetest.New(t)
	ctx := t.Context()
	if _, err := db.Exec(ctx, "create table public.notes (text text)"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(ctx, "do $$ begin execute format('alter database %I set default_transaction_read_only = on', current_database()); end $$"); err != nil {
		t.Fatal(err)
	}
	db.Reset() // the sessions begun before do not know
	if err := db.Healthy(ctx); err == nil {
		t.Error("a read-only database is healthy")
	}
	_, err := db.Exec(ctx, "insert into public.notes values ('x')")
	if err := database.Problem(err); !errors.Is(err, problem.Unavailable) {
		t.Errorf("write to a read-only database: %v, want unavailable", err)
	}
}

func TestConfigValidate(t *testing.T) {
	for name, c := range map[string]struct {
		cfg   database.Config
		wrong string
	}{
		"zero":        {},
		"url":         {database.Config{URL: config.NewSecret("postgres://puente:hush@db/puente")}, ""},
		"no url":      {database.Config{URL: config.NewSecret("postgres://puente:hush@db:port/")}, "url"},
		"connections": {database.Config{MaxConnections: -1}, "maxConnections"},
		"connect":     {database.Config{ConnectTimeout: -1}, "connectTimeout"},
		"acquire":     {database.Config{AcquireTimeout: -1}, "acquireTimeout"},
	} {
		err := c.cfg.Validate()
		switch {
		case c.wrong == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.wrong != "" && (err == nil || !strings.HasPrefix(err.Error(), c.wrong) || strings.Contains(err.Error(), "hush")):
			t.Errorf("%s: %v, want an error about %s without the password", name, err, c.wrong)
		}
	}
}

func TestNamesNeedTheirSchema(t *testing.T) {
	db := databasetest.New(t)
	var path string
	if err := db.QueryRow(t.Context(), "show search_path").Scan(&path); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		t.Fatal(err)
	}
	if path != `""` {
		t.Errorf("search_path of a test is %s, want none", path)
	}
}
