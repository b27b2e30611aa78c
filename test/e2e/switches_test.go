package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// switches: what `puente apply` turns off is off in every process within a second, and on again.
func switches(t *testing.T, p *platform) {
	c := p.caller(t)
	c.wantNIP(t, c.nip(t, p.phone()))
	id := "e2e-" + strings.ToLower(c.system)
	turn := func(spec string) {
		file := filepath.Join(t.TempDir(), "switch.yaml")
		if err := os.WriteFile(file, []byte(document("Switch", id, spec)), 0o600); err != nil {
			t.Fatal(err)
		}
		if out := p.run(t, "apply", "-f", file); !strings.Contains(out, "Switch "+id+" ") {
			t.Errorf("apply says %q", out)
		}
	}
	obeyed := func(what string, status int) (last answer) {
		t.Helper()
		eventually(t, campaign(within, time.Second), what, func() bool { last = c.nip(t, p.phone()); return last.status == status })
		return last
	}
	for _, off := range []struct{ what, spec, retryAfter string }{
		{"the API for a system", `{api: portabilities, system: %s, off: true, reason: e2e, retryAfter: 7m}`, "420"},
		{"an operation", `{api: portabilities, operation: createPortability, system: %s, off: true, reason: e2e, retryAfter: 2s}`, "2"},
		{"a channel", `{api: portabilities, system: %s, channel: WEB, off: true, reason: e2e}`, "1"},
		{"everything", `{api: "*", system: %s, off: true, reason: e2e, retryAfter: 9s}`, "9"},
		{"the system API", `{api: salesorder, system: %s, off: true, reason: e2e, retryAfter: 3s}`, "3"}, // another process, perhaps
	} {
		turn(fmt.Sprintf(off.spec, c.system))
		refused := obeyed(off.what+" is off", 503)
		wantProblem(of(t, off.what), refused, 503, "SERVICE_UNAVAILABLE", "Switched off by the operator")
		if got := refused.header.Get("Retry-After"); got != off.retryAfter {
			t.Errorf("%s: Retry-After %q, want %s", off.what, got, off.retryAfter)
		}
		if sent := p.received(refused.correlation(), ""); len(sent) > 0 {
			t.Errorf("%s: BotService received %+v", off.what, sent)
		}
		if off.what == "an operation" {
			if a := c.status(t, p.phone()); a.status != 404 {
				t.Errorf("the other operation: %d %s", a.status, a.body)
			}
		}
		if off.what == "a channel" {
			c.wantNIP(t, c.nip(t, p.phone(), "X-Channel", "whatsapp"))
		}
		turn(strings.Replace(fmt.Sprintf(off.spec, c.system), "off: true", "off: false", 1))
		obeyed(off.what+" is on again", 200)
	}

	until := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	turn(fmt.Sprintf(`{api: portabilities, system: %s, off: true, reason: maintenance, until: %s}`, c.system, until))
	if after := obeyed("a window of maintenance", 503).header.Get("Retry-After"); after < "3500" || len(after) != 4 {
		t.Errorf("Retry-After %q, an hour before the end", after)
	}
	var entity struct {
		Kind, ID string
		Spec     struct{ System, Reason string }
	}
	if err := json.Unmarshal([]byte(p.run(t, "admin", "get", "switches", id)), &entity); err != nil || entity.Kind != "Switch" || entity.Spec.System != c.system || entity.Spec.Reason != "maintenance" {
		t.Errorf("read back %+v, %v", entity, err)
	}
	if list := p.run(t, "admin", "list", "switches"); !strings.Contains(list, id) {
		t.Errorf("not in the list: %s", list)
	}
	from := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	turn(fmt.Sprintf(`{api: portabilities, system: %s, off: true, reason: maintenance, from: %s}`, c.system, from))
	obeyed("maintenance that is yet to come", 200)
	turn(fmt.Sprintf(`{api: portabilities, system: %s, off: true, reason: e2e}`, c.system))
	obeyed("off", 503)
	p.run(t, "admin", "delete", "switches", id)
	obeyed("the switch is gone", 200)
}

// administration: only who has a token gets in, and nothing is applied in part.
func administration(t *testing.T, p *platform) {
	for _, authorization := range []string{"", "Bearer ", "Bearer wrong", "Basic " + adminToken, adminToken} {
		status, body := p.asks(t, "GET", "/admin/v1/clients", authorization)
		if status != 401 || strings.Contains(body, "client-0") {
			t.Errorf("%q: %d %s", authorization, status, body)
		}
	}
	c := p.caller(t)
	documents := document("Tier", "half-"+c.id, `{limits: [{requests: 1, window: 1m}]}`) + document("Client", c.id, `{name: e2e, systems: [NOBODY], contracts: []}`)
	status, body := p.admin(t, p.edge(), "POST", "/admin/v1/apply", documents)
	if status != 400 || !strings.Contains(body, "documents[1].spec.systems[0]") {
		t.Errorf("%d %s", status, body)
	}
	if status, body := p.admin(t, p.edge(), "GET", "/admin/v1/tiers/half-"+c.id, ""); status != 404 {
		t.Errorf("applied in part: %d %s", status, body)
	}
	c.wantNIP(t, c.nip(t, p.phone()))
	if out := p.run(t, "apply", "-f", "../../deploy/docker/clients.yaml"); !strings.Contains(out, "Client tienda ") {
		t.Errorf("what the guide applies: %s", out)
	}
	if status, body := p.admin(t, p.edge(), "POST", "/admin/v1/apply", document("Tier", "half-"+c.id, "[]")); status != 400 || !strings.Contains(body, `"documents[0].spec"`) {
		t.Errorf("%d %s", status, body)
	}
	if chains := p.run(t, "policies", "portabilities"); !strings.Contains(chains, "createPortability") || !regexpOrder.MatchString(chains) {
		t.Errorf("the chain in force is shown as\n%s", chains)
	}
}

// regexpOrder is the order of the policies as the specification has it.
var regexpOrder = regexp.MustCompile(`(?s)transport\s+enforce.*shed\s+enforce.*address\s+enforce.*token\s+enforce.*client\s+enforce.*clientLimit\s+enforce.*body\s+enforce.*origin\s+enforce.*limits\s+enforce.*switch\s+enforce.*idempotency\s+enforce`)

// asks calls the operations listener of the edge with that Authorization.
func (p *platform) asks(t testing.TB, method, path, authorization string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequest(method, "http://"+p.edge().at.Operations+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", authorization)
	resp, err := operations.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}
