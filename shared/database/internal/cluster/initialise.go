package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func (c *Cluster) accessFile() string { return filepath.Join(c.dir, "postgres-hba.conf") }
func (c *Cluster) identFile() string  { return filepath.Join(c.dir, "postgres-ident.conf") }

// writeAccess writes who may connect: over the socket, our user and the server's own, as User. The
// files lie outside the cluster, so that root never writes where another user may have put a link.
func (c *Cluster) writeAccess() error {
	quote := func(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
	hba := "local all " + User + " peer map=puente\n"
	ident := ""
	for _, name := range []string{c.account.client, c.account.server} {
		ident += "puente " + quote(name) + " " + User + "\n"
	}
	if err := os.WriteFile(c.accessFile(), []byte(hba), 0o644); err != nil {
		return err
	}
	return os.WriteFile(c.identFile(), []byte(ident), 0o644)
}

// initialise makes the cluster, whole or not at all: beside its place, then renamed into it.
func (c *Cluster) initialise(ctx context.Context, noSync bool) error {
	lock, err := c.serverLock(ctx)
	if err != nil {
		return err
	}
	defer lock.Close()
	fresh := c.data + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	if err := c.account.own(fresh); err != nil {
		return err
	}
	args := []string{
		"-D", fresh, "-U", User, "--auth=peer", "--encoding=UTF8",
		"--locale=C", "--lc-ctype=C.UTF-8", // the same order of texts on every machine
	}
	if noSync {
		args = append(args, "--no-sync")
	}
	p, err := c.launch(c.binaries.initdb(), args, lock)
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		p.Stop()
		return ctx.Err()
	case <-p.Done():
	}
	if p.Err() != nil {
		return fmt.Errorf("initdb: %w", p.Err())
	}
	return os.Rename(fresh, c.data)
}
