package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

var errLocked = errors.New("locked by another process")

// tryLock takes the exclusive flock of f, which ends when the last descriptor made from f is closed,
// by whatever process inherited it.
func tryLock(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errLocked
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return nil
}

// serverLock waits until no process of an earlier server is left and returns the lock that the next
// one inherits.
func (c *Cluster) serverLock(ctx context.Context) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(c.dir, "postgres.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err := tryLock(f)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, errLocked) {
			f.Close()
			return nil, err
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("an earlier PostgreSQL server of %s has not ended: %w", c.dir, ctx.Err())
		case <-time.After(startPoll):
		}
	}
}

// Abandoned reports whether dir is the directory of a cluster whose process and server have ended.
func Abandoned(dir string) bool {
	for _, path := range []string{dir, filepath.Join(dir, "postgres.lock")} {
		f, err := os.Open(path)
		if err != nil {
			return false
		}
		defer f.Close()
		if tryLock(f) != nil {
			return false
		}
	}
	return true
}
