package e2e

import (
	"slices"
	"sync"
	"testing"

	"puente/test/sandbox/inventory"
)

// reconexionRepeats: a suspension has the first one's numbers, under whatever correlation; a correlation
// has its first answer, and belongs to its body; another suspension is another matter.
func reconexionRepeats(t *testing.T, p *platform) {
	c, other, l := p.caller(t), p.caller(t), p.newLine(t, "PERDIDA")
	id := c.correlation()
	first := c.reconnect(t, l, id)
	want := p.onlyOrder(t, l)
	c.wantReconnected(t, first, id, want)
	replayed(t, first, c.reconnect(t, l, id))
	for _, who := range []*caller{c, other} {
		again := who.reconnect(t, l, "")
		who.wantReconnected(t, again, again.correlation(), want)
	}
	for name, body := range map[string]string{"another phone": p.newLine(t, "ROBO").body(), "another document": l.body(members{"Document_Number": "1"})} {
		c.wantCode(of(t, name), c.post(t, reconexionPath, inEnvelope(c.system, id, body)), c.system, id, "ERROR_05")
	}
	replayed(t, first, c.reconnect(t, l, id)) // still
	p.onlyOrder(t, l)

	p.set(t, inventory.Change{Connection: l.phone, Suspension: []byte("null")})
	var refused answer
	eventually(t, within, "the line is seen to be active", func() bool {
		refused = c.reconnect(t, l, "")
		return replyOf(t, refused).code == "ERROR_07"
	})
	p.set(t, inventory.Suspend(l.phone, "ROBO"))
	var a answer
	eventually(t, within, "the line is seen to be suspended again", func() bool {
		a = c.reconnect(t, l, "")
		return replyOf(t, a).code == "OK_01"
	})
	filed := p.ordersOf(l)
	if len(filed) != 2 || filed[0].Suspension == filed[1].Suspension || filed[0].Reference == filed[1].Reference {
		t.Fatalf("two suspensions: filed %+v", filed)
	}
	c.wantReconnected(t, a, a.correlation(), reply{"OK_01", filed[1].Number, filed[1].CUN, ""})
}

// reconexionCopies: a hundred who ask at once, each under a correlation of his own, have one order and
// one answer, or one PQR.
func reconexionCopies(t *testing.T, p *platform) {
	c := p.caller(t)
	for name, l := range map[string]line{"order": p.newLine(t, "ROBO"), "PQR": p.newLine(t, "MORA", owes), "refused": p.newLine(t, "ROBO", refusesOrders)} {
		want := p.onlyPQR
		if name == "order" {
			want = p.onlyOrder
		}
		c.copies(of(t, name), l, 100, want)
	}
}

// copies asks for a line so many times at once, at every process that channels call.
func (c *caller) copies(t testing.TB, l line, n int, want func(testing.TB, line) reply) {
	t.Helper()
	fronts := slices.DeleteFunc(slices.Clone(c.p.processes), func(one *process) bool { return one.at.Public == "" })
	answers := make([]answer, n)
	var all sync.WaitGroup
	for i := range answers {
		body := inEnvelope(c.system, c.correlation(), l.body())
		one := &caller{p: c.p, system: c.system, token: c.token, front: fronts[i%len(fronts)]}
		all.Go(func() {
			var err error
			if answers[i], err = one.try("POST", reconexionPath, body); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for i, a := range answers {
		one := &caller{p: c.p, system: c.system, front: fronts[i%len(fronts)]}
		one.wantReconnected(t, a, a.correlation(), want(t, l))
	}
}

// Two processes are as one: a suspension that is asked for at both at once has one order, and what an
// operator edits both tell.
func TestReplicasReconnect(t *testing.T) {
	t.Parallel()
	p := begin(t, replicas(2), settings{})
	c := p.caller(t)
	for range 3 {
		c.copies(t, p.newLine(t, "ROBO"), 100, p.onlyOrder)
		c.copies(t, p.newLine(t, "ROBO", refusesOrders), 100, p.onlyPQR)
	}
	typologies(t, p)
}
