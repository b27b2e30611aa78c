package databasetest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/config"
	"puente/shared/database"
	"puente/shared/database/internal/cluster"
)

// prefix of the databases that tests make: puente_test_<run>_….
const prefix = "puente_test_"

// server makes databases on one PostgreSQL for one run of a test binary. While the run lives, its
// session holds an advisory lock, by which later runs know whose databases nobody needs any more.
type server struct {
	admin   *pgx.ConnConfig
	run     string           // 8 hexadecimal digits
	cluster *cluster.Cluster // nil: a configured server

	mu        sync.Mutex
	conn      *pgx.Conn
	templates map[string]string // by the migrations' fingerprint
}

func newServer(admin *pgx.ConnConfig) (*server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, admin)
	if err != nil {
		return nil, err
	}
	var run [4]byte
	rand.Read(run[:])
	s := &server{admin: admin, run: hex.EncodeToString(run[:]), conn: conn, templates: map[string]string{}}
	if _, err := conn.Exec(ctx, "select pg_advisory_lock(hashtextextended($1, 0))", prefix+s.run); err != nil {
		return nil, err
	}
	return s, s.sweep(ctx)
}

// sweep drops what runs that were killed left.
func (s *server) sweep(ctx context.Context) error {
	rows, err := s.conn.Query(ctx, "select datname from pg_database where starts_with(datname, $1)", prefix)
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, name := range names {
		run := name[:min(len(name), len(prefix)+len(s.run))]
		var dead bool
		if err := s.conn.QueryRow(ctx, "select pg_try_advisory_lock(hashtextextended($1, 0))", run).Scan(&dead); err != nil {
			return err
		}
		if !dead || run == prefix+s.run { // to its holder the lock is free
			continue
		}
		_, err := s.conn.Exec(ctx, "drop database if exists "+pgx.Identifier{name}.Sanitize()+" with (force)")
		_, unlock := s.conn.Exec(ctx, "select pg_advisory_unlock(hashtextextended($1, 0))", run)
		if err := errors.Join(err, unlock); err != nil {
			return err
		}
	}
	return nil
}

// template is the name of a database to clone, with the migrations applied.
func (s *server) template(ctx context.Context, migrations []database.Migrations) (string, error) {
	print, err := fingerprint(migrations)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if name, ok := s.templates[print]; ok {
		return name, nil
	}
	name, err := s.createLocked(ctx, "template0 encoding 'UTF8' lc_collate 'C' lc_ctype 'C.UTF-8'")
	if err != nil {
		return "", err
	}
	// What nobody's search_path holds is found only under its full name.
	if _, err := s.conn.Exec(ctx, "alter database "+name+" set search_path = ''"); err != nil {
		return "", err
	}
	db, err := database.Open(ctx, database.Config{URL: config.NewSecret(s.url(name)), ConnectTimeout: patience, AcquireTimeout: patience}, "",
		slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		return "", err
	}
	defer db.Close()
	if err := db.Migrate(ctx, migrations); err != nil {
		return "", err
	}
	s.templates[print] = name
	return name, nil
}

// fingerprint tells sets of migrations apart by what is in their files.
func fingerprint(migrations []database.Migrations) (string, error) {
	h := sha256.New()
	for _, m := range migrations {
		fmt.Fprintf(h, "schema %q\n", m.Schema)
		files, err := fs.Glob(m.FS, "*.sql")
		if err != nil {
			return "", err
		}
		for _, file := range files {
			text, err := fs.ReadFile(m.FS, file)
			if err != nil {
				return "", err
			}
			fmt.Fprintf(h, "file %q %q\n", file, text)
		}
	}
	return string(h.Sum(nil)), nil
}

// create clones template and returns the new database's name.
func (s *server) create(ctx context.Context, template string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name, err := s.createLocked(ctx, template)
	if err == nil {
		// A clone does not inherit the settings of a database.
		_, err = s.conn.Exec(ctx, "alter database "+name+" set search_path = ''")
	}
	return name, err
}

func (s *server) createLocked(ctx context.Context, template string) (string, error) {
	var id [4]byte
	rand.Read(id[:])
	name := prefix + s.run + "_" + hex.EncodeToString(id[:])
	_, err := s.conn.Exec(ctx, "create database "+name+" template "+template)
	return name, err
}

func (s *server) drop(ctx context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.conn.Exec(ctx, "drop database "+name+" with (force)")
	return err
}

// url is that of a database on the server.
func (s *server) url(name string) string { return connURL(s.admin, name) }

// connURL is the URL of database name where cfg connects to, as cfg's user.
func connURL(cfg *pgx.ConnConfig, name string) string {
	u := url.URL{Scheme: "postgres", Path: "/" + name}
	u.User = url.User(cfg.User)
	if cfg.Password != "" {
		u.User = url.UserPassword(cfg.User, cfg.Password)
	}
	query := url.Values{"sslmode": {"disable"}}
	if cfg.TLSConfig != nil {
		query.Set("sslmode", "require")
	}
	if strings.HasPrefix(cfg.Host, "/") {
		query.Set("host", cfg.Host)
		query.Set("port", strconv.Itoa(int(cfg.Port)))
	} else {
		u.Host = net.JoinHostPort(cfg.Host, strconv.Itoa(int(cfg.Port)))
	}
	u.RawQuery = query.Encode()
	return u.String()
}
