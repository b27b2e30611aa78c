package e2e

import (
	"debug/elf"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"puente/shared/database/databasetest"
	"puente/test/machine"
	"puente/test/sandbox"
	"puente/test/sandbox/sandboxtest"
)

// user is whom the image runs as.
const user = 65532

// The program runs as its image has it: alone in an empty root that cannot be written, as a user without a name and
// without capabilities; only its data directory is its own. There it starts all layers, answers a request by a call
// over TLS, for which it has nothing but the image's authorities, and ends with 0 when it is told to.
func TestScratchImage(t *testing.T) {
	t.Parallel()
	if !confines(t) {
		return
	}
	root := image(t)
	alone := sandboxtest.Start(t, sandbox.Config{})
	target, err := url.Parse(alone.URL)
	if err != nil {
		t.Fatal(err)
	}
	botService := httptest.NewTLSServer(httputil.NewSingleHostReverseProxy(target))
	t.Cleanup(botService.Close)
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: botService.Certificate().Raw})
	if err := os.WriteFile(filepath.Join(root, "etc/ssl/certs/ca-certificates.crt"), authority, 0o644); err != nil {
		t.Fatal(err)
	}
	var before []string
	p := begin(t, typed, settings{database: overTCP(t, databasetest.New(t).Config().ConnConfig), botService: botService.URL + "/botservice", confine: func(one *process, cmd *exec.Cmd) {
		confine(t, root, filepath.Join(filepath.Dir(one.config), one.name), one.config, cmd)
		before = holds(t, root)
	}})
	one := p.edge()
	if status, body := one.get("/readyz"); status != 200 {
		t.Errorf("readyz: %d %s", status, body)
	}
	process := filepath.Join("/proc", strconv.Itoa(one.cmd.Process.Pid))
	about := statusOf(t, process+"/status")
	if want := strconv.Itoa(user); os.Geteuid() == 0 && about["Uid"] != strings.Join([]string{want, want, want, want}, "\t") {
		t.Errorf("it runs as %s", about["Uid"])
	}
	if strings.Trim(about["CapEff"]+about["CapPrm"], "0") != "" {
		t.Errorf("it has capabilities: effective %s, permitted %s", about["CapEff"], about["CapPrm"])
	}
	for _, at := range []string{"/", "/etc/puente/puente.yaml"} {
		if options := mountOptions(t, process+"/mountinfo", at); !slices.Contains(options, "ro") {
			t.Errorf("%s is mounted %v", at, options)
		}
	}
	c := p.caller(t)
	c.wantNIP(t, c.nip(t, p.phone()))
	if asked := alone.Requests(sandbox.Filter{System: "botservice"}); len(asked) == 0 {
		t.Error("BotService was not called over TLS")
	}
	health := exec.Command(filepath.Join(root, "puente"), "health", "--url", "http://"+one.at.Operations)
	if out, err := health.CombinedOutput(); err != nil || !strings.Contains(string(out), `"status":"pass"`) {
		t.Errorf("health: %v %s", err, out)
	}
	one.signal(t, syscall.SIGTERM)
	if code := one.awaitExit(t); code != 0 {
		t.Errorf("exit code %d\n%s", code, one.log.tail())
	}
	if after := holds(t, root); !slices.Equal(before, after) {
		t.Errorf("the root holds %v, and held %v", after, before)
	}
	if _, err := os.Stat(filepath.Join(p.dir, one.name, "journal")); err != nil {
		t.Errorf("no journal in the data directory: %v", err)
	}
	gone := exec.Command(filepath.Join(root, "puente"), "health", "--url", "http://"+one.at.Operations)
	if out, err := gone.CombinedOutput(); err == nil || gone.ProcessState.ExitCode() != 1 {
		t.Errorf("health of a process that has ended: %v %s", err, out)
	}
}

// image lays out the root of the image: the program, authorities, and where the rest is mounted.
func image(t *testing.T) (root string) {
	t.Helper()
	root = t.TempDir()
	for _, dir := range []string{"etc/puente", "etc/ssl/certs", "var/lib/puente"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "etc/puente/puente.yaml"), nil, 0o644); err != nil { // to mount over
		t.Fatal(err)
	}
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(root, "puente")
	if out, err := exec.Command("cp", binary, file).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	program, err := elf.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	for _, p := range program.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Fatalf("the program is not static: it has a segment %s", p.Type)
		}
	}
	return root
}

// inside makes $1 a root that cannot be written but in $2, with $3 as the configuration, and runs the rest there. What it
// execs has the process ID of the whole.
const inside = `set -e
root=$1 data=$2 config=$3; shift 3
mount --bind "$root" "$root"
mount --bind "$data" "$root$data"
mount --bind "$config" "$root/etc/puente/puente.yaml"
mount -o remount,bind,ro "$root/etc/puente/puente.yaml"
mount -o remount,bind,ro "$root"
cd "$root"
`

// namespaced is a command that runs inside with mounts of its own. Who is not root is root in a namespace of users, and
// there the user of the image.
func namespaced(script string) []string {
	if os.Geteuid() == 0 {
		return []string{"unshare", "--mount", "--propagation", "private", "sh", "-c",
			script + `exec chroot --userspec=` + strconv.Itoa(user) + `:` + strconv.Itoa(user) + ` --groups= . "$@"`, "sh"}
	}
	return []string{"unshare", "--user", "--map-root-user", "--mount", "--propagation", "private", "sh", "-c",
		script + `exec unshare --user --map-user=` + strconv.Itoa(user) + ` --map-group=` + strconv.Itoa(user) + ` --root=. "$@"`, "sh"}
}

// confines tells whether this machine lets us do so. Where it does not the test is left out, unless
// PUENTE_TEST_REQUIRE wants namespaces.
func confines(t *testing.T) bool {
	t.Helper()
	if !machine.Has(t, "unshare", "namespaces") {
		return false
	}
	args := []string{"unshare", "--mount", "--propagation", "private", "true"}
	if os.Geteuid() != 0 {
		args = slices.Insert(args, 1, "--user", "--map-root-user")
	}
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, out)
	}
	return machine.Found(t, "namespaces", err)
}

// confine has cmd run in the root, with data as the only directory that can be written.
func confine(t testing.TB, root, data, config string, cmd *exec.Cmd) {
	t.Helper()
	if err := os.MkdirAll(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(root+data, 0o755); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		for _, name := range []string{data, config} {
			if err := os.Chown(name, user, user); err != nil {
				t.Fatal(err)
			}
		}
	}
	args := slices.Clone(cmd.Args)
	args[0] = "/puente"
	args[slices.Index(args, config)] = "/etc/puente/puente.yaml"
	wrapped := append(append(namespaced(inside), root, data, config), args...)
	path, err := exec.LookPath(wrapped[0])
	if err != nil {
		t.Fatal(err)
	}
	cmd.Path, cmd.Args = path, wrapped
}

// holds are the names below a directory.
func holds(t testing.TB, dir string) (names []string) {
	t.Helper()
	if err := filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		names = append(names, name)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return names
}

// overTCP lets the server of the tests, which has a socket in the file system, be reached from where that is not, and
// returns the URL of a database there.
func overTCP(t testing.TB, server *pgx.ConnConfig) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	network, address := pgconn.NetworkAddress(server.Host, server.Port)
	var carried sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		carried.Wait()
	})
	carried.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return // the test has ended
			}
			far, err := net.Dial(network, address)
			if err != nil {
				_ = near.Close()
				continue
			}
			for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
				carried.Go(func() {
					_, _ = io.Copy(way[0], way[1]) // either end may close
					_, _ = near.Close(), far.Close()
				})
			}
		}
	})
	u := url.URL{Scheme: "postgres", User: url.UserPassword(server.User, server.Password), Host: l.Addr().String(), Path: "/" + server.Database, RawQuery: "sslmode=disable"}
	return u.String()
}

// statusOf are the lines of a file in the form of /proc/self/status.
func statusOf(t testing.TB, file string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		found[name] = strings.TrimSpace(value)
	}
	return found
}

// mountOptions are those of the mount at a place, in the form of /proc/self/mountinfo.
func mountOptions(t testing.TB, file, at string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 5 && f[4] == at {
			return strings.Split(f[5], ",")
		}
	}
	t.Fatalf("nothing is mounted at %s:\n%s", at, text)
	return nil
}
