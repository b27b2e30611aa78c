package e2e

import (
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"puente/test/sandbox/fault"
)

// slaOfReconexion is the document's.
const slaOfReconexion = 5 * time.Second

// With the systems' own timeouts and breakers: while inventory, orders, billing and PQR hang every
// answer is in time, each system that is needed has its circuit opened, and then nothing is sent to it.
// The portabilities of the same process are held against what they were before.
func TestHangingSystems(t *testing.T) {
	long(t, "soak-reconnections")
	p := begin(t, typed, settings{breaker: "{consecutive: 20}"})
	c, known := p.caller(t), p.phone()
	c.wantNIP(t, c.nip(t, known))
	undisturbed := p.background(t, known)
	<-time.After(10 * time.Second)
	before := undisturbed()
	disturbed := p.background(t, known)

	hang := func(systems ...string) {
		p.sandbox.ClearFaults("")
		for _, system := range systems {
			p.sandbox.Fault(t, fault.Fault{System: system, Kind: fault.Hang})
		}
	}
	calls, slowest := 0, time.Duration(0)
	for _, phase := range []struct {
		hang     []string
		circuits []string
	}{
		{[]string{"inventory", "orders", "pqr"}, []string{"inventory.safe"}},
		{[]string{"orders", "pqr"}, []string{"orders.once", "billing.safe"}},
		{[]string{"pqr"}, []string{"pqr.once"}},
	} {
		t := of(t, phase.hang)
		hang(phase.hang...)
		for _, name := range []string{"inventory.safe", "orders.once", "orders.safe", "billing.safe", "pqr.once", "pqr.safe"} {
			p.setCircuit(t, name, "auto") // closed, whatever the phase before left
		}
		const each, together = 334, 64
		began := time.Now()
		watched := make(chan map[string]time.Duration, 1)
		over := make(chan struct{})
		go func() { watched <- p.watch(t, phase.circuits, began, over) }()
		took := c.askAll(t, p, each, together, func(i int) line {
			switch {
			case len(phase.hang) == 1:
				return p.newLine(t, "MORA", owes)
			case i%2 == 0:
				return p.newLine(t, "MORA")
			}
			return p.newLine(t, "ROBO")
		})
		close(over)
		opened := <-watched
		calls += len(took)
		slowest = max(slowest, slices.Max(took))
		for _, circuit := range phase.circuits {
			if _, ok := opened[circuit]; !ok {
				t.Errorf("the circuit of %s did not open in %d calls", circuit, each)
			} else if opened[circuit] > 10*time.Second {
				t.Errorf("the circuit of %s opened after %s", circuit, opened[circuit])
			}
		}
		t.Logf("%v hang: %d calls, %d at once: slowest %s, circuits opened after %v", phase.hang, each, together, slices.Max(took).Round(time.Millisecond), opened)
	}
	if slowest > slaOfReconexion {
		t.Errorf("an answer took %s", slowest)
	}
	after := disturbed()
	t.Logf("%d calls, slowest %s; p99 of portabilities %s before, %s meanwhile", calls, slowest.Round(time.Millisecond), before, after)
	if after > 2*before+20*time.Millisecond {
		t.Errorf("portabilities suffer: p99 %s, before it was %s", after, before)
	}
	hang()
	l := p.newLine(t, "ROBO")
	a := c.insist(t, l)
	c.wantReconnected(t, a, a.correlation(), p.onlyOrder(t, l))
}

// askAll asks for so many lines, some at once, which must all be ERROR_10, and returns how long each took.
func (c *caller) askAll(t testing.TB, p *platform, n, together int, next func(int) line) []time.Duration {
	t.Helper()
	type question struct {
		correlation string
		line        line
	}
	questions := make(chan question)
	took := make([]time.Duration, 0, n)
	var mu sync.Mutex
	var all sync.WaitGroup
	for range together {
		all.Go(func() {
			for q := range questions {
				a, err := c.try(http.MethodPost, reconexionPath, inEnvelope(c.system, q.correlation, q.line.body()))
				if err != nil {
					t.Error(err)
					continue
				}
				if code := replyOfError(t, a); code != "ERROR_10" {
					t.Errorf("%d %s", a.status, a.body)
				}
				mu.Lock()
				took = append(took, a.took)
				mu.Unlock()
			}
		})
	}
	for i := range n {
		questions <- question{c.correlation(), next(i)}
	}
	close(questions)
	all.Wait()
	return took
}

// watch notes when circuits were first seen not to be closed, until over is closed.
func (p *platform) watch(t testing.TB, circuits []string, since time.Time, over <-chan struct{}) map[string]time.Duration {
	opened := map[string]time.Duration{}
	looks := time.NewTicker(100 * time.Millisecond)
	defer looks.Stop()
	for last := false; ; {
		for _, name := range circuits {
			if _, seen := opened[name]; !seen && p.circuit(t, name) != "closed" {
				opened[name] = time.Since(since).Round(time.Millisecond)
			}
		}
		if last {
			return opened
		}
		select {
		case <-over:
			last = true
		case <-looks.C:
		}
	}
}

// background asks for the state of a phone all the time; what it returns ends that and tells the p99.
func (p *platform) background(t *testing.T, phone string) (end func() time.Duration) {
	c := p.caller(t)
	stop, told := make(chan struct{}), make(chan time.Duration, 1)
	go func() {
		var took []time.Duration
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			a, err := c.try(http.MethodPost, statusPath, lookup(phone))
			if err != nil || a.status != 200 {
				t.Errorf("portabilities: %d %s %v", a.status, a.body, err)
			}
			took = append(took, a.took)
			select {
			case <-stop:
				slices.Sort(took)
				told <- p99(took)
				return
			case <-tick.C:
			}
		}
	}()
	ended := sync.OnceValue(func() time.Duration { close(stop); return <-told })
	t.Cleanup(func() { ended() })
	return ended
}
