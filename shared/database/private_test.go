package database_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/database"
	"puente/shared/database/databasetest"
)

// dataDirVariable makes the test binary a program with a private cluster, for a test to kill.
const dataDirVariable = "PUENTE_TEST_PRIVATE_DATA_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(dataDirVariable); dir != "" {
		os.Exit(program(dir))
	}
	os.Exit(m.Run())
}

// program opens the private cluster, stores the line it reads, says so and goes on until it is
// killed.
func program(dir string) int {
	err := func() error {
		ctx := context.Background()
		db, err := database.Open(ctx, database.Config{}, dir, nopLog(), prometheus.NewRegistry())
		if err != nil {
			return err
		}
		line, err := bufio.NewReader(os.Stdin).ReadString('\n')
		if err != nil {
			return err
		}
		_, err = db.Exec(ctx, "create table if not exists public.lines (line text)")
		if err == nil {
			_, err = db.Exec(ctx, "insert into public.lines values ($1)", strings.TrimSpace(line))
		}
		return err
	}()
	if err != nil {
		fmt.Println("error:", err)
		return 1
	}
	fmt.Println("stored")
	select {}
}

// dataDir is a directory that the servers of root can reach, as those of t.TempDir are not.
func dataDir(t *testing.T, names ...string) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "puente-data")
	if err == nil {
		err = os.Chmod(dir, 0o711)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return filepath.Join(append([]string{dir}, names...)...)
}

func openPrivate(t *testing.T, dir string) *database.DB {
	t.Helper()
	db, err := database.Open(t.Context(), database.Config{}, dir, databasetest.Logger(t), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

func lines(t *testing.T, db *database.DB) (n int) {
	t.Helper()
	if err := db.QueryRow(t.Context(), "select count(*) from public.lines").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestPrivateClusterKeepsItsData(t *testing.T) {
	long := strings.Repeat("a-directory-whose-path-no-socket-can-have/", 4) // sun_path has 108 bytes
	for _, dir := range []string{dataDir(t), dataDir(t, "with space 'and' quotes"), dataDir(t, long)} {
		db := openPrivate(t, dir)
		if _, err := db.Exec(t.Context(), "create table public.lines (line text)"); err != nil {
			t.Fatal(err)
		}
		db.Close()
		if n := lines(t, openPrivate(t, dir)); n != 0 {
			t.Errorf("%s: %d lines, want none", dir, n)
		}
	}
}

func TestPrivateClusterIsOnesOwn(t *testing.T) {
	dir := dataDir(t, "data")
	db := openPrivate(t, dir)
	_, err := database.Open(t.Context(), database.Config{}, dir, databasetest.Logger(t), prometheus.NewRegistry())
	if err == nil || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second program: %v, want that %s is in use", err, dir)
	}
	var listens string
	if err := db.QueryRow(t.Context(), "show listen_addresses").Scan(&listens); err != nil || listens != "" {
		t.Errorf("listens on %q, %v, want no network", listens, err)
	}
	// Nobody else's user may enter, and who enters must be one we know.
	info, err := os.Stat(clusterOf(t, dir))
	if err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("the cluster's mode is %v, %v", info.Mode(), err)
	}
	var methods string
	if err := db.QueryRow(t.Context(), "select string_agg(distinct type || ' ' || auth_method, ', ') from pg_hba_file_rules").Scan(&methods); err != nil || methods != "local peer" {
		t.Errorf("admits by %q, %v, want local peer", methods, err)
	}
}

func clusterOf(t *testing.T, dir string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "postgres-*[0-9]"))
	if err != nil || len(found) != 1 {
		t.Fatalf("clusters %v, %v, want one", found, err)
	}
	return found[0]
}

func postmasterOf(t *testing.T, dir string) int {
	t.Helper()
	file, err := os.ReadFile(filepath.Join(clusterOf(t, dir), "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(file), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func TestPrivateServerThatDiesIsStartedAgain(t *testing.T) {
	dir := dataDir(t, "data")
	reg := prometheus.NewRegistry()
	db, err := database.Open(t.Context(), database.Config{}, dir, nopLog(), reg)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(t.Context(), "create table public.lines (line text)"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	connects, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		db.Listen(ctx, "connects", func(string) { connects <- struct{}{} })
	}()
	<-connects
	for _, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGINT} {
		old := postmasterOf(t, dir)
		if err := syscall.Kill(old, sig); err != nil {
			t.Fatal(err)
		}
		<-connects // only a server that is up again lets the listener in
		if pid := postmasterOf(t, dir); pid == old {
			t.Errorf("after %v: still process %d", sig, pid)
		}
		if n := lines(t, db); n != 0 {
			t.Errorf("after %v: %d lines, want none", sig, n)
		}
		if _, err := db.Exec(t.Context(), "insert into public.lines values ('x'); delete from public.lines"); err != nil {
			t.Errorf("after %v: %v", sig, err)
		}
	}
	cancel()
	<-ended
}

// Ten kills in a row, some while the program starts: nothing of what was stored is lost, no server
// is left, and every start waits for the last to have ended.
func TestPrivateClusterOfAKilledProgram(t *testing.T) {
	dir := dataDir(t, "data")
	stored := 0
	for i := range 10 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), dataDirVariable+"="+dir)
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if i%3 == 0 { // killed while it starts, the first time while it makes the cluster
			for making := i == 0; making; {
				half, err := filepath.Glob(filepath.Join(dir, "postgres-*.new", "base"))
				making = err == nil && len(half) == 0
			}
		} else {
			fmt.Fprintln(in, "line", i)
			said, _ := bufio.NewReader(out).ReadString('\n')
			if said != "stored\n" {
				t.Fatalf("start %d: %s", i, said)
			}
			stored++
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
	}
	db := openPrivate(t, dir)
	if n := lines(t, db); n != stored {
		t.Errorf("%d lines, want %d", n, stored)
	}
	pid := postmasterOf(t, dir)
	db.Close()
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the server is there after Close: %v", err)
	}
	if _, err := net.Dial("unix", filepath.Join(clusterOf(t, dir), ".s.PGSQL.5432")); err == nil {
		t.Error("somebody answers after Close")
	}
}

func nopLog() *slog.Logger { return slog.New(slog.DiscardHandler) }
