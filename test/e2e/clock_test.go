package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// The sandbox's clock moves the business time of the demo: what it answers is dated by it.
func TestTheSandboxMovesTheDemosTime(t *testing.T) {
	t.Parallel()
	_, notes := beginDemo(t)

	ask := func(req *http.Request, err error, into any) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		resp, err := operations.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, into); resp.StatusCode != http.StatusOK || err != nil {
			t.Fatalf("%s: %d %s", req.URL, resp.StatusCode, text)
		}
	}
	post := func(url, body string, headers ...string) (*http.Request, error) {
		req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
		for i := 0; err == nil && i < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
		return req, err
	}
	var token struct {
		Text string `json:"access_token"`
	}
	bot := notes.Clients["chatbot"]
	req, err := post(notes.TokenURL, "grant_type=client_credentials", "Content-Type", "application/x-www-form-urlencoded")
	if err == nil {
		req.SetBasicAuth(url.QueryEscape(bot.ID), url.QueryEscape(bot.Secret))
	}
	ask(req, err, &token)
	dated := func(correlation string) time.Duration {
		t.Helper()
		var answer struct {
			WSResponseHeader struct {
				Service struct {
					Date time.Time `json:"responseDate"`
				}
			}
		}
		body := fmt.Sprintf(`{"WSRequestHeader":{"System":{"name":"MAX","correlationID":%q,"processingServer":null},"Property":[]},"WSRequestBody":{"Phone":"6012450001","Audit":{"Canal":"whatsapp"}}}`, correlation)
		req, err := post(notes.Public+"/api/soporte1n/v1/validatetv", body, "Authorization", "Bearer "+token.Text, "Content-Type", "application/json")
		ask(req, err, &answer)
		return time.Until(answer.WSResponseHeader.Service.Date).Round(time.Hour)
	}
	if by := dated("CLOCK-1"); by != 0 {
		t.Errorf("the demo begins %v ahead", by)
	}
	for i, offset := range []string{"720h0m0s", "0s"} {
		var clock struct {
			Offset string
			Now    time.Time
		}
		req, err := post(notes.Sandbox+"/_sandbox/clock", `{"offset":"`+offset+`"}`)
		ask(req, err, &clock)
		want, _ := time.ParseDuration(offset)
		if clock.Offset != offset || time.Until(clock.Now).Round(time.Hour) != want {
			t.Errorf("the clock says %+v, want %s", clock, offset)
		}
		if by := dated(fmt.Sprint("CLOCK-", 2+i)); by != want {
			t.Errorf("the demo is %v ahead, want %v", by, want)
		}
	}
}

// demoNotes are what a demo tells in demo.json.
type demoNotes struct {
	Public, Ops, Sandbox string
	PID                  int
	TokenURL             string `json:"token_url"`
	Clients              map[string]struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	SMS struct{ Inbox string }
	Hub struct{ Told string }
}

// beginDemo runs a demo in a directory of its own; more is over the usual arguments and its environment.
func beginDemo(t *testing.T, more ...string) (dir string, notes demoNotes) {
	t.Helper()
	dir = demoDirectory(t)
	notes, _ = runDemo(t, dir, more...)
	return dir, notes
}

func demoDirectory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "puente-demo-") // PostgreSQL may run as somebody else, who has to get in
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return dir
}

// runDemo runs a demo in a directory, until it is stopped.
func runDemo(t *testing.T, dir string, more ...string) (notes demoNotes, stop func()) {
	t.Helper()
	args := []string{"run", "--demo", "--data-dir", dir}
	anywhere := map[string]bool{"--public-addr": true, "--internal-addr": true, "--callbacks-addr": true, "--ops-addr": true, "--sandbox-addr": true}
	var env []string
	for _, one := range more {
		name, value, _ := strings.Cut(one, "=")
		if strings.HasPrefix(name, "--") {
			args = append(args, name, value)
			delete(anywhere, name)
		} else {
			env = append(env, one)
		}
	}
	for name := range anywhere {
		args = append(args, name, "127.0.0.1:0")
	}
	cmd := command(args...)
	cmd.Env = append(cmd.Env, env...)
	p := &process{name: "demo", cmd: cmd, ended: make(chan struct{})}
	cmd.Stderr, cmd.Stdout = &p.log, io.Discard
	if err := child(cmd, func(err error) { p.err = err; close(p.ended) }); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() { p.signal(t, os.Interrupt); p.awaitExit(t) })
	t.Cleanup(stop)
	eventually(t, readyWithin, "the demo serves", func() bool {
		select {
		case <-p.ended:
			t.Fatalf("the demo ended: %v\n%s", p.err, p.log.tail())
		default:
		}
		text, err := os.ReadFile(filepath.Join(dir, "demo.json"))
		return err == nil && json.Unmarshal(text, &notes) == nil && notes.PID == cmd.Process.Pid // not of a run before
	})
	return notes, stop
}
