package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"puente/test/sandbox"
	"puente/test/sandbox/fault"
	"puente/test/sandbox/inventory"
	"puente/test/sandbox/tvplatforms"
)

// tvPlatform is a check and the sandbox's name of the platform that it asks.
var tvPlatforms = map[string]string{tvChannels: "channels", tvServices: "services", tvDevices: "devices", tvSubscriber: "subscribers"}

// televisionFaults: a platform that hangs, breaks or talks nonsense is Yellow and costs the others
// nothing; all four are ERROR_19; what the inventory does not tell has its own code.
func televisionFaults(t *testing.T, p *platform) {
	c, l := p.caller(t), p.newTV(t, "FTTH")
	p.drift(t, l, tvplatforms.Setting{Services: []string{}}) // so that there is something to see
	for _, f := range []fault.Fault{{Kind: fault.Hang}, {Kind: fault.Garbage}, {Kind: fault.Status, Status: 500}} {
		f.System = "tvplatforms"
		for check, platform := range tvPlatforms {
			f.Operation = "ftth_" + platform
			p.sandbox.Fault(t, f)
			a, r := c.television(t, validateTVPath, l.phone)
			p.sandbox.ClearFaults("")
			want := map[string]string{tvServices: "Red"}
			want[check] = "Yellow"
			t := of(t, fmt.Sprint(f.Operation, " ", f.Kind))
			wantTV(t, a, r, "OK_01", want)
			if got := r.checks[check].Description; got != "No fue posible consultar la plataforma" {
				t.Errorf("told %q", got)
			}
			if sent := p.sandbox.Requests(sandbox.Filter{System: "tvplatforms", Operation: f.Operation, Correlation: a.correlation()}); len(sent) < 1 || len(sent) > 2 { // its retries have a budget
				t.Errorf("asked %d times", len(sent))
			}
		}
	}

	p.sandbox.Fault(t, fault.Fault{System: "tvplatforms", Kind: fault.Status, Status: 503})
	bodies := map[string]string{validateTVPath: "", normalizeTVPath: ""}
	for path := range bodies {
		bodies[path] = inEnvelope(c.system, c.correlation(), text(members{"Phone": l.phone, "dryRun": true}))
		a := c.post(t, path, bodies[path], "X-System-Name", "")
		wantTV(t, a, resultOf(t, a), "ERROR_19", nil)
	}
	p.sandbox.ClearFaults("")
	for path, body := range bodies { // what was not done is done under the same correlation
		a := c.post(t, path, body, "X-System-Name", "")
		wantTV(t, a, resultOf(t, a), "OK_01", map[string]string{tvServices: "Red"})
	}

	for operation, codes := range map[string][2]string{ // of an error that the inventory tells, and of garbage
		"service": {"ERROR_07", "ERROR_07"}, "television_subscriber": {"ERROR_08", "ERROR_09"}, "television_channels": {"ERROR_13", "ERROR_13"},
		"television_services": {"ERROR_17", "ERROR_17"}, "television_devices": {"ERROR_18", "ERROR_18"},
	} {
		for i, f := range []fault.Fault{{Kind: fault.Status, Status: 500, Body: `{"codigo":"MSS-500","mensaje":"Error"}`}, {Kind: fault.Garbage}} {
			f.System, f.Operation = "inventory", operation
			p.sandbox.Fault(t, f)
			a, r := c.television(t, normalizeTVPath, l.phone) // which does not go by what is remembered
			p.sandbox.ClearFaults("")
			wantTV(of(t, fmt.Sprint(operation, " ", f.Kind)), a, r, codes[i], nil)
		}
	}
	if made := p.changesOf(l); made != nil {
		t.Errorf("changed %v", made)
	}
}

// televisionTables: what operators make of a table holds from the next request on, for those who remember
// the inventory, too; one that is not there, or that lacks a code, has its own errors.
func televisionTables(t *testing.T, p *platform) {
	c, l := p.caller(t), p.newTV(t, "HFC")
	told := func(what, code string, semaphores map[string]string) {
		t.Helper()
		var a answer
		var r tvResult
		eventually(t, within, what, func() bool {
			a, r = c.television(t, validateTVPath, l.phone)
			return r.code == code
		})
		wantTV(of(t, what), a, r, code, semaphores)
	}
	told("as it is", "OK_01", nil)
	t.Cleanup(func() { p.applyTables(t, tvTables) })
	for table, code := range map[string]string{"HFC:channels": "ERROR_11", "HFC:services": "ERROR_15"} {
		if status, body := p.admin(t, p.processLayer(), http.MethodDelete, "/admin/v1/tvtables/"+table, ""); status/100 != 2 {
			t.Fatalf("delete %s: %d %s", table, status, body)
		}
		told("without "+table, code, nil)
		p.applyTables(t, tvTables)
		told("with "+table+" again", "OK_01", nil)
	}
	p.applyTables(t, document("TVTable", "HFC:channels", strings.Replace(channelTable, "CAN-FOX: FOX, ", "", 1)))
	told("a channel that the table lacks", "ERROR_11", nil)
	p.applyTables(t, document("TVTable", "HFC:channels", `{decodes: {CAN-HBO: HBO}, filters: {mss: [CAN-BASICO, CAN-FOX], platform: [BASICO, FOX]}}`))
	told("a channel that nobody compares", "OK_01", nil)
	status, body := p.admin(t, p.processLayer(), http.MethodPost, "/admin/v1/apply", document("TVTable", "HFC:channels", `{decodes: {A: X, B: X}}`))
	if status != http.StatusBadRequest || !strings.Contains(body, "decodes") {
		t.Errorf("two codes for one of the platform's: %d %s", status, body)
	}
}

// televisionAsTMForum: the same as TM Forum names it.
func televisionAsTMForum(t *testing.T, p *platform) {
	c, other, l := p.caller(t), p.caller(t), p.newTV(t, "IPTV")
	p.drift(t, l, tvplatforms.Setting{State: ptr("0")})
	get := func(who *caller, path string) answer {
		t.Helper()
		a, err := who.try(http.MethodGet, path, "", "X-Correlation-ID", who.correlation(), "Content-Type", "")
		if err != nil {
			t.Fatal(err)
		}
		leaks(t, a)
		return a
	}
	created := c.post(t, serviceTests, text(members{"relatedService": members{"id": l.phone}}), "X-Correlation-ID", c.correlation())
	href := created.header.Get("Location")
	if created.status != http.StatusCreated || href == "" || strings.Count(created.body, `"metricName"`) != 4 || strings.Count(created.body, `"ruleViolation":[{`) != 1 {
		t.Fatalf("%d %v %s", created.status, created.header, created.body)
	}
	if a := get(c, href); a.status != 200 || strings.Count(a.body, `"ruleViolation":[{`) != 1 {
		t.Errorf("read again: %d %s", a.status, a.body)
	}
	if a := get(other, href); a.status != 404 {
		t.Errorf("another's: %d %s", a.status, a.body)
	}
	if a := get(c, activation+"/service/"+l.phone); a.status != 200 || !strings.Contains(a.body, l.account) {
		t.Errorf("the service: %d %s", a.status, a.body)
	}
	if a := get(c, activation+"/service/"+p.phone()); a.status != 404 {
		t.Errorf("no service: %d %s", a.status, a.body)
	}
	_, r := c.television(t, normalizeTVPath, l.phone)
	if a := get(c, activation+"/monitor/"+r.id); a.status != 200 || !strings.Contains(a.body, `"state":"Completed"`) {
		t.Errorf("the monitor: %d %s", a.status, a.body)
	}
	if a := get(other, activation+"/monitor/"+r.id); a.status != 404 {
		t.Errorf("another's: %d %s", a.status, a.body)
	}
}

// One platform of the four swallows what it is asked. Every answer comes, has the other three right and is
// Yellow there, never Green; its breaker opens, and then it is not asked and costs no time. In the long form
// that is held against what answers took before the fault.
func TestBlackHoledPlatform(t *testing.T) {
	t.Parallel()
	p := begin(t, typed, settings{
		breaker:  "{consecutive: 20}",
		policies: "apis: {validatetv: {subjects: [{name: phone, member: Phone, requests: 100000, window: 1m}]}}\n",
	})
	c, l := p.caller(t), p.newTV(t, "FTTH")
	p.set(t, inventory.Televise(l.phone, inventory.TelevisionChange{Services: &[]string{}}))
	whole, holed := map[string]string{tvServices: "Red"}, map[string]string{tvServices: "Red", tvDevices: "Yellow"}
	ask := func(n int, want map[string]string) []time.Duration { return c.validateAll(t, l, n, 16, want) }
	var before []time.Duration
	if soaking {
		ask(500, whole) // until the process is warm
		before = ask(blackHoled, whole)
	}
	p.sandbox.Fault(t, fault.Fault{System: "tvplatforms", Operation: "ftth_devices", Kind: fault.Hang})
	meanwhile := ask(32, holed)
	if slowest := meanwhile[len(meanwhile)-1]; soaking && slowest > answerWithin {
		t.Errorf("an answer took %s", slowest)
	}
	if state := p.circuit(t, "ftth_devices.safe"); state != "open" {
		t.Fatalf("the circuit is %s", state)
	}
	p.setCircuit(t, "ftth_devices.safe", "open") // for as long as it takes: none tries
	asked := len(p.sandbox.Requests(sandbox.Filter{System: "tvplatforms", Operation: "ftth_devices"}))
	then := ask(campaign(64, blackHoled), holed)
	if now := len(p.sandbox.Requests(sandbox.Filter{System: "tvplatforms", Operation: "ftth_devices"})); now != asked {
		t.Errorf("asked %d times while the circuit was open", now-asked)
	}
	for _, other := range []string{"ftth_channels.safe", "ftth_services.safe", "ftth_subscribers.safe", "hfc_devices.safe"} {
		if state := p.circuit(t, other); state != "closed" {
			t.Errorf("%s is %s", other, state)
		}
	}
	t.Logf("slowest answer %s while the platform hung, %s with its circuit open", meanwhile[len(meanwhile)-1], then[len(then)-1])
	if soaking {
		was, is := p99(before), p99(then)
		t.Logf("%d answers each, 16 at once: p99 %s before the platform hung, %s with its circuit open (median %s, %s)",
			blackHoled, was, is, before[len(before)/2].Round(100*time.Microsecond), then[len(then)/2].Round(100*time.Microsecond))
		if is > was+was/5+noise {
			t.Errorf("with the circuit open p99 is %s, before it was %s", is, was)
		}
	}
}

const (
	blackHoled = 2000                  // answers of the long form before the fault, and as many with the circuit open
	noise      = 10 * time.Millisecond // of p99 on a machine that does other things, too
)

// validateAll asks for a line so often, some at once, and returns how long each answer took, sorted.
func (c *caller) validateAll(t testing.TB, l tvLine, n, together int, want map[string]string) []time.Duration {
	t.Helper()
	bodies := make(chan string, n)
	for range n {
		bodies <- inEnvelope(c.system, c.correlation(), text(members{"Phone": l.phone}))
	}
	close(bodies)
	took := make([]time.Duration, 0, n)
	var mu sync.Mutex
	var all sync.WaitGroup
	for range together {
		all.Go(func() {
			for body := range bodies {
				a := c.post(t, validateTVPath, body, "X-System-Name", "")
				wantTV(t, a, resultOf(t, a), "OK_01", want)
				mu.Lock()
				took = append(took, a.took)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	slices.Sort(took)
	return took
}

// p99 is that of durations which are sorted.
func p99(took []time.Duration) time.Duration {
	return took[len(took)*99/100].Round(100 * time.Microsecond)
}
