package databasetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"puente/shared/database"
	"puente/shared/database/internal/cluster"
)

// newCluster makes a cluster for tests, without any care for what a crash of the machine would
// leave, in PUENTE_TEST_CLUSTERS, a directory that anybody may enter: /tmp, unless it is given. Its directory is removed when this process has ended, or at the latest by the next one.
func newCluster(log *slog.Logger) (_ *cluster.Cluster, dir string, err error) {
	parent := filepath.Join(cmp.Or(os.Getenv("PUENTE_TEST_CLUSTERS"), "/tmp"), "puente-"+strconv.Itoa(os.Geteuid())) // not TempDir: a socket's path is short
	if err := ourDir(parent); err != nil {
		return nil, "", err
	}
	sweep(parent)
	if dir, err = os.MkdirTemp(parent, "test"); err != nil {
		return nil, "", err
	}
	if err := removeAtEnd(dir); err != nil {
		return nil, "", err
	}
	c, err := cluster.Open(context.Background(), cluster.Options{
		Dir: dir, NoSync: true, Log: log,
		Settings: map[string]string{
			"fsync":              "off",
			"full_page_writes":   "off",
			"max_connections":    "250",
			"shared_buffers":     "32MB",
			"max_wal_size":       "256MB",
			"autovacuum_naptime": "1d",
		},
	})
	return c, dir, err
}

// ourDir makes dir, which servers of another user may pass through, or sees to it that nobody else
// has made it.
func ourDir(dir string) error {
	if err := os.Mkdir(dir, 0o711); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); !info.IsDir() || ok && int(stat.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to somebody else", dir)
	}
	return os.Chmod(dir, 0o711)
}

// sweep removes the directories of processes that were killed together with their shells.
func sweep(parent string) {
	dirs, _ := filepath.Glob(filepath.Join(parent, "test*")) // the pattern is good
	for _, dir := range dirs {
		if cluster.Abandoned(dir) {
			os.RemoveAll(dir) // another sweeper may be faster
		}
	}
}

// removeAtEnd has a shell remove dir once this process and the servers in it have ended: it reads
// from a pipe that nobody writes to, and flock waits for what the servers have locked.
func removeAtEnd(dir string) error {
	shell := exec.Command("/bin/sh", "-c", `trap '' INT TERM HUP; cat >/dev/null; flock -w 60 "$1/postgres.lock" true; rm -rf "$1"`, "sh", dir)
	shell.Dir = "/"
	shell.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	stdin, err := shell.StdinPipe()
	if err != nil {
		return err
	}
	pipes.Store(dir, stdin)
	return shell.Start()
}

// pipes keeps the pipes of removeAtEnd open, which a garbage collector would close.
var pipes sync.Map

// Server is a PostgreSQL of a test's own, which it may stop and start under DB.
type Server struct {
	DB *database.DB // empty, with the migrations applied

	t       testing.TB
	cluster *cluster.Cluster
	running *cluster.Postmaster
}

// NewServer starts a private cluster for t alone, in about a second, and ends it with t.
func NewServer(t testing.TB, migrations ...database.Migrations) *Server {
	t.Helper()
	c, dir, err := newCluster(Logger(t))
	if err != nil {
		t.Fatalf("databasetest: %v", err)
	}
	s := &Server{t: t, cluster: c}
	t.Cleanup(func() {
		s.Stop()
		c.Close()
		os.RemoveAll(dir) // what is left the end of the process removes
	})
	s.Start()
	s.DB = open(t, s.URL(), connections)
	if err := s.DB.Migrate(context.Background(), migrations); err != nil {
		t.Fatalf("databasetest: %v", err)
	}
	return s
}

// URL is that of DB.
func (s *Server) URL() string { return connURL(s.cluster.ConnConfig("postgres"), "postgres") }

// Start starts the server and returns once it accepts connections.
func (s *Server) Start() {
	s.t.Helper()
	p, err := s.cluster.Start(context.Background())
	if err != nil {
		s.t.Fatalf("databasetest: start: %v", err)
	}
	s.running = p
}

// Stop stops the server in the orderly way, as an administrator does who restarts it.
func (s *Server) Stop() {
	if s.running != nil {
		s.Thaw()
		s.running.Stop()
		s.running = nil
	}
}

// Kill ends the server as a crash does.
func (s *Server) Kill() {
	s.signal(syscall.SIGKILL)
	<-s.running.Done()
	s.running = nil
}

// Freeze stops all processes of the server where they stand; connections stay open and nothing is
// answered, until Thaw.
func (s *Server) Freeze() { s.signal(syscall.SIGSTOP) }

// Thaw lets a frozen server go on.
func (s *Server) Thaw() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.running.SignalAll(sig); err != nil {
		s.t.Fatalf("databasetest: signal: %v", err)
	}
}
