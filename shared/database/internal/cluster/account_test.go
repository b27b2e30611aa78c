package cluster

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestReachesNamesTheClosedDirectory(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir()) // its parents are 0700
	if err != nil {
		t.Fatal(err)
	}
	closed := filepath.Dir(root)
	inside := filepath.Join(root, "data")
	if err := os.MkdirAll(inside, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	stranger := &account{server: "postgres", drop: &syscall.Credential{Uid: 4242, Gid: 4242}}
	err = stranger.reaches(inside)
	if err == nil || !strings.Contains(err.Error(), closed) || !strings.Contains(err.Error(), "/var/lib/") {
		t.Errorf("%v, want an error that names %s and a better place", err, closed)
	}
	if err := stranger.reaches("/usr"); err != nil {
		t.Errorf("/usr: %v", err)
	}
	ourselves := &account{}
	if err := ourselves.reaches(inside); err != nil {
		t.Errorf("as ourselves: %v", err)
	}
}
