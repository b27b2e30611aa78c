package cluster

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// How long a server may take to stop before the next, less patient way is tried.
const (
	fastShutdown      = 15 * time.Second
	immediateShutdown = 5 * time.Second
)

// Postmaster is a running server, or initdb, which runs servers of its own.
type Postmaster struct {
	cmd  *exec.Cmd
	tail *output
	done chan struct{}
	err  error
}

// launch runs a program of PostgreSQL as the server's account in a process group of its own, so that
// an interrupt typed at the terminal reaches only us. It ends with us, whatever ends us.
func (c *Cluster) launch(program string, args []string, lock *os.File) (*Postmaster, error) {
	p := &Postmaster{cmd: exec.Command(program, args...), tail: &output{log: c.log}, done: make(chan struct{})}
	p.cmd.Dir = "/" // ours may be closed to the account
	p.cmd.Env = []string{"LC_ALL=C", "PATH=/usr/bin:/bin"}
	p.cmd.Stdout, p.cmd.Stderr = p.tail, p.tail
	p.cmd.ExtraFiles = []*os.File{lock}
	p.cmd.WaitDelay = time.Second // for what the killed server's children still hold
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: c.account.drop}
	endWithParent(p.cmd.SysProcAttr)

	started := make(chan error)
	go func() {
		// The kernel takes the death of the thread that forked for that of the parent.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		if err := p.cmd.Wait(); err != nil {
			p.err = fmt.Errorf("%w: %s", err, p.tail.last())
		}
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// Done is closed when the process has ended; then Err says how.
func (p *Postmaster) Done() <-chan struct{} { return p.done }

// Err is nil while the process runs and if it ended well.
func (p *Postmaster) Err() error {
	select {
	case <-p.done:
		return p.err
	default:
		return nil
	}
}

// Signal sends sig to the postmaster alone.
func (p *Postmaster) Signal(sig syscall.Signal) error { return p.cmd.Process.Signal(sig) }

// SignalAll sends sig to the postmaster and all its processes.
func (p *Postmaster) SignalAll(sig syscall.Signal) error {
	// Backends are leaders of sessions and groups of their own; the postmaster passes on what ends
	// them, but SIGSTOP and SIGCONT have to reach each.
	for _, pid := range append(children(p.cmd.Process.Pid), p.cmd.Process.Pid) {
		if err := syscall.Kill(pid, sig); err != nil && err != syscall.ESRCH {
			return err
		}
	}
	return nil
}

// Stop ends the server: its sessions are broken off, what is committed is kept. It returns when the
// server has ended.
func (p *Postmaster) Stop() {
	steps := []struct {
		sig  syscall.Signal
		wait time.Duration
	}{{syscall.SIGINT, fastShutdown}, {syscall.SIGQUIT, immediateShutdown}}
	for _, step := range steps {
		p.Signal(step.sig)        // fails only if it has ended
		p.Signal(syscall.SIGCONT) // in case somebody stopped it
		select {
		case <-p.done:
			return
		case <-time.After(step.wait):
		}
	}
	p.Signal(syscall.SIGKILL)
	<-p.done
}

// output passes on the lines a server writes and remembers the last.
type output struct {
	log *slog.Logger

	mu      sync.Mutex
	partial []byte
	lines   []string
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.partial = append(o.partial, b...)
	for {
		line, rest, ok := bytes.Cut(o.partial, []byte{'\n'})
		if !ok {
			return len(b), nil
		}
		o.partial = rest
		if len(o.lines) == 8 {
			o.lines = o.lines[1:]
		}
		o.lines = append(o.lines, string(line))
		o.log.Debug("postgres", "line", string(line))
	}
}

func (o *output) last() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.lines, "; ")
}
