package conformance

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"puente/shared/admin"
	"puente/shared/config"
)

// platform is a demo of this program, for nobody but the run.
type platform struct {
	dir   string
	notes notes
	admin *admin.Client
	http  *http.Client

	end   context.CancelFunc
	ended chan struct{}
	err   error // how it ended; read after ended
	log   tail
}

// notes are what is needed of demo.json.
type notes struct {
	Public  string `json:"public"`
	Ops     string `json:"ops"`
	Sandbox string `json:"sandbox"`
	Clients struct {
		Partner client `json:"partner"`
	} `json:"clients"`
	Admin struct {
		Token string `json:"token"`
	} `json:"admin"`
}

// client is the demo's client of a partner.
type client struct {
	ID        string            `json:"client_id"`
	Secret    string            `json:"client_secret"`
	TokenURLs map[string]string `json:"token_urls"`
}

// Bounds of waiting, for a machine that has much else to do.
const (
	startWithin = 3 * time.Minute
	stopWithin  = time.Minute // it drains, and its PostgreSQL ends
	callWithin  = 30 * time.Second
	patience    = 20 * time.Second // for what follows from something that was done
)

// rules are the platform's that would have a run wait for people who are not there: nobody reads its pages, and nobody
// sleeps while it sends messages. They are the operator's, not the product's.
var rules = []string{
	"PUENTE_XAPI_LANDING_SHOWN=0s",
	"PUENTE_PAPI_SUBSCRIPTION_MESSAGING_QUIET_FROM=0s", "PUENTE_PAPI_SUBSCRIPTION_MESSAGING_QUIET_TO=0s",
}

// start starts a platform on free ports of this machine, and waits until it serves.
func start(ctx context.Context, program string) (_ *platform, err error) {
	p := &platform{http: &http.Client{Timeout: callWithin, Transport: &http.Transport{}}, ended: make(chan struct{})}
	if p.dir, err = os.MkdirTemp("", "puente-conformance-"); err != nil {
		return nil, err
	}
	if err := os.Chmod(p.dir, 0o711); err != nil { // PostgreSQL may run as somebody else, who has to get in
		return nil, errors.Join(err, os.RemoveAll(p.dir))
	}
	args := []string{"run", "--demo", "--data-dir", p.dir}
	for _, place := range []string{"public", "internal", "callbacks", "ops", "sandbox"} {
		args = append(args, "--"+place+"-addr", "127.0.0.1:0")
	}
	running, end := context.WithCancel(ctx)
	cmd := exec.CommandContext(running, program, args...)
	cmd.Cancel, cmd.WaitDelay = func() error { return cmd.Process.Signal(os.Interrupt) }, stopWithin
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(s string) bool { // what configures another platform
		return strings.HasPrefix(s, "PUENTE_") || strings.HasPrefix(s, "DATABASE_URL=") || strings.HasPrefix(s, "REDIS_URL=")
	}), rules...)
	cmd.Stderr = &p.log
	p.end = end
	if err := p.launch(cmd); err != nil {
		end()
		return nil, errors.Join(err, os.RemoveAll(p.dir))
	}
	if err := p.serving(ctx); err != nil {
		return nil, errors.Join(err, p.stop())
	}
	p.admin = admin.NewClient(p.notes.Ops, config.NewSecret(p.notes.Admin.Token))
	return p, nil
}

// launch starts cmd so that it ends with this process, however that ends. The kernel counts as the parent the thread
// that started the child: that thread must be nobody else's until then. It is in a group of its own: what a terminal
// interrupts is the run, which then ends its platform.
func (p *platform) launch(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	endWithParent(cmd.SysProcAttr)
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.ended)
		}
	}()
	return <-started
}

// serving waits for demo.json, which is there once everything is.
func (p *platform) serving(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	return p.await(ctx, "it does not serve", func() (bool, error) {
		text, err := os.ReadFile(filepath.Join(p.dir, "demo.json"))
		if errors.Is(err, os.ErrNotExist) {
			return false, nil
		}
		if err == nil {
			err = json.Unmarshal(text, &p.notes)
		}
		return err == nil, err
	})
}

// stop ends the platform, and removes what it kept.
func (p *platform) stop() error {
	p.end()
	<-p.ended
	p.http.CloseIdleConnections()
	return os.RemoveAll(p.dir)
}

// alive is an error once the platform has ended, which nothing that was tried on it can be blamed for.
func (p *platform) alive() error {
	select {
	case <-p.ended:
		return fmt.Errorf("the private platform ended: %w\n%s", cmp.Or(p.err, errors.New("without an error")), p.log.String())
	default:
		return nil
	}
}

// await waits until holds does. It gives up with the error, once the platform has ended, or when ctx's time is over,
// and then says what does not hold.
func (p *platform) await(ctx context.Context, otherwise string, holds func() (bool, error)) error {
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		if ok, err := holds(); ok || err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-time.After(pause):
		case <-p.ended:
			return p.alive()
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return errors.New(otherwise)
			}
			return ctx.Err()
		}
	}
}

// soon is await for what follows by itself.
func (p *platform) soon(ctx context.Context, otherwise string, holds func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return p.await(ctx, fmt.Sprintf("%s within %s", otherwise, patience), holds)
}

// control calls one of the sandbox's controls.
func (p *platform) control(ctx context.Context, method, path string, body, into any) error {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, p.notes.Sandbox+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	resp, err := p.http.Do(req)
	if err != nil {
		return err
	}
	answer, err := bodyOf(resp)
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("sandbox: %s %s: %s: %s", method, path, resp.Status, answer)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}

// mostAnswer is more than any answer has, in bytes: the sandbox's ledgers are those of one run.
const mostAnswer = 16 << 20

// bodyOf reads the body of an answer, and closes it.
func bodyOf(resp *http.Response) ([]byte, error) {
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, mostAnswer+1))
	if err == nil && len(text) > mostAnswer {
		err = fmt.Errorf("%s: the answer is larger than %d bytes", resp.Request.URL.Path, mostAnswer)
	}
	return text, err
}

// ready wants the platform to serve still, with its database: else nothing that failed on it says anything of a product.
func (p *platform) ready(ctx context.Context) error {
	if err := p.alive(); err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.notes.Ops+"/readyz", nil)
	if err != nil {
		return err
	}
	resp, err := p.http.Do(req)
	if err != nil {
		return fmt.Errorf("the private platform does not serve any more: %w", err)
	}
	if text, err := bodyOf(resp); err != nil || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the private platform is not ready any more: %s: %s", resp.Status, text)
	}
	return nil
}

// ahead is by how much the platform's business time is moved.
func (p *platform) ahead(ctx context.Context) (time.Duration, error) {
	var clock struct{ Offset string }
	if err := p.control(ctx, http.MethodGet, "/_sandbox/clock", nil, &clock); err != nil {
		return 0, err
	}
	return time.ParseDuration(clock.Offset)
}

// forward moves the platform's business time to a moment, never back.
func (p *platform) forward(ctx context.Context, to time.Time) error {
	now, err := p.ahead(ctx)
	if next := time.Until(to); err == nil && next > now {
		err = p.control(ctx, http.MethodPost, "/_sandbox/clock", map[string]string{"offset": next.String()}, nil)
	}
	return err
}

// tail keeps the end of what the platform logged.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const mostLog = 4 << 10 // bytes

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-mostLog):]
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
