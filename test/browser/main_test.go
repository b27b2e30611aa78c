// Package browser shows the landing pages in Chromium to visitors who have nothing but a phone, of which they
// read the messages on the sandbox's page. The program is one `puente run --demo`, built once; visitors share
// it and the browser, each with cookies and a number of their own.
//
// Whatever a page does that it should not, fails the test that looks at it: an error in the console, something
// that its policy (Content-Security-Policy) stopped, a request that failed (watch_test.go). Screens are inspected
// at three widths and by axe-core, in both languages (inspect_test.go).
//
//	PUENTE_TEST_AXE      axe.min.js; `make axe` puts one where it is looked for
//	PUENTE_TEST_SCREENS  directory for pictures of all screens; `make screenshots`
//	PUENTE_TEST_REQUIRE  with "chromium" in it, a machine without Chromium or axe-core fails instead of being let off
package browser

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"

	"puente/test/machine"
)

// site is what all tests share.
type site struct {
	*demo
	chrome context.Context // of the browser; each visitor has one below it
	axe    string          // source of axe-core; empty: there is none here
}

var (
	dir    string // of the run: the program, the demo's data, the browser's profile
	shared = sync.OnceValues(begin)
	ends   []func() // in the order in which they were begun
)

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "4"); err != nil { // visitors wait more than they compute
		panic(err)
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if dir, err = os.MkdirTemp("", "puente-browser-"); err == nil { // PostgreSQL may run as somebody else, who has to get in
		err = os.Chmod(dir, 0o711)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	defer func() {
		for _, end := range slices.Backward(ends) {
			end()
		}
	}()
	return m.Run()
}

// open is the site, begun by the first test that wants it.
func open(t testing.TB) *site {
	t.Helper()
	if _, err := chromium(); !machine.Found(t, "chromium", err) {
		t.SkipNow()
	}
	s, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// chromium is the browser's program.
func chromium() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("no Chromium here: apt-get install chromium")
}

func begin() (*site, error) {
	program := filepath.Join(dir, "puente")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "puente/deploy/puente")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("build the program: %w", err)
	}
	s := &site{axe: findAxe()}
	var err error
	if s.demo, err = beginDemo(program); err != nil {
		return nil, err
	}
	path, err := chromium()
	if err != nil {
		return nil, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(filepath.Join(dir, "profile")), chromedp.Flag("accept-lang", "es-CL"),
	)
	allocator, release := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	ends = append(ends, func() {
		_ = chromedp.Cancel(ctx) // what is left of it, release kills
		cancel()
		release()
	})
	if err := chromedp.Do(ctx); err != nil {
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	s.chrome = ctx
	return s, nil
}

// findAxe reads axe-core from where PUENTE_TEST_AXE says, or from where npm put it for `make axe`.
func findAxe() string {
	data := os.Getenv("PUENTE_DATA_DIR")
	if home, err := os.UserHomeDir(); data == "" && err == nil {
		data = filepath.Join(home, ".local/state/puente")
		if os.Getuid() == 0 {
			data = "/var/lib/puente"
		}
	}
	for _, name := range []string{os.Getenv("PUENTE_TEST_AXE"), filepath.Join(data, "axe/node_modules/axe-core/axe.min.js")} {
		if source, err := os.ReadFile(name); name != "" && err == nil {
			return string(source)
		}
	}
	return ""
}
