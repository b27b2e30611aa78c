// Package cluster runs a private PostgreSQL cluster as a child of this process, so that a machine
// that has no database configured needs none.
//
// The files lie in postgres-<major> below a data directory; a server listens only on a unix socket
// inside them, which nobody else can enter, and admits by operating system identity (peer), so that
// there is no port to collide and no password to keep. A server never outlives this process, not
// even one that was killed: the kernel interrupts it (PR_SET_PDEATHSIG). A start waits for the
// processes of an earlier server to end, because they share a lock with everything they forked.
//
// PostgreSQL refuses to run as root: root's servers run as postgres, else as nobody.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// User is the superuser of a cluster.
const User = "puente"

const (
	port = 5432 // of the socket's name; nothing listens on a network

	startTimeout = 2 * time.Minute // crash recovery of a large log
	startPoll    = 10 * time.Millisecond
)

// Options say where a cluster lies and how its server runs.
type Options struct {
	Dir      string            // absolute; the cluster is postgres-<major> below it. Created if absent
	Binaries string            // the directory that holds initdb and postgres; empty: they are looked for
	Settings map[string]string // server settings over those every cluster gets
	NoSync   bool              // create the files without fsync: a test's
	Log      *slog.Logger
}

// Cluster is an initialised cluster whose data directory this process has locked.
type Cluster struct {
	dir      string // Options.Dir
	data     string // PGDATA
	binaries binaries
	account  *account
	settings map[string]string
	log      *slog.Logger

	conn  *pgx.ConnConfig // what the connections to it begin with
	claim *os.File        // the locked Dir
	files *os.File        // data, open
}

// Open locks the data directory and finds or makes the cluster in it; it starts nothing. A
// directory that another process has locked is an error at once.
func Open(ctx context.Context, o Options) (_ *Cluster, err error) {
	c := &Cluster{dir: o.Dir, settings: o.Settings, log: o.Log}
	if c.conn, err = pgx.ParseConfig("sslmode=disable"); err != nil { // it reads PG* variables too
		return nil, err
	}
	if c.account, err = serverAccount(); err != nil {
		return nil, err
	}
	if err := c.account.makeDir(o.Dir); err != nil {
		return nil, err
	}
	if c.claim, err = os.Open(o.Dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			c.Close()
		}
	}()
	if err := tryLock(c.claim); err != nil {
		if errors.Is(err, errLocked) {
			return nil, fmt.Errorf("the data directory %s is in use by another process", o.Dir)
		}
		return nil, err
	}
	if c.binaries, err = choose(ctx, o.Dir, o.Binaries); err != nil {
		return nil, err
	}
	for _, dir := range []string{o.Dir, c.binaries.dir} {
		if err := c.account.reaches(dir); err != nil {
			return nil, err
		}
	}
	c.data = clusterDir(o.Dir, c.binaries.major)
	if err := c.writeAccess(); err != nil {
		return nil, err
	}
	if _, err := os.Stat(c.data); errors.Is(err, os.ErrNotExist) {
		if err := c.initialise(ctx, o.NoSync); err != nil {
			return nil, err
		}
	}
	if c.files, err = os.Open(c.data); err != nil {
		return nil, err
	}
	return c, nil
}

// Start runs the server and returns once it accepts connections.
func (c *Cluster) Start(ctx context.Context) (*Postmaster, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	lock, err := c.serverLock(ctx)
	if err != nil {
		return nil, err
	}
	defer lock.Close() // the server and all it forks hold it from here on

	args := []string{"-D", c.data}
	settings := c.serverSettings()
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", name+"="+settings[name])
	}
	p, err := c.launch(c.binaries.postgres(), args, lock)
	if err != nil {
		return nil, err
	}
	for {
		conn, err := pgx.ConnectConfig(ctx, c.ConnConfig("postgres"))
		if err == nil {
			return p, conn.Close(ctx)
		}
		select {
		case <-p.Done():
			return nil, fmt.Errorf("postgres ended while it started: %w", p.Err())
		case <-ctx.Done():
			p.Stop()
			return nil, fmt.Errorf("postgres does not accept connections: %w", errors.Join(err, ctx.Err()))
		case <-time.After(startPoll):
		}
	}
}

// serverSettings are those of every cluster under the caller's.
func (c *Cluster) serverSettings() map[string]string {
	settings := map[string]string{
		"listen_addresses":        "",  // no network
		"unix_socket_directories": ".", // relative to the data directory: its path may be longer than a socket's
		"port":                    fmt.Sprint(port),
		"hba_file":                c.accessFile(),
		"ident_file":              c.identFile(),
		"timezone":                "UTC",
		"log_timezone":            "UTC",
		"jit":                     "off",
		"wal_level":               "minimal", // nobody replicates a private cluster
		"max_wal_senders":         "0",
		"shared_buffers":          "64MB",
		// Statements and details of errors hold values of persons.
		"log_destination":         "stderr",
		"logging_collector":       "off",
		"log_line_prefix":         "",
		"log_min_messages":        "log",
		"log_min_error_statement": "panic",
		"log_error_verbosity":     "terse",
	}
	maps.Copy(settings, c.settings)
	return settings
}

// ConnConfig connects to a database of the running cluster. PG* variables of the environment have no
// part in it, a password least of all.
func (c *Cluster) ConnConfig(database string) *pgx.ConnConfig {
	cfg := c.conn.Copy()
	cfg.Host, cfg.Port, cfg.User, cfg.Password, cfg.Database = c.socketDir(), port, User, "", database
	cfg.TLSConfig, cfg.Fallbacks, cfg.RuntimeParams = nil, nil, map[string]string{}
	return cfg
}

// socketDir is the directory of the socket, as short as the kernel wants it: sun_path has 108 bytes,
// and where the data directory's own path is longer, its descriptor's is not.
func (c *Cluster) socketDir() string {
	const sunPath = 108
	if len(filepath.Join(c.data, fmt.Sprintf(".s.PGSQL.%d", port))) < sunPath {
		return c.data
	}
	return fmt.Sprintf("/proc/self/fd/%d", c.files.Fd())
}

// Major is the major version of the cluster and of the binaries that run it.
func (c *Cluster) Major() int { return c.binaries.major }

// Close gives the data directory free. The server must have been stopped.
func (c *Cluster) Close() {
	for _, f := range []*os.File{c.files, c.claim} {
		if f != nil {
			f.Close()
		}
	}
}
