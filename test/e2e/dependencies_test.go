package e2e

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"puente/shared/database/databasetest"
	"puente/test/machine"
	"puente/test/sandbox/fault"
)

// While PostgreSQL is away reads go on and writes are refused before anything is done; when it is
// back nothing needs a restart.
func TestPostgreSQLAway(t *testing.T) {
	server := databasetest.NewServer(t)
	p := begin(t, split, settings{database: server.URL(), patience: ", connectTimeout: 250ms"})
	c, known := p.caller(t), p.phone()
	first := c.nip(t, known)
	c.wantNIP(t, first)
	for _, away := range []struct {
		name       string
		stop, back func()
	}{
		{"stopped", server.Stop, server.Start},
		{"killed", server.Kill, server.Start},
		{"frozen", server.Freeze, server.Thaw},
	} {
		t := of(t, away.name)
		away.stop()
		for range 3 {
			phone := p.phone()
			a := c.nip(t, phone)
			wantProblem(t, a, 503, "SERVICE_UNAVAILABLE")
			if a.took > 3*time.Second {
				t.Errorf("refused after %s", a.took)
			}
			p.untouched(t, phone)
		}
		wantSuccess(t, c.status(t, known), c.system, c.last(), stateTold, "ESTADO", "NIP_REQUESTED")
		if status, body := p.edge().get("/readyz"); status != 200 || !strings.Contains(body, `"warn"`) {
			t.Errorf("readyz: %d %s", status, body)
		}
		if status, _ := p.edge().get("/livez"); status != 200 {
			t.Errorf("livez: %d", status)
		}
		away.back()
		var a answer
		eventually(t, within, "a write succeeds again", func() bool { a = c.nip(t, p.phone()); return a.status == 200 })
		c.wantNIP(t, a)
		replayed(t, first, c.post(t, portabilidades, order(known, nil), "X-Correlation-ID", first.correlation()))
	}
	everyAnswer(t, p)
}

// While Redis is away no request fails for it: the process counts its share, and says so.
func TestRedisAway(t *testing.T) {
	t.Parallel()
	if !machine.Has(t, "redis-server", "redis") {
		return
	}
	r := startRedis(t)
	p := begin(t, typed, settings{redis: r.url(), more: "limiter: {replicas: 2}\n"})
	c := p.caller(t)
	var failed, degraded, shared atomic.Int64
	stop := make(chan struct{})
	var load sync.WaitGroup
	for range 4 {
		one := p.caller(t)
		load.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				a, err := one.try(http.MethodPost, statusPath, lookup(p.phone()))
				switch {
				case err != nil || a.status != 404:
					failed.Add(1)
					t.Errorf("%d %s %v", a.status, a.body, err)
				case a.header.Get("X-RateLimit-Degraded") == "true":
					degraded.Add(1)
				default:
					shared.Add(1)
				}
			}
		})
	}
	end := sync.OnceFunc(func() { close(stop); load.Wait() })
	t.Cleanup(end)
	await := func(what string, n *atomic.Int64) {
		t.Helper()
		before := n.Load()
		eventually(t, within, what, func() bool { return n.Load() > before+20 || failed.Load() > 0 })
	}
	await("shared counting", &shared)
	r.kill()
	await("a share of its own", &degraded)
	if status, body := p.edge().get("/readyz"); status != 200 || !strings.Contains(body, `"limits":{"status":"warn"`) {
		t.Errorf("readyz: %d %s", status, body)
	}
	c.wantNIP(t, c.nip(t, p.phone()))
	r.start(t)
	await("shared counting again", &shared)
	end()
	c.wantNIP(t, c.nip(t, p.phone()))
}

// With the contract's own deadlines every answer is in time, and a dead system is left alone after
// some calls: then the answer comes at once.
func TestDeadBotService(t *testing.T) {
	t.Parallel()
	p := begin(t, split, settings{breaker: "{consecutive: 10, openFor: 2s}", timeouts: ", bulkhead: {max: 64}"})
	const callers = 20
	for _, kind := range []fault.Kind{fault.Hang, fault.Drip} {
		p.sandbox.Fault(t, fault.Fault{System: "botservice", Kind: kind})
		var all sync.WaitGroup
		for range callers {
			c, phone := p.caller(t), p.phone()
			all.Go(func() {
				a, err := c.try(http.MethodPost, portabilidades, order(phone, nil))
				if err != nil {
					t.Error(err)
					return
				}
				wantProblem(of(t, kind), a, 504, "GATEWAY_TIMEOUT", "(incident ")
				if a.took >= answerWithin {
					t.Errorf("%s: after %s", kind, a.took)
				}
			})
		}
		all.Wait()
		c := p.caller(t)
		before := len(p.received("", "portability"))
		for range 5 {
			wantProblem(of(t, kind), c.nip(t, p.phone()), 503, "SERVICE_UNAVAILABLE", "(incident ")
		}
		if after := len(p.received("", "portability")); after != before {
			t.Errorf("%s: %d calls went to a dead system", kind, after-before)
		}
		p.sandbox.ClearFaults("botservice")
		eventually(t, within, "the breaker closes", func() bool {
			return c.nip(t, p.phone()).status == 200 && p.circuit(t, "botservice.once") == "closed"
		})
	}
}

// A system that refuses connections is as good as one that answers 500, and nothing was sent.
func TestBotServiceNotThere(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nowhere := l.Addr().String()
	l.Close()
	p := begin(t, typed, settings{botService: "http://" + nowhere, more: "shed: {inFlight: {api: 1}}\n"})
	c := p.caller(t)
	a := c.nip(t, p.phone())
	wantProblem(t, a, 500, "INTERNAL_SERVER_ERROR", "(incident ")
}

// Who comes when every place is taken is turned away at once; health is not.
func TestShedding(t *testing.T) {
	t.Parallel()
	p := begin(t, typed, settings{more: "shed: {inFlight: {api: 2}}\n"})
	p.sandbox.Fault(t, fault.Fault{System: "botservice", Operation: "portability", Kind: fault.Hang})
	c := p.caller(t)
	var inFlight sync.WaitGroup
	for range 2 {
		one, phone := p.caller(t), p.phone()
		inFlight.Go(func() {
			if a, err := one.try(http.MethodPost, portabilidades, order(phone, nil)); err != nil || a.status != 504 {
				t.Errorf("%d %s %v", a.status, a.body, err)
			}
		})
	}
	eventually(t, within, "every place is taken", func() bool { return p.edge().metric(t, "shed_in_flight", "class", "api") == 2 })
	a := c.nip(t, p.phone())
	wantProblem(t, a, 503, "SERVICE_UNAVAILABLE")
	if status, _ := p.edge().get("/readyz"); status != 200 {
		t.Errorf("readyz: %d", status)
	}
	if records := atEdge(p.audited(t, a.correlation())); len(records) != 1 || records[0].Outcome != "shed" || records[0].Status != 503 {
		t.Errorf("the audit has %+v", records)
	}
	inFlight.Wait()
	p.sandbox.ClearFaults("botservice")
	c.wantNIP(t, c.nip(t, p.phone()))
}

// last is the correlation that was made last.
func (c *caller) last() string { return fmt.Sprintf("%s-220520251453-%010d", c.system, c.made) }
