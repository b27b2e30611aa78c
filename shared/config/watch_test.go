package config_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"puente/shared/config"
)

// watched runs Watch on a file in a bubble of fake time.
type watched struct {
	t    *testing.T
	file string
	hup  chan os.Signal

	mu       sync.Mutex
	level    string  // of the snapshot in force
	outcomes []error // of the attempts since they were last asked for
}

func watch(t *testing.T) *watched {
	w := &watched{t: t, file: filepath.Join(t.TempDir(), "config.yaml"), hup: make(chan os.Signal)}
	w.write("level: one\n")
	tree := load(t, w.file)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tree.Watch(ctx, w.hup, w.apply, w.outcome)
	}()
	t.Cleanup(func() { stop(); <-ended })
	return w
}

func (w *watched) apply(tree *config.Tree) error {
	var cfg struct {
		Level string `yaml:"level"`
	}
	if err := errors.Join(tree.Section("", &cfg), tree.Unclaimed()); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.level = cfg.Level
	return nil
}

func (w *watched) outcome(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.outcomes = append(w.outcomes, err)
}

func (w *watched) write(text string) {
	w.t.Helper()
	if err := os.WriteFile(w.file, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// after lets seconds pass and returns the attempts made in them, and the level in force.
func (w *watched) after(seconds int) ([]error, string) {
	time.Sleep(time.Duration(seconds)*time.Second + time.Millisecond) // fake time
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	outcomes := w.outcomes
	w.outcomes = nil
	return outcomes, w.level
}

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t)
		if got, _ := w.after(5); len(got) != 0 {
			t.Fatalf("reloaded an unchanged file: %v", got)
		}

		w.write("level: two\n")
		if got, level := w.after(3); len(got) != 1 || got[0] != nil || level != "two" {
			t.Fatalf("change: %v, level %s", got, level)
		}

		for _, bad := range []struct{ text, want string }{
			{"level: [\n", "config.yaml:"},
			{"levl: three\n", "config.yaml:1: unknown key levl"},
			{"level:\n", "config.yaml:1: level: has no value"},
			{"level: thr", "half-written"},
		} {
			w.write(bad.text)
			got, level := w.after(5)
			if len(got) != 1 || got[0] == nil || !strings.Contains(got[0].Error(), bad.want) {
				t.Errorf("%q: %v, want one refusal with %q", bad.text, got, bad.want)
			}
			if level != "two" {
				t.Fatalf("%q took effect", bad.text)
			}
		}

		if err := os.Remove(w.file); err != nil {
			t.Fatal(err)
		}
		if got, _ := w.after(5); len(got) != 1 || !errors.Is(got[0], os.ErrNotExist) {
			t.Errorf("removed file: %v", got)
		}

		w.write("level: two\n")
		if got, _ := w.after(3); len(got) != 1 || got[0] != nil {
			t.Errorf("restored file: %v", got)
		}
	})
}

func TestWatchWaitsForAWriterToFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t)
		for _, part := range []string{"level: tw\n", "level: two\n", "level: two # still\n", "level: two # writing\n"} {
			w.write(part)
			if got, _ := w.after(1); len(got) != 0 {
				t.Fatalf("took a file that still changes: %v", got)
			}
		}
		if got, level := w.after(2); len(got) != 1 || got[0] != nil || level != "two" {
			t.Fatalf("%v, level %s", got, level)
		}
	})
}

func TestWatchReloadsOnSignal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t)
		w.hup <- syscall.SIGHUP
		if got, level := w.after(0); len(got) != 1 || got[0] != nil || level != "one" {
			t.Fatalf("%v, level %s", got, level)
		}
	})
}
