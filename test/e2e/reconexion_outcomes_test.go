package e2e

import (
	"fmt"
	"testing"
	"time"

	"puente/test/sandbox"
	"puente/test/sandbox/fault"
)

// trial is a line that was asked for while a system misbehaved, and was not told what became of it.
type trial struct {
	name   string
	line   line
	failed answer
	want   func(testing.TB, line) reply
}

// fail asks for a line of its own while f is set, which must be ERROR_10 in time.
func (c *caller) fail(t *testing.T, f fault.Fault, reason string) trial {
	t.Helper()
	one := trial{name: fmt.Sprint(f.System, " ", f.Operation, " ", f.Kind), want: c.p.onlyOrder}
	if f.System == "pqr" {
		one.line, one.want = c.p.newLine(t, reason, owes), c.p.onlyPQR
	} else {
		one.line = c.p.newLine(t, reason)
	}
	c.p.sandbox.Fault(t, f)
	one.failed = c.reconnect(t, one.line, "", "X-Deadline-Ms", "1000")
	c.p.sandbox.ClearFaults(f.System)
	c.wantCode(of(t, one.name), one.failed, c.system, one.failed.correlation(), "ERROR_10")
	if one.failed.took >= answerWithin {
		t.Errorf("%s: after %s", one.name, one.failed.took)
	}
	if sent := c.p.sandbox.Requests(sandbox.Filter{System: f.System, Operation: "create", Correlation: one.failed.correlation()}); len(sent) > 1 {
		t.Errorf("%s: sent %d times", one.name, len(sent))
	}
	return one
}

// told: who asks again, under another correlation or the same, has the one order or the one PQR.
func (c *caller) told(t *testing.T, trials []trial) {
	t.Helper()
	for _, one := range trials {
		t, id := of(t, one.name), one.failed.correlation()
		a := c.insist(t, one.line)
		c.wantReconnected(t, a, a.correlation(), one.want(t, one.line))
		a = c.insistUnder(t, one.line, func() string { return id })
		c.wantReconnected(t, a, id, one.want(t, one.line))
	}
}

// technicalFailures: whichever system hangs or breaks, the answer is ERROR_10 and in time, and nothing
// is done; when it is back, asking again ends in one order or one PQR.
func technicalFailures(t *testing.T, p *platform) {
	c := p.caller(t)
	var trials []trial
	for _, f := range []fault.Fault{{Kind: fault.Status, Status: 500}, {Kind: fault.Garbage}, {Kind: fault.Hang}} {
		for _, at := range []struct{ system, operation, reason string }{
			{"inventory", "service", "ROBO"}, {"inventory", "holder", "ROBO"}, {"orders", "billing", "MORA"}, {"orders", "create", "ROBO"}, {"pqr", "create", "MORA"},
		} {
			f.System, f.Operation = at.system, at.operation
			one := c.fail(t, f, at.reason)
			p.nothing(of(t, one.name), one.line)
			trials = append(trials, one)
		}
	}
	c.told(t, trials)

	l := p.newLine(t, "ROBO")
	p.setCircuit(t, "inventory.safe", "open")
	t.Cleanup(func() { p.setCircuit(t, "inventory.safe", "auto") })
	open := c.reconnect(t, l, "")
	c.wantCode(t, open, c.system, open.correlation(), "ERROR_10")
	if got := p.asked(open.correlation()); len(got) > 0 || open.header.Get("Retry-After") == "" {
		t.Errorf("while the circuit is open %v were asked, Retry-After %q", got, open.header.Get("Retry-After"))
	}
}

// silentSuccesses: what a system did and could not tell is found, never done again: at once where it
// can be asked, else by whoever asks next.
func silentSuccesses(t *testing.T, p *platform) {
	c := p.caller(t)
	var trials []trial
	for _, f := range []fault.Fault{
		{Kind: fault.HangAfterCommit}, {Kind: fault.Reset}, {Kind: fault.Truncate},
		{Kind: fault.Status, Status: 500, Commit: ptr(true)}, {Kind: fault.Garbage, Commit: ptr(true)},
		{Kind: fault.LateCommit, Delay: 1500 * time.Millisecond},
	} {
		for system, reason := range map[string]string{"orders": "PERDIDA", "pqr": "MORA"} {
			p.sandbox.Fault(t, fault.Fault{System: system, Operation: "find", Kind: fault.Status, Status: 503}) // nobody can be asked at once
			f.System, f.Operation = system, "create"
			trials = append(trials, c.fail(t, f, reason))
		}
	}
	c.told(t, trials)
	for system, l := range map[string]line{"orders": p.newLine(t, "PERDIDA"), "pqr": p.newLine(t, "MORA", owes)} {
		t, want := of(t, system, "is asked at once"), p.onlyOrder
		if system == "pqr" {
			want = p.onlyPQR
		}
		p.sandbox.Fault(t, fault.Fault{System: system, Operation: "create", Kind: fault.Reset, Times: 1})
		a := c.reconnect(t, l, "")
		c.wantReconnected(t, a, a.correlation(), want(t, l))
	}
}

// reconexionInProgress: the same correlation is ERROR_05 while its request runs, and has its answer
// afterwards; another correlation waits for the order that is being made.
func reconexionInProgress(t *testing.T, p *platform) {
	c, l := p.caller(t), p.newLine(t, "ROBO")
	p.sandbox.Fault(t, fault.Fault{System: "orders", Operation: "create", Kind: fault.Delay, Delay: time.Second, Times: 1})
	id, other := c.correlation(), c.correlation()
	answers := map[string]chan answer{id: make(chan answer, 1), other: make(chan answer, 1)}
	ask := func(correlation string) {
		body := inEnvelope(c.system, correlation, l.body())
		go func() {
			a, err := c.try("POST", reconexionPath, body)
			if err != nil {
				t.Error(err)
			}
			answers[correlation] <- a
		}()
	}
	ask(id)
	if _, err := p.sandbox.Await(t.Context(), sandbox.Filter{System: "orders", Operation: "create", Correlation: id}, func(r []sandbox.Request) bool { return len(r) == 1 }); err != nil {
		t.Fatal(err)
	}
	ask(other)
	busy := c.reconnect(t, l, id)
	c.wantCode(t, busy, c.system, id, "ERROR_05")
	if busy.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	first, second := <-answers[id], <-answers[other]
	c.wantReconnected(t, first, id, p.onlyOrder(t, l))
	c.wantReconnected(t, second, other, p.onlyOrder(t, l))
	replayed(t, first, c.reconnect(t, l, id))
}
