package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// process is a child of this program.
type process struct {
	name  string
	cmd   *exec.Cmd
	log   string // file of its standard error
	ended chan struct{}
	err   error // how it ended; read after ended
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// crew is all children of a run.
type crew struct {
	dir string // of their logs

	mu  sync.Mutex
	all []*process
}

// start starts a child in a process group of its own, so that Ctrl-C reaches it through us.
func (c *crew) start(name string, cmd *exec.Cmd) (*process, error) {
	p := &process{name: name, cmd: cmd, log: filepath.Join(c.dir, name+".log"), ended: make(chan struct{})}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the child has its own
	cmd.Stderr = log
	if cmd.Stdout == nil {
		cmd.Stdout = log
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	endWithParent(cmd.SysProcAttr)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	c.mu.Lock()
	c.all = append(c.all, p)
	c.mu.Unlock()
	go func() {
		state, err := cmd.Process.Wait() // not cmd.Wait, which closes pipes that are still read
		if err == nil && !state.Success() {
			err = errors.New(state.String())
		}
		p.err = err
		close(p.ended)
	}()
	return p, nil
}

// stop ends all children: gently, then not.
func (c *crew) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.all {
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	}
	patience := time.After(5 * time.Second)
	for _, p := range c.all {
		select {
		case <-p.ended:
			continue
		case <-patience:
		}
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
	c.all = nil
}

// dead is a child that ended before it was told to, or nil.
func (c *crew) dead() *process {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.all {
		select {
		case <-p.ended:
			return p
		default:
		}
	}
	return nil
}

// tail is the end of the child's log.
func (p *process) tail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	if len(text) > 2000 {
		text = text[len(text)-2000:]
	}
	return string(bytes.TrimSpace(text))
}

// await polls until done or an error, until the child ends, or for the time given.
func (p *process) await(ctx context.Context, within time.Duration, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%s ended: %w\n%s", p.name, p.err, p.tail())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w\n%s", p.name, ctx.Err(), p.tail())
		case <-poll.C:
		}
	}
}

// self is a child that plays a role of this program, and the pipes to it.
type self struct {
	*process
	in  io.WriteCloser
	out *bufio.Reader
}

func (c *crew) play(name, role string, args ...string) (*self, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, append([]string{role}, args...)...)
	s := &self{}
	if s.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.out = bufio.NewReader(out)
	s.process, err = c.start(name, cmd)
	return s, err
}

// read decodes the next line of the child's standard output.
func (s *self) read(v any) error {
	line, err := s.out.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", s.name, err, s.tail())
	}
	return json.Unmarshal(line, v)
}

// serve plays a role that listens, and returns where.
func (c *crew) serve(role string, args ...string) (*self, string, error) {
	s, err := c.play(role, role, args...)
	if err != nil {
		return nil, "", err
	}
	var h hello
	if err := s.read(&h); err != nil {
		return nil, "", err
	}
	return s, h.Addr, nil
}

// answer has the load child do a job. When ctx ends first, so does the child.
func (s *self) answer(ctx context.Context, j job) (tally, error) {
	defer context.AfterFunc(ctx, func() { _ = s.cmd.Process.Kill() })()
	var t tally
	if err := json.NewEncoder(s.in).Encode(j); err != nil {
		return t, fmt.Errorf("%s: %w", s.name, err)
	}
	if err := s.read(&t); err != nil {
		return t, errors.Join(context.Cause(ctx), err)
	}
	if t.Failure != "" {
		return t, errors.New(t.Failure)
	}
	if t.Requests == 0 {
		return t, errors.New("no request was answered")
	}
	return t, nil
}
