package e2e

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"puente/test/sandbox/botservice"
)

// kills is how often the process is killed.
const kills = 5

// However often and whenever the process is killed: each request that was answered has its record,
// the chain is unaltered, no port-in reached BotService twice and no success was invented.
func TestKills(t *testing.T) {
	t.Parallel()
	p := begin(t, typed, settings{salesorder: "nip: {requests: 3, window: 10m}\n"})
	edge := p.edge()
	var mu sync.Mutex
	acknowledged := map[string]bool{} // phones whose port-in was answered 200
	stop := make(chan struct{})
	var load sync.WaitGroup
	for range 6 {
		c := p.caller(t)
		load.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				phone := p.phone()
				nip := order(phone, members{"order": members{"flow": "KILL"}})
				filing := order(phone, members{"nip": botservice.NIPFor(phone, 1)})
				if c.persist(t, stop, nip) && c.persist(t, stop, filing) {
					mu.Lock()
					acknowledged[phone] = true
					mu.Unlock()
				}
			}
		})
	}
	end := sync.OnceFunc(func() { close(stop); load.Wait() })
	t.Cleanup(end)
	for range campaign(kills, 200) {
		settled := len(p.witness.answers())
		eventually(t, within, "requests are answered", func() bool { return len(p.witness.answers()) > settled+10 })
		ticks := 1 + rand.IntN(40) // at any moment of whatever is being done
		<-time.After(time.Duration(ticks) * 5 * time.Millisecond)
		edge.kill()
		edge.start(t)
	}
	end()
	filed := map[string]int{}
	for _, f := range p.sandbox.BotService.Effects().PortIns {
		filed[f.Phone]++
		if filed[f.Phone] > 1 {
			t.Errorf("the port-in of %s reached BotService %d times", f.Phone, filed[f.Phone])
		}
	}
	for phone := range acknowledged {
		if filed[phone] != 1 {
			t.Errorf("the port-in of %s was answered, and filed %d times", phone, filed[phone])
		}
	}
	if len(acknowledged) < kills {
		t.Errorf("only %d port-ins were answered", len(acknowledged))
	}
	for id, want := range p.witness.answers() {
		var got []int
		for _, r := range atEdge(p.audited(t, id)) {
			got = append(got, r.Status)
		}
		for _, status := range want { // records of requests that nobody saw the answer of are there, too
			if !slices.Contains(got, status) {
				t.Errorf("%s: answered %v, the audit has %v", id, want, got)
			}
		}
	}
	p.verify(t)
}

// persist sends a request under one correlation until it succeeds or stop is closed, through all
// that happens to the process. Nothing may refuse it: it may only have to come again.
func (c *caller) persist(t testing.TB, stop <-chan struct{}, body string) bool {
	id := c.correlation()
	for {
		a, err := c.try(http.MethodPost, portabilidades, body, append(patient, "X-Correlation-ID", id)...)
		switch {
		case err == nil && a.status == 200:
			return true
		case err == nil && a.status != 409 && a.status < 500:
			t.Errorf("refused: %d %s", a.status, a.body)
			return false
		}
		select {
		case <-stop:
			return false
		case <-time.After(100 * time.Millisecond):
		}
	}
}
