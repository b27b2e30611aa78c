package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is one run of the program, and after a restart the next.
type process struct {
	name    string
	config  string   // file
	args    []string // of `puente run`
	program string   // the binary; empty: the one under test
	log     logbook  // standard error of all runs

	confine func(*exec.Cmd) // puts a run elsewhere than into this process's file system; nil: nowhere

	cmd   *exec.Cmd
	ended chan struct{}
	err   error // how it ended; read after ended
	at    addresses
}

// addresses are where a process listens, as its log says.
type addresses struct {
	Public     string `json:"public"`
	Internal   string `json:"internal"`
	Operations string `json:"operations"`
	Callbacks  string `json:"callbacks"`
}

// start runs the program and waits until it serves.
func (p *process) start(t testing.TB) {
	t.Helper()
	p.launch(t)
	p.awaitReady(t)
}

// launch runs the program without waiting.
func (p *process) launch(t testing.TB) {
	t.Helper()
	p.log.ready = make(chan addresses, 1)
	p.cmd = command(append([]string{"run", "--config", p.config}, p.args...)...)
	if p.program != "" {
		p.cmd.Path = p.program
	}
	if p.confine != nil {
		p.confine(p.cmd)
	}
	p.cmd.Stderr = &p.log
	p.ended = make(chan struct{})
	ended := p.ended
	if err := child(p.cmd, func(err error) { p.err = err; close(ended) }); err != nil {
		t.Fatal(err)
	}
}

// child starts cmd so that it ends at the latest with this process, and calls ended with what
// cmd.Wait said. The kernel counts as the parent the thread that started the child: that thread must
// be nobody else's until then.
func child(cmd *exec.Cmd, ended func(error)) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			ended(cmd.Wait())
		}
	}()
	return <-started
}

// readyWithin is long enough for a start on a busy machine.
const readyWithin = 2 * time.Minute

func (p *process) awaitReady(t testing.TB) {
	t.Helper()
	select {
	case at := <-p.log.ready:
		if at != p.at { // callers read it while a process that keeps its addresses starts again
			p.at = at
		}
	case <-p.ended:
		t.Fatalf("%s ended: %v\n%s", p.name, p.err, p.log.tail())
	case <-time.After(readyWithin):
		t.Fatalf("%s is not ready\n%s", p.name, p.log.tail())
	}
}

// kill ends the process as a crash does.
func (p *process) kill() {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.ended
}

// signal tells the process something.
func (p *process) signal(t testing.TB, s os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// awaitExit waits for the end of the process and returns its exit code.
func (p *process) awaitExit(t testing.TB) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(readyWithin):
		p.kill()
		t.Fatalf("%s does not end\n%s", p.name, p.log.tail())
	}
	return p.cmd.ProcessState.ExitCode()
}

// command is the program with an environment that configures nothing.
func command(args ...string) *exec.Cmd {
	cmd := exec.Command(binary, args...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(s string) bool {
		return strings.HasPrefix(s, "PUENTE_") || strings.HasPrefix(s, "DATABASE_URL=") || strings.HasPrefix(s, "REDIS_URL=")
	})
	return cmd
}

// logbook is what a process logged, a line at a time.
type logbook struct {
	mu    sync.Mutex
	text  []byte
	begun int            // of the line that is not yet whole
	ready chan addresses // told once the process serves
}

// Write implements io.Writer.
func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	for {
		n := bytes.IndexByte(l.text[l.begun:], '\n')
		if n < 0 {
			return len(p), nil
		}
		line := l.text[l.begun : l.begun+n]
		l.begun += n + 1
		var said struct {
			Message string `json:"msg"`
			addresses
		}
		if json.Unmarshal(line, &said) == nil && said.Message == "ready" {
			l.ready <- said.addresses
		}
	}
}

// lines are all whole lines so far.
func (l *logbook) lines() [][]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Collect(bytes.Lines(bytes.Clone(l.text[:l.begun])))
}

func (l *logbook) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text[max(0, len(l.text)-4000):])
}

// operations is the way to the operations listeners: never through the caller's pool.
var operations = &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}

// get asks the operations listener; it returns status 0 where that does not answer.
func (p *process) get(path string) (status int, body string) {
	resp, err := operations.Get("http://" + p.at.Operations + path)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(text)
}

// metric is the sum of the series of that name that have the labels given, in pairs.
func (p *process) metric(t testing.TB, name string, labels ...string) float64 {
	t.Helper()
	status, text := p.get("/metrics")
	if status != http.StatusOK {
		t.Fatalf("%s: metrics: %d %s", p.name, status, text)
	}
	sum := 0.0
	for line := range strings.Lines(text) {
		series, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		found, given, _ := strings.Cut(series, "{")
		if found != name {
			continue
		}
		has := true
		for i := 0; i < len(labels); i += 2 {
			has = has && strings.Contains(given, fmt.Sprintf("%s=%q", labels[i], labels[i+1]))
		}
		if n, err := strconv.ParseFloat(value, 64); has && err == nil {
			sum += n
		}
	}
	return sum
}

// eventually waits until holds does, and fails the test when it does not within the time.
func eventually(t testing.TB, within time.Duration, what string, holds func() bool) {
	t.Helper()
	late := time.After(within)
	for pause := 2 * time.Millisecond; !holds(); pause = min(2*pause, 100*time.Millisecond) {
		select {
		case <-time.After(pause):
		case <-late:
			t.Fatalf("not within %s: %s", within, what)
		}
	}
}
