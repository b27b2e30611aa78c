package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is who runs the server: this process's user, or for root, whom PostgreSQL refuses, the
// user postgres or nobody.
type account struct {
	client string              // the name of this process's user
	server string              // the name of the server's
	drop   *syscall.Credential // nil: the server runs as we do
}

func serverAccount() (*account, error) {
	self, err := user.LookupId(strconv.Itoa(os.Geteuid()))
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL needs a user with a name: %w", err)
	}
	if os.Geteuid() != 0 {
		return &account{client: self.Username, server: self.Username}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		return &account{self.Username, name, &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
	}
	return nil, errors.New("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody to run it")
}

// makeDir makes the data directory: for us alone, and where the server is somebody else, for it to
// pass through.
func (a *account) makeDir(dir string) error {
	mode := fs.FileMode(0o700)
	if a.drop != nil {
		mode = 0o711
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(dir, mode); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	if a.drop == nil {
		return nil
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	return os.Chmod(dir, info.Mode().Perm()|mode)
}

// own makes dir, for the server alone.
func (a *account) own(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	if a.drop == nil {
		return nil
	}
	return os.Chown(dir, int(a.drop.Uid), int(a.drop.Gid))
}

// reaches reports the first directory above path that the server may not pass through, such as a
// home directory of root's.
func (a *account) reaches(path string) error {
	if a.drop == nil {
		return nil
	}
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	for dir := path; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		if !a.passes(info) {
			return fmt.Errorf("the user %s, as whom PostgreSQL runs, may not pass through %s: use a directory such as "+
				"/var/lib/puente, or run as another user than root", a.server, dir)
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

func (a *account) passes(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return true
	case stat.Uid == a.drop.Uid:
		return info.Mode()&0o100 != 0
	case stat.Gid == a.drop.Gid:
		return info.Mode()&0o010 != 0
	default:
		return info.Mode()&0o001 != 0
	}
}
