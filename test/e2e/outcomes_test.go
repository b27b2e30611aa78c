package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"puente/shared/problem"
	"puente/test/sandbox"
	"puente/test/sandbox/botservice"
	"puente/test/sandbox/fault"
)

// patient bounds a request more tightly than its contract does, and with it the time for which its
// correlation stays taken when the outcome is unknown.
var patient = []string{"X-Deadline-Ms", "3000"}

// outcomes: where a call may have acted nobody repeats it; who asks again, under the same
// correlation or another, is told what became of it.
func outcomes(t *testing.T, p *platform) {
	type trial struct {
		name     string
		fault    fault.Fault
		portIn   bool
		caller   *caller
		phone    string
		body     string
		answered chan answer
	}
	trials := []*trial{
		{name: "hangs after it acted", fault: fault.Fault{Kind: fault.HangAfterCommit}, portIn: true},
		{name: "resets after it acted", fault: fault.Fault{Kind: fault.Reset}, portIn: true},
		{name: "cuts its answer off", fault: fault.Fault{Kind: fault.Truncate}, portIn: true},
		{name: "answers 500 though it acted", fault: fault.Fault{Kind: fault.Status, Status: 500, Commit: ptr(true)}, portIn: true},
		{name: "answers HTML though it acted", fault: fault.Fault{Kind: fault.Garbage, Commit: ptr(true)}, portIn: true},
		{name: "hangs and never acts", fault: fault.Fault{Kind: fault.Hang}, portIn: true},
		{name: "acts after everybody left", fault: fault.Fault{Kind: fault.LateCommit, Delay: 3 * time.Second}, portIn: true},
		{name: "makes the NIP and hangs", fault: fault.Fault{Kind: fault.HangAfterCommit}},
		{name: "makes the NIP and resets", fault: fault.Fault{Kind: fault.Reset}},
	}
	for _, one := range trials {
		one.caller, one.phone, one.answered = p.caller(t), p.phone(), make(chan answer, 1)
		one.body = order(one.phone, nil)
		if one.portIn {
			one.caller.wantNIP(t, one.caller.nip(t, one.phone))
			one.body = order(one.phone, members{"nip": botservice.NIPFor(one.phone, 1)})
		}
		one.fault.System, one.fault.Operation, one.fault.Times = "botservice", "portability", 1
		p.sandbox.Fault(t, one.fault)
		id := one.caller.correlation()
		go func() {
			a, err := one.caller.try(http.MethodPost, portabilidades, one.body, append(patient, "X-Correlation-ID", id)...)
			if err != nil {
				t.Error(err)
			}
			one.answered <- a
		}()
		if _, err := p.sandbox.Await(t.Context(), sandbox.Filter{System: "botservice", Correlation: id}, func(r []sandbox.Request) bool {
			return len(r) > 0 && r[0].Fault != ""
		}); err != nil {
			t.Fatal(err)
		}
	}
	for _, one := range trials {
		t, c := of(t, one.name), one.caller
		a := <-one.answered
		if a.status != 504 && a.status != 500 || a.took >= answerWithin {
			t.Fatalf("after %s: %d %s", a.took, a.status, a.body)
		}
		wantProblem(t, a, a.status, map[int]string{500: "INTERNAL_SERVER_ERROR", 504: "GATEWAY_TIMEOUT"}[a.status], "(incident ")
		told := func(id func() string) (told answer) {
			eventually(t, within, "the outcome is known", func() bool {
				told = c.post(t, portabilidades, one.body, append(patient, "X-Correlation-ID", id())...)
				if told.status != 200 && told.status != 504 && told.status != 409 {
					t.Fatalf("%d %s", told.status, told.body)
				}
				return told.status == 200
			})
			return told
		}
		message := nipRequested
		if message = nipRequested; one.portIn {
			message = portInFiled
			other := told(c.correlation)
			wantSuccess(t, other, c.system, other.correlation(), message, "FLUJO", "LTE")
		}
		wantSuccess(t, told(a.correlation), c.system, a.correlation(), message, "FLUJO", "LTE")
		nips, portIns := p.effects(one.phone)
		if len(nips) != 1 || one.portIn != (len(portIns) == 1) {
			t.Errorf("BotService did %+v %+v", nips, portIns)
		}
		if sent := p.received(a.correlation(), "portability"); len(sent) > 1 {
			t.Errorf("sent %d times", len(sent))
		}
	}
}

// inProgress: who asks for a port-in that another request is just filing is told to come again, and
// then has its outcome, under the same correlation.
func inProgress(t *testing.T, p *platform) {
	c, phone := p.caller(t), p.phone()
	c.wantNIP(t, c.nip(t, phone))
	body := order(phone, members{"nip": botservice.NIPFor(phone, 1)})
	p.sandbox.Fault(t, fault.Fault{System: "botservice", Operation: "portability", Kind: fault.Delay, Delay: time.Second, Times: 1})
	first, id := c.correlation(), c.correlation()
	filing := make(chan answer, 1)
	go func() {
		a, err := c.try(http.MethodPost, portabilidades, body, "X-Correlation-ID", first)
		if err != nil {
			t.Error(err)
		}
		filing <- a
	}()
	if _, err := p.sandbox.Await(t.Context(), sandbox.Filter{Correlation: first}, func(r []sandbox.Request) bool { return len(r) == 1 }); err != nil {
		t.Fatal(err)
	}
	a := c.post(t, portabilidades, body, "X-Correlation-ID", id)
	wantProblem(t, a, 409, "REQUEST_IN_PROGRESS")
	if a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	wantSuccess(t, <-filing, c.system, first, portInFiled, "FLUJO", "LTE")
	wantSuccess(t, c.post(t, portabilidades, body, "X-Correlation-ID", id), c.system, id, portInFiled, "FLUJO", "LTE")
	if _, portIns := p.effects(phone); len(portIns) != 1 {
		t.Errorf("BotService filed %+v", portIns)
	}
}

// leaver: a caller who goes away does not undo what was begun, nor the record of it.
func leaver(t *testing.T, p *platform) {
	c, phone := p.caller(t), p.phone()
	p.sandbox.Fault(t, fault.Fault{System: "botservice", Operation: "portability", Kind: fault.Delay, Delay: time.Second, Times: 1})
	id, body := c.correlation(), order(phone, nil)
	conn := p.dial(t)
	if _, err := io.WriteString(conn, c.request(portabilidades, fmt.Sprintf("X-Correlation-ID: %s\r\nContent-Length: %d\r\n", id, len(body)), body)); err != nil {
		t.Fatal(err)
	}
	if _, err := p.sandbox.Await(t.Context(), sandbox.Filter{Correlation: id}, func(r []sandbox.Request) bool { return len(r) == 1 }); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	var told answer
	eventually(t, within, "the request is done", func() bool {
		told = c.post(t, portabilidades, body, "X-Correlation-ID", id)
		return told.status == 200
	})
	if told.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("%v", told.header)
	}
	if nips, _ := p.effects(phone); len(nips) != 1 {
		t.Errorf("BotService did %+v", nips)
	}
	p.witness.saw(answer{status: 200, header: told.header}) // of the connection that was left
}

// hungUp: who hangs up on a question gave it up; no error of ours, neither counted nor logged. Where
// the caller waited and our time passed, it is.
func hungUp(t *testing.T, p *platform) {
	c := p.caller(t)
	counted := func(one *process, layer, outcome string) float64 {
		status := map[string]string{"client": "499", "server": "504"}[outcome]
		return one.metric(t, "http_server_request_duration_seconds_count", "layer", layer, "outcome", outcome, "status", status)
	}
	type place struct {
		process *process
		layer   string
	}
	places := []place{{p.edge(), "xapi"}, {p.systems(), "sapi"}}
	hang := fault.Fault{System: "botservice", Operation: "inquiry", Kind: fault.Hang, Times: 1}

	before := map[place][2]float64{}
	for _, at := range places {
		before[at] = [2]float64{counted(at.process, at.layer, "client"), counted(at.process, at.layer, "server")}
	}
	p.sandbox.Fault(t, hang)
	id, body := c.correlation(), lookup(p.phone())
	conn := p.dial(t)
	if _, err := io.WriteString(conn, c.request(statusPath, fmt.Sprintf("X-Correlation-ID: %s\r\nContent-Length: %d\r\n", id, len(body)), body)); err != nil {
		t.Fatal(err)
	}
	if _, err := p.sandbox.Await(t.Context(), sandbox.Filter{Correlation: id}, func(r []sandbox.Request) bool { return len(r) == 1 }); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	for _, at := range places {
		eventually(t, within, at.layer+" counts it as the caller's", func() bool {
			return counted(at.process, at.layer, "client") == before[at][0]+1
		})
		if counted(at.process, at.layer, "server") != before[at][1] {
			t.Errorf("%s counts it as ours", at.layer)
		}
	}
	p.witness.saw(answer{status: problem.StatusAbandoned, header: http.Header{"X-Correlation-Id": {id}}})
	for _, r := range atEdge(p.audited(t, id)) {
		if r.Outcome != "client" || r.Status != problem.StatusAbandoned {
			t.Errorf("the audit tells of %d %s", r.Status, r.Outcome)
		}
	}
	for _, one := range p.processes {
		for _, line := range one.log.lines() {
			if bytes.Contains(line, []byte(id)) && bytes.Contains(line, []byte(`"ERROR"`)) {
				t.Errorf("%s logged %s", one.name, line)
			}
		}
	}

	p.sandbox.Fault(t, hang)
	wantProblem(t, c.post(t, statusPath, body, "X-Correlation-ID", c.correlation(), "X-Deadline-Ms", "300"), 504, "GATEWAY_TIMEOUT")
	for _, at := range places {
		eventually(t, within, at.layer+" counts it as ours", func() bool {
			return counted(at.process, at.layer, "server") == before[at][1]+1
		})
		if counted(at.process, at.layer, "client") != before[at][0]+1 {
			t.Errorf("%s counts a passed deadline as the caller's", at.layer)
		}
	}
}

// circuit: where the breaker is open the answer says when to come back, and nothing is sent.
func circuit(t *testing.T, p *platform) {
	c, phone := p.caller(t), p.phone()
	p.force(t, "open")
	a := c.nip(t, phone)
	wantProblem(t, a, 503, "SERVICE_UNAVAILABLE", "(incident ")
	p.untouched(t, phone)
	if sent := p.received(a.correlation(), ""); len(sent) > 0 {
		t.Errorf("BotService received %+v", sent)
	}
	p.force(t, "closed")
	c.wantNIP(t, c.post(t, portabilidades, order(phone, nil), "X-Correlation-ID", a.correlation())) // the correlation stayed free
	for range 2 {
		c.wantNIP(t, c.nip(t, phone)) // what never left did not count as a NIP
	}
	if status := c.nip(t, phone).status; status != http.StatusTooManyRequests {
		t.Errorf("the fourth: %d", status)
	}
}

// restarted: keys, answers and open port-ins outlive the process, however it ended.
func restarted(t *testing.T, p *platform) {
	c, phone, filing := p.caller(t), p.phone(), p.phone()
	first := c.nip(t, phone)
	c.wantNIP(t, first)
	c.wantNIP(t, c.nip(t, filing))
	body := order(filing, members{"nip": botservice.NIPFor(filing, 1)})
	p.sandbox.Fault(t, fault.Fault{System: "botservice", Operation: "portability", Kind: fault.HangAfterCommit, Times: 1})
	id := c.correlation()
	cut := make(chan error, 1)
	go func() {
		a, err := c.try(http.MethodPost, portabilidades, body, append(patient, "X-Correlation-ID", id)...)
		if err == nil && a.status < 500 {
			err = fmt.Errorf("answered %d", a.status)
		} else if err == nil {
			err = errCut
		}
		cut <- err
	}()
	if _, err := p.sandbox.Await(t.Context(), sandbox.Filter{Correlation: id}, func(r []sandbox.Request) bool {
		return len(r) == 1 && r[0].Fault == fault.HangAfterCommit
	}); err != nil {
		t.Fatal(err)
	}
	for _, one := range slices.Backward(p.processes) { // the edge first: it must not tell how the others ended
		one.kill()
	}
	if err := <-cut; err == nil {
		t.Error("a request was answered by a process that was killed")
	}
	for _, one := range p.processes {
		one.start(t)
	}
	replayed(t, first, c.post(t, portabilidades, order(phone, nil), "X-Correlation-ID", first.correlation()))
	wantProblem(t, c.post(t, portabilidades, order(p.phone(), nil), "X-Correlation-ID", first.correlation()), 422, "CORRELATION_REUSED")
	var told answer
	eventually(t, within, "the port-in is resolved", func() bool {
		told = c.post(t, portabilidades, body, "X-Correlation-ID", c.correlation())
		return told.status == 200
	})
	wantSuccess(t, told, c.system, told.correlation(), portInFiled, "FLUJO", "LTE")
	eventually(t, within, "the correlation is free", func() bool {
		told = c.post(t, portabilidades, body, "X-Correlation-ID", id)
		return told.status == 200
	})
	if _, portIns := p.effects(filing); len(portIns) != 1 || portIns[0].CorrelationID != id {
		t.Errorf("BotService filed %+v", portIns)
	}
	interrupted := false
	for _, r := range atEdge(p.audited(t, id)) {
		interrupted = interrupted || r.Outcome == "interrupted"
	}
	if !interrupted {
		t.Error("the audit does not tell of the request that was interrupted")
	}
	if len(p.processes) > 1 { // each process tells of what it was at itself
		eventually(t, within, "the audit tells of the hop that was interrupted", func() bool {
			return slices.ContainsFunc(p.audited(t, id), func(r record) bool { return r.Kind == "hop" && r.Outcome == "interrupted" })
		})
	}
	p.verify(t)
}

var errCut = errors.New("the connection was cut")

func ptr[T any](v T) *T { return &v }
