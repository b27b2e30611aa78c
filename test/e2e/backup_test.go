package e2e

import (
	"net/url"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"puente/shared/database/databasetest"
	"puente/test/machine"
)

// A database that is restored from a backup is served from at once. What came after the backup is gone from it, but for
// the records of the audit that the process's journal still has, and the chain is whole.
func TestRestoredFromBackup(t *testing.T) {
	t.Parallel()
	bin, there := tools(t)
	if !there {
		return
	}
	server := databasetest.NewServer(t)
	p := begin(t, typed, settings{database: server.URL()})
	c, kept, lost := p.caller(t), p.phone(), p.phone()
	before := c.nip(t, kept)
	c.wantNIP(t, before)
	p.audited(t, before.correlation())

	file := filepath.Join(t.TempDir(), "puente.dump")
	tool(t, bin, "pg_dump", "--format=custom", "--file="+file, server.URL())
	after := c.nip(t, lost)
	c.wantNIP(t, after)
	p.audited(t, after.correlation())
	edge := p.edge()
	edge.signal(t, syscall.SIGTERM)
	if code := edge.awaitExit(t); code != 0 {
		t.Fatalf("ended with %d", code)
	}

	if _, err := p.connect(t).Exec(t.Context(), "create database restored"); err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	at.Path = "/restored"
	tool(t, bin, "pg_restore", "--exit-on-error", "--dbname="+at.String(), file)
	p.edit(t, edge, server.URL(), at.String())
	p.settings.database = at.String()
	edge.start(t)

	wantSuccess(t, c.status(t, kept), c.system, c.last(), stateTold, "ESTADO", "NIP_REQUESTED")
	replayed(t, before, c.post(t, portabilidades, order(kept, nil), "X-Correlation-ID", before.correlation()))
	again := c.nip(t, p.phone())
	c.wantNIP(t, again)
	p.audited(t, again.correlation())
	p.verify(t)
	everyAnswer(t, p)
}

// tools are PostgreSQL's own, beside the newest server that Debian has installed.
func tools(t *testing.T) (dir string, there bool) {
	t.Helper()
	all, err := filepath.Glob("/usr/lib/postgresql/*/bin/pg_dump")
	if err != nil || len(all) == 0 {
		return "", machine.Has(t, "pg_dump", "postgresql")
	}
	return filepath.Dir(all[len(all)-1]), true
}

func tool(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(filepath.Join(dir, name), args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v %s", name, err, out)
	}
}
