package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What cannot be tried, for nobody comes to it by a landing page; and what cannot pass: who is charged, nobody is told of.
const unfit = `
kind: Product
id: "2001"
spec: {service: "2000001784", name: Solo por SMS, kind: VAS, type: SUBSCRIPTION, channels: [SMS], period: {unit: WEEK}, pricePoints: [{id: 2001, amount: 990}]}
---
kind: Partner
id: "60009"
spec: {name: Callada, country: CL, environment: STAGING}
---
kind: Service
id: "60009"
spec: {partner: "60009", name: Callada, shortCodes: ["8888"]}
---
kind: Product
id: "2002"
spec: {service: "60009", name: Sin avisos, kind: VAS, type: ONESHOT, oneshotConsent: partner, pricePoints: [{id: 2002, amount: 490}]}
`

// The hub's own conformance run makes cells of the acceptance matrix OK, or NOK with the reason, and leaves nothing.
func TestConformance(t *testing.T) {
	t.Parallel()
	dir, _ := beginDemo(t)
	scratch, err := os.MkdirTemp("", "puente-scratch-") // PostgreSQL may run as somebody else, who has to get in
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(scratch) })
	if err := os.Chmod(scratch, 0o711); err != nil {
		t.Fatal(err)
	}
	program := func(args ...string) *exec.Cmd {
		cmd := command(append([]string{"conformance", "--data-dir", dir}, args...)...)
		cmd.Env = append(cmd.Env, "TMPDIR="+scratch)
		return cmd
	}
	bounded := func(cmd *exec.Cmd) *time.Timer { // it takes seconds, also on a busy machine
		return time.AfterFunc(readyWithin, func() { _ = cmd.Process.Signal(os.Interrupt) })
	}
	tries := func(code int, args ...string) string {
		t.Helper()
		cmd := program(args...)
		var text bytes.Buffer
		cmd.Stdout, cmd.Stderr = &text, &text
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		late := bounded(cmd)
		err := cmd.Wait()
		late.Stop()
		if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != code {
			t.Fatalf("%v: %v\n%s", args, err, text.String())
		}
		if left, err := os.ReadDir(scratch); err != nil || len(left) > 0 {
			t.Errorf("%v left %v, %v", args, left, err)
		}
		return text.String()
	}
	cells := func(id string) (states map[string]string, by, reason string) {
		t.Helper()
		code, text := says(t, "admin", "get", "acceptances", id, "--data-dir", dir)
		var row struct {
			Row struct {
				Checks map[string]struct{ State, By string }
			}
			Evidence []struct{ Reason string }
		}
		if err := json.Unmarshal([]byte(text), &row); err != nil || code != 0 {
			t.Fatalf("%d %s", code, text)
		}
		states = map[string]string{}
		for name, c := range row.Row.Checks {
			states[name] = c.State
			if c.By != "" {
				by = c.By
			}
		}
		for _, e := range row.Evidence {
			reason = e.Reason
		}
		return states, by, reason
	}
	count := func(states map[string]string, want string) (n int) {
		for _, state := range states {
			if state == want {
				n++
			}
		}
		return n
	}

	if text := tries(1, "77"); !strings.Contains(text, "product 77: ") || !strings.Contains(text, "not_found") {
		t.Errorf("a product that is not there: %s", text)
	}
	text := tries(0, "1020", "1000000001")
	states, by, reason := cells("52272.1020")
	if count(states, "OK") != 7 || states["subscription.Oneshot"] != "n.a." || by != "conformance run" || !strings.Contains(reason, "conformance run of puente ") {
		t.Errorf("%v by %q for %q:\n%s", states, by, reason, text)
	}
	if states, _, _ := cells("52272.1000000001"); states["subscription.Oneshot"] != "OK" || count(states, "n.a.") != 7 {
		t.Errorf("%v:\n%s", states, text)
	}

	if code, text := says(t, "apply", "--data-dir", dir, "-f", written(t, unfit)); code != 0 {
		t.Fatal(text)
	}
	if text := tries(1, "2002", "2001"); !strings.Contains(text, "product 2001: it is not sold through WEB") || strings.Contains(text, "60009.2002") {
		t.Errorf("a product that cannot be tried: %s", text)
	}
	if states, by, _ := cells("52272.2001"); by != "" {
		t.Errorf("it was signed: %v by %q", states, by)
	}
	text = tries(1, "--by", "Ana Rojas", "2002", "1000000001", "2002")
	states, by, reason = cells("60009.2002")
	if states["subscription.Oneshot"] != "NOK" || by != "Ana Rojas" || !strings.Contains(reason, "URL for NotifCobro") || strings.Count(text, "60009.2002") != 1 {
		t.Errorf("%v by %q for %q:\n%s", states, by, reason, text)
	}

	// What is interrupted ends its platform, takes its directory away, and signs nothing.
	cmd := program("1030")
	var log logbook
	cmd.Stdout, cmd.Stderr = &log, &log
	ended := make(chan struct{})
	if err := child(cmd, func(error) { close(ended) }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Signal(os.Interrupt); <-ended }) // which removes its directory within a minute
	eventually(t, readyWithin, "it has a platform", func() bool {
		notes, err := filepath.Glob(filepath.Join(scratch, "*", "demo.json"))
		return err == nil && len(notes) == 1
	})
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	<-ended
	left, err := os.ReadDir(scratch)
	if code := cmd.ProcessState.ExitCode(); code != 1 || err != nil || len(left) > 0 || !strings.Contains(log.tail(), "interrupted") {
		t.Errorf("%d, left %v, %v:\n%s", code, left, err, log.tail())
	}
	if states, by, _ := cells("60001.1030"); count(states, "OK") > 0 || by != "" {
		t.Errorf("%v by %q", states, by)
	}
	if text := tries(0, "--dry-run", "1000000001"); strings.Contains(text, "signed") {
		t.Error(text)
	}
}
