package e2e

import (
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"puente/test/sandbox"
	"puente/test/sandbox/fault"
)

// drained: on SIGTERM readiness goes off, the listeners serve on, what is in flight finishes, and
// the process ends with 0; the last scenario of a shape.
func drained(t *testing.T, p *platform) {
	c := p.caller(t)
	c.wantNIP(t, c.nip(t, p.phone()))
	p.sandbox.Fault(t, fault.Fault{System: "botservice", Operation: "portability", Kind: fault.Delay, Delay: 1500 * time.Millisecond, Times: 1})
	id, phone := c.correlation(), p.phone()
	inFlight := make(chan answer, 1)
	go func() {
		a, err := c.try(http.MethodPost, portabilidades, order(phone, nil), "X-Correlation-ID", id)
		if err != nil {
			t.Error(err)
		}
		inFlight <- a
	}()
	if _, err := p.sandbox.Await(t.Context(), sandbox.Filter{Correlation: id}, func(r []sandbox.Request) bool { return len(r) == 1 }); err != nil {
		t.Fatal(err)
	}
	edge := p.edge()
	edge.signal(t, syscall.SIGTERM)
	eventually(t, within, "readiness is off", func() bool {
		status, body := edge.get("/readyz")
		return status == 503 && strings.Contains(body, "draining")
	})
	if status, _ := edge.get("/livez"); status != 200 {
		t.Errorf("livez: %d", status)
	}
	a := c.nip(t, p.phone())
	c.wantNIP(t, a)
	if !a.closed {
		t.Errorf("a draining process keeps connections: %v", a.header)
	}
	wantSuccess(t, <-inFlight, c.system, id, nipRequested, "FLUJO", "LTE")
	if code := edge.awaitExit(t); code != 0 {
		t.Errorf("exit code %d\n%s", code, edge.log.tail())
	}
	for i := len(p.processes) - 2; i >= 0; i-- {
		p.processes[i].signal(t, syscall.SIGTERM)
		if code := p.processes[i].awaitExit(t); code != 0 {
			t.Errorf("%s: exit code %d\n%s", p.processes[i].name, code, p.processes[i].log.tail())
		}
	}
	for _, one := range p.processes { // and all of it is in the tables: another start finds nothing open
		one.start(t)
	}
	records := atEdge(p.audited(t, id))
	if len(records) != 1 || records[0].Outcome != "ok" {
		t.Errorf("the audit has %+v", records)
	}
	p.verify(t)
}
