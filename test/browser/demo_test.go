package browser

import (
	"bytes"
	"encoding/json"
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
	"testing"
	"time"

	"puente/shared/admin"
	"puente/shared/config"
)

// demo is the program under test, with everything around it.
type demo struct {
	Public, Ops, Sandbox string
	Landing              struct{ URL, Music, Phone string }
	Admin                struct{ Token string }

	log output
}

const (
	readyWithin = 60 * time.Second // on a busy machine
	patience    = 30 * time.Second // until a page is there, or something has happened
)

// beginDemo runs the program on free ports. A charge that gets no answer is given up and asked about after
// seconds that a test can wait for; and visitors say by X-Forwarded-For where they come from, as they would
// behind a load balancer, for one address may have twenty PINs in an hour.
func beginDemo(program string) (*demo, error) {
	d := &demo{}
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o711); err != nil {
		return nil, err
	}
	cmd := exec.Command(program, "run", "--demo", "--data-dir", data)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(s string) bool {
		return strings.HasPrefix(s, "PUENTE_") || strings.HasPrefix(s, "DATABASE_URL=") || strings.HasPrefix(s, "REDIS_URL=")
	})
	for _, listener := range []string{"PUBLIC", "INTERNAL", "CALLBACKS", "OPS", "SANDBOX"} {
		cmd.Env = append(cmd.Env, "PUENTE_"+listener+"_ADDR=127.0.0.1:0")
	}
	cmd.Env = append(cmd.Env, "PUENTE_POLICIES_TRUSTED_PROXIES=127.0.0.1/32",
		"PUENTE_PAPI_SUBSCRIPTION_CHARGING_TIMEOUT=1s", "PUENTE_PAPI_SUBSCRIPTION_CHARGING_FIRST=4s", "PUENTE_PAPI_SUBSCRIPTION_CHARGING_SETTLE=1s")
	cmd.Stdout, cmd.Stderr = io.Discard, &d.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started, ended := make(chan error), make(chan error, 1)
	go func() {
		runtime.LockOSThread() // the kernel counts as the parent the thread that started the child
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			ended <- cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	ends = append(ends, func() {
		_ = cmd.Process.Signal(os.Interrupt) // it may have ended
		select {
		case <-ended:
		case <-time.After(readyWithin):
			_ = cmd.Process.Kill()
			<-ended
		}
	})
	late := time.After(readyWithin)
	for {
		text, err := os.ReadFile(filepath.Join(data, "demo.json"))
		if err == nil && json.Unmarshal(text, d) == nil {
			return d, nil
		}
		select {
		case err := <-ended:
			ended <- err
			return nil, fmt.Errorf("the demo ended: %w\n%s", err, d.log.tail())
		case <-late:
			return nil, fmt.Errorf("the demo does not serve\n%s", d.log.tail())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// output is what the program wrote.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) tail() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.text.Bytes()[max(0, o.text.Len()-4000):])
}

// fetch calls a control of the sandbox's.
func (d *demo) fetch(t testing.TB, method, path, body string, into any) {
	t.Helper()
	req, err := http.NewRequest(method, d.Sandbox+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && into != nil {
		err = json.Unmarshal(answer, into)
	}
	if resp.StatusCode >= 300 || err != nil {
		t.Fatalf("%s %s: %d %s: %v", method, path, resp.StatusCode, answer, err)
	}
}

// fails has a system of the sandbox's fail until the test ends.
func (d *demo) fails(t testing.TB, fault string) {
	t.Helper()
	d.fetch(t, http.MethodPost, "/_sandbox/faults", fault, nil)
	t.Cleanup(func() { d.fetch(t, http.MethodDelete, "/_sandbox/faults", "", nil) })
}

// later moves business time until the test ends.
func (d *demo) later(t testing.TB, by time.Duration) {
	t.Helper()
	set := func(by time.Duration) {
		d.fetch(t, http.MethodPost, "/_sandbox/clock", fmt.Sprintf(`{"offset":%q}`, by), nil)
	}
	set(by)
	t.Cleanup(func() { set(0) })
}

// charged is what the operator charged a line, in order.
func (d *demo) charged(t testing.TB, msisdn string) (amounts []int64) {
	t.Helper()
	var ledger struct {
		Charges []struct {
			MSISDN, State string
			Amount        int64
		}
	}
	d.fetch(t, http.MethodGet, "/_sandbox/ledger/carrierbilling", "", &ledger)
	for _, c := range ledger.Charges {
		if c.MSISDN == msisdn && c.State == "COBRADO" {
			amounts = append(amounts, c.Amount)
		}
	}
	return amounts
}

// told are the kinds of what a partner was told of a line, in order: 0 it is subscribed, 1 it is not any more, 2 it
// was charged.
func (d *demo) told(t testing.TB, partner, msisdn string) (kinds []int) {
	t.Helper()
	var ledger struct {
		Notifications []struct {
			Partner, ID string
			Body        struct {
				User string `json:"userIdentifier"`
				Kind int    `json:"updateType"`
			}
		}
	}
	d.fetch(t, http.MethodGet, "/_sandbox/ledger/partner", "", &ledger)
	seen := map[string]bool{}
	for _, n := range ledger.Notifications {
		if n.Partner == partner && n.Body.User == msisdn && !seen[n.ID] {
			seen[n.ID], kinds = true, append(kinds, n.Body.Kind)
		}
	}
	return kinds
}

// apply changes the catalogue.
func (d *demo) apply(t testing.TB, documents string) {
	t.Helper()
	if _, err := admin.NewClient(d.Ops, config.NewSecret(d.Admin.Token)).Apply(t.Context(), []byte(documents)); err != nil {
		t.Fatal(err)
	}
}

// eventually waits until holds does, and fails the test when that takes too long.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	late := time.After(patience)
	for pause := 5 * time.Millisecond; !holds(); pause = min(2*pause, 100*time.Millisecond) {
		select {
		case <-time.After(pause):
		case <-late:
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}
