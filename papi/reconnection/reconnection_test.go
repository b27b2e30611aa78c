package reconnection

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"puente/contracts/papi/reconnection"
	"puente/contracts/sapi/inventory"
	"puente/contracts/sapi/orders"
	"puente/contracts/sapi/pqr"
	"puente/shared/problem"
)

// code is how a request ended: the kind of its outcome, the code of its refusal, or the kind of its
// error.
func code(out reconnection.Outcome, err error) string {
	if err == nil {
		return string(out.Kind)
	}
	if e := problem.Of(err); e.Code != "" {
		return e.Code
	}
	return problem.Of(err).Kind.String()
}

func TestBranches(t *testing.T) {
	const lte, ftth, iptv = inventory.TechnologyLTE, inventory.TechnologyFTTH, inventory.TechnologyIPTV
	state := func(to inventory.State) func(*world, *reconnection.Request) {
		return func(w *world, in *reconnection.Request) {
			s := w.services[in.Connection]
			s.State, s.Suspension = to, nil
			w.services[in.Connection] = s
		}
	}
	stranger := func(_ *world, in *reconnection.Request) { in.DocumentNumber = "52000111" }
	failing := func(operation string, err error) func(*world, *reconnection.Request) {
		return func(w *world, _ *reconnection.Request) { w.failing[operation] = err }
	}
	debt := func(w *world, in *reconnection.Request) {
		w.billing[in.Connection] = orders.Billing{Balance: 100, Currency: "COP"}
	}
	order := func(deeds ...deed) func(*world, *reconnection.Request) {
		return func(w *world, _ *reconnection.Request) { w.onOrder = deeds }
	}
	register := func(deeds ...deed) func(*world, *reconnection.Request) {
		return func(w *world, _ *reconnection.Request) { w.onPQR = deeds }
	}
	type change = func(*world, *reconnection.Request)
	type calls map[string]int
	for name, c := range map[string]struct {
		technology inventory.Technology
		reason     inventory.Reason
		changes    []change
		want       string
		calls      calls
		label      string // of the metric: strategy and outcome
	}{
		"no service":                      {lte, inventory.ReasonLoss, []change{func(_ *world, in *reconnection.Request) { in.Connection = "SR-0" }}, "ERROR_06", calls{"service": 1}, "none ERROR_06"},
		"withdrawn":                       {lte, inventory.ReasonLoss, []change{state(inventory.StateWithdrawn)}, "ERROR_06", calls{"service": 1}, "none ERROR_06"},
		"withdrawn, a stranger":           {lte, inventory.ReasonLoss, []change{state(inventory.StateWithdrawn), stranger}, "ERROR_06", calls{"service": 1}, "none ERROR_06"},
		"active":                          {lte, inventory.ReasonLoss, []change{state(inventory.StateActive)}, "ERROR_07", calls{"service": 1, "holder": 1}, "none ERROR_07"},
		"active, a stranger":              {lte, inventory.ReasonLoss, []change{state(inventory.StateActive), stranger}, "ERROR_08", calls{"service": 1, "holder": 1}, "none ERROR_08"},
		"a stranger":                      {lte, inventory.ReasonLoss, []change{stranger}, "ERROR_08", calls{"service": 1, "holder": 1}, "none ERROR_08"},
		"fraud, a stranger":               {lte, inventory.ReasonFraud, []change{stranger}, "ERROR_08", calls{"service": 1, "holder": 1}, "none ERROR_08"},
		"fraud":                           {lte, inventory.ReasonFraud, nil, "ERROR_09", calls{"service": 1, "holder": 1}, "none ERROR_09"},
		"voluntary, television":           {iptv, inventory.ReasonVoluntary, nil, "ERROR_09", calls{"service": 1, "holder": 1}, "none ERROR_09"},
		"loss of a mobile":                {lte, inventory.ReasonLoss, nil, "ORDER", calls{"service": 1, "holder": 1, "order": 1}, "VOLUNTARY_LTE order"},
		"voluntary, fixed":                {ftth, inventory.ReasonVoluntary, nil, "ORDER", calls{"service": 1, "holder": 1, "order": 1}, "VOLUNTARY order"},
		"paid":                            {iptv, inventory.ReasonNonPayment, nil, "ORDER", calls{"service": 1, "holder": 1, "billing": 1, "order": 1}, "PAYMENT order"},
		"not paid":                        {lte, inventory.ReasonNonPayment, []change{debt}, "PQR", calls{"service": 1, "holder": 1, "billing": 1, "pqr": 1}, "PAYMENT pqr"},
		"billing fails":                   {lte, inventory.ReasonNonPayment, []change{failing("billing", problem.BadUpstream)}, "bad_upstream", calls{"service": 1, "holder": 1, "billing": 1}, "PAYMENT technical"},
		"billing knows no line":           {lte, inventory.ReasonNonPayment, []change{failing("billing", problem.NotFound)}, "bad_upstream", calls{"service": 1, "holder": 1, "billing": 1}, "PAYMENT technical"},
		"service look-up fails":           {lte, inventory.ReasonLoss, []change{failing("service", problem.Timeout)}, "timeout", calls{"service": 1}, "none technical"},
		"holder look-up fails":            {lte, inventory.ReasonLoss, []change{failing("holder", problem.Unavailable)}, "unavailable", calls{"service": 1, "holder": 1}, "none technical"},
		"no holder":                       {lte, inventory.ReasonLoss, []change{failing("holder", problem.NotFound)}, "bad_upstream", calls{"service": 1, "holder": 1}, "none technical"},
		"refused":                         {lte, inventory.ReasonLoss, []change{order(refuses)}, "PQR", calls{"service": 1, "holder": 1, "order": 1, "pqr": 1}, "VOLUNTARY_LTE pqr"},
		"orders away":                     {lte, inventory.ReasonLoss, []change{order(unsent)}, "unavailable", calls{"service": 1, "holder": 1, "order": 1}, "VOLUNTARY_LTE technical"},
		"order lost":                      {lte, inventory.ReasonLoss, []change{order(lostBefore)}, "timeout", calls{"service": 1, "holder": 1, "order": 1, "findOrder": 1}, "VOLUNTARY_LTE technical"},
		"order lost and found":            {lte, inventory.ReasonLoss, []change{order(lostAfter)}, "ORDER", calls{"service": 1, "holder": 1, "order": 1, "findOrder": 1}, "VOLUNTARY_LTE order"},
		"order garbled and found":         {lte, inventory.ReasonLoss, []change{order(garbles)}, "ORDER", calls{"service": 1, "holder": 1, "order": 1, "findOrder": 1}, "VOLUNTARY_LTE order"},
		"order fails":                     {lte, inventory.ReasonLoss, []change{order(fails)}, "bad_upstream", calls{"service": 1, "holder": 1, "order": 1, "findOrder": 1}, "VOLUNTARY_LTE technical"},
		"refused, register away":          {lte, inventory.ReasonLoss, []change{order(refuses), register(unsent)}, "unavailable", calls{"service": 1, "holder": 1, "order": 1, "pqr": 1}, "VOLUNTARY_LTE technical"},
		"refused, PQR lost":               {lte, inventory.ReasonLoss, []change{order(refuses), register(lostBefore)}, "timeout", calls{"service": 1, "holder": 1, "order": 1, "pqr": 1, "findPQR": 1}, "VOLUNTARY_LTE technical"},
		"refused, PQR lost and found":     {lte, inventory.ReasonLoss, []change{order(refuses), register(lostAfter)}, "PQR", calls{"service": 1, "holder": 1, "order": 1, "pqr": 1, "findPQR": 1}, "VOLUNTARY_LTE pqr"},
		"not paid, register fails":        {lte, inventory.ReasonNonPayment, []change{debt, register(fails)}, "bad_upstream", calls{"service": 1, "holder": 1, "billing": 1, "pqr": 1, "findPQR": 1}, "PAYMENT technical"},
		"order lost, the inquiry as well": {lte, inventory.ReasonLoss, []change{order(lostAfter), failing("findOrder", problem.BadUpstream)}, "timeout", calls{"service": 1, "holder": 1, "order": 1, "findOrder": 1}, "VOLUNTARY_LTE technical"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			p := start(t, w)
			in := w.add("SR-1", c.technology, c.reason)
			for _, change := range c.changes {
				change(w, &in)
			}
			out, err := p.Reconnect(t.Context(), in)
			if got := code(out, err); got != c.want {
				t.Errorf("%+v %v: %s, want %s", out, err, got, c.want)
			}
			for operation, n := range w.calls {
				if n != c.calls[operation] {
					t.Errorf("%s was called %d times, want %d", operation, n, c.calls[operation])
				}
			}
			for operation, n := range c.calls {
				if w.calls[operation] != n {
					t.Errorf("%s was called %d times, want %d", operation, w.calls[operation], n)
				}
			}
			strategy, outcome, _ := strings.Cut(c.label, " ")
			if n := testutil.ToFloat64(p.outcomes.total.WithLabelValues(strategy, outcome)); n != 1 {
				t.Errorf("metric %s: %v", c.label, n)
			}
			if err != nil && strings.Contains(err.Error(), ana.DocumentNumber) {
				t.Errorf("the error names the holder: %v", err)
			}
		})
	}
}

// A stranger learns nothing from the billing view: neither that it fails nor that it hangs.
func TestOwnershipDoesNotWaitForBilling(t *testing.T) {
	w := newWorld(t)
	p := start(t, w)
	in := w.add("SR-1", inventory.TechnologyLTE, inventory.ReasonNonPayment)
	in.DocumentNumber = "52000111"
	p.orders = hangingBilling{p.orders.(systems)}
	if out, err := p.Reconnect(t.Context(), in); code(out, err) != reconnection.CodeNotHolder {
		t.Errorf("%+v %v", out, err)
	}
}

type hangingBilling struct{ systems }

func (hangingBilling) Billing(ctx context.Context, _ orders.BillingQuery) (orders.Billing, error) {
	<-ctx.Done()
	return orders.Billing{}, ctx.Err()
}

func TestWhatTheSystemsAreTold(t *testing.T) {
	w := newWorld(t)
	p := start(t, w)
	w.does([]deed{refuses, accepts})
	if _, err := p.Reconnect(t.Context(), w.add("SR-1", inventory.TechnologyFTTH, inventory.ReasonVoluntary)); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Reconnect(t.Context(), w.add("3000000019", inventory.TechnologyLTE, inventory.ReasonLoss)); err != nil {
		t.Fatal(err)
	}
	fixed, mobile, filing := w.placed[0], w.placed[1], w.filings[0]
	if want := (orders.Reconnection{Reference: fixed.Reference, Connection: "SR-1", Strategy: orders.StrategyVoluntary, DocumentType: "CC", DocumentNumber: "1026578508"}); fixed != want {
		t.Errorf("order %+v", fixed)
	}
	if want := (orders.Reconnection{Reference: mobile.Reference, Connection: "3000000019", Strategy: orders.StrategyVoluntaryLTE}); mobile != want {
		t.Errorf("order %+v", mobile)
	}
	if want := (pqr.Filing{
		Reference: fixed.Reference, Connection: "SR-1", DocumentType: "CC", DocumentNumber: "1026578508",
		Reason: pqr.ReasonOrderNotPossible, Detail: "The line has an order in work",
	}); filing != want {
		t.Errorf("PQR %+v", filing)
	}
	if fixed.Reference == mobile.Reference || len(fixed.Reference) > 64 || strings.Contains(fixed.Reference, "SR-1") {
		t.Errorf("references %q %q", fixed.Reference, mobile.Reference)
	}
}

// Whatever hangs, the caller is answered within 4.8 s of its 5 (here: at a tenth of both), and what was
// under way is written down.
func TestHangingSystems(t *testing.T) {
	for name, set := range map[string]func(*world){
		"orders":   func(w *world) { w.does([]deed{hangs}) },
		"register": func(w *world) { w.does([]deed{refuses}, hangs) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := start(t, w)
			set(w)
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			out, err := p.Reconnect(ctx, w.add("SR-1", inventory.TechnologyLTE, inventory.ReasonLoss))
			if code(out, err) != "timeout" {
				t.Errorf("%+v %v", out, err)
			}
			if ctx.Err() != nil {
				t.Error("no time was left to answer")
			}
			p.land()
			if got := states(t, p); got[ordering]+got[filing] != 1 {
				t.Errorf("states %v", got)
			}
		})
	}
}

// land waits for all that is in work.
func (p *process) land() {
	for {
		p.mu.Lock()
		var f *flight
		for _, f = range p.flights {
		}
		p.mu.Unlock()
		if f == nil {
			return
		}
		<-f.done
	}
}

func (p *process) inWork() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.flights)
}

func TestBudget(t *testing.T) {
	for _, c := range []struct{ given, calls, answer time.Duration }{
		{0, 4700 * time.Millisecond, 4800 * time.Millisecond}, // the contract's
		{time.Hour, 4700 * time.Millisecond, 4800 * time.Millisecond},
		{4800 * time.Millisecond, 4500 * time.Millisecond, 4600 * time.Millisecond},
		{500 * time.Millisecond, 350 * time.Millisecond, 400 * time.Millisecond},
	} {
		ctx, cancel := t.Context(), context.CancelFunc(func() {})
		began := time.Now()
		if c.given > 0 {
			ctx, cancel = context.WithTimeout(ctx, c.given)
		}
		b := newBudget(ctx)
		cancel()
		const tolerance = 50 * time.Millisecond
		if calls, answer := b.calls.Sub(began), b.answer.Sub(began); (calls-c.calls).Abs() > tolerance || (answer-c.answer).Abs() > tolerance {
			t.Errorf("%v: %v %v", c.given, calls, answer)
		}
	}
}

// Repetitions are told the first one's numbers, whatever became of line and debt, but only the
// holder is.
func TestRepetition(t *testing.T) {
	w := newWorld(t)
	p := start(t, w)
	in := w.add("SR-1", inventory.TechnologyLTE, inventory.ReasonNonPayment)
	w.billing["SR-1"] = orders.Billing{Balance: 1}
	first, err := p.Reconnect(t.Context(), in)
	if err != nil || first.Kind != reconnection.KindPQR {
		t.Fatalf("%+v %v", first, err)
	}
	w.billing["SR-1"] = orders.Billing{Settled: true}
	for name, change := range map[string]func(){
		"paid": func() {}, "billing away": func() { w.failing["billing"] = problem.Unavailable },
	} {
		change()
		if again, err := p.Reconnect(t.Context(), in); err != nil || again != first {
			t.Errorf("%s: %+v %v", name, again, err)
		}
	}
	in.DocumentNumber = "1"
	if out, err := p.Reconnect(t.Context(), in); code(out, err) != reconnection.CodeNotHolder {
		t.Errorf("%+v %v", out, err)
	}
	if made, filed := w.effects(p, "SR-1"); made != 0 || filed != 1 {
		t.Errorf("%d orders, %d PQRs", made, filed)
	}
}

// The next suspension of the same line is another.
func TestNextSuspension(t *testing.T) {
	w := newWorld(t)
	p := start(t, w)
	in := w.add("SR-1", inventory.TechnologyLTE, inventory.ReasonLoss)
	first, err := p.Reconnect(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	w.services["SR-1"].Suspension.ID = "SUS-2"
	if second, err := p.Reconnect(t.Context(), in); err != nil || second == first {
		t.Errorf("%+v %v", second, err)
	}
}

func TestServiceCache(t *testing.T) {
	w := newWorld(t)
	p := start(t, w)
	cfg := defaults()
	cached := newProcess(cfg, p.ring, p.db)
	cached.services, cached.orders, cached.pqrs = p.services, p.orders, p.pqrs
	in := w.add("SR-1", inventory.TechnologyLTE, inventory.ReasonLoss)
	ask := func() { // by a stranger: nothing is ordered
		stranger := in
		stranger.DocumentNumber = "1"
		if out, err := cached.Reconnect(t.Context(), stranger); code(out, err) != reconnection.CodeNotHolder {
			t.Fatalf("%+v %v", out, err)
		}
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(ask)
	}
	all.Wait()
	if n := w.called("service"); n != 1 {
		t.Errorf("%d look-ups", n)
	}
	got, err := cached.service(t.Context(), "SR-1")
	if err != nil {
		t.Fatal(err)
	}
	got.Suspension.ID = "changed"
	if again, err := cached.service(t.Context(), "SR-1"); err != nil || again.Suspension.ID == "changed" {
		t.Errorf("the cache's own was changed: %+v %v", again.Suspension, err)
	}
	if _, err := cached.Reconnect(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	ask()
	if n := w.called("service"); n != 2 {
		t.Errorf("%d look-ups: an order lets nothing be forgotten", n)
	}
	for range 2 {
		if _, err := cached.service(t.Context(), "SR-0"); !errors.Is(err, problem.NotFound) {
			t.Error(err)
		}
	}
	if n := w.called("service"); n != 4 {
		t.Errorf("%d look-ups: a service that is not there is remembered", n)
	}
}

func TestIncompleteRequest(t *testing.T) {
	p := start(t, newWorld(t))
	_, err := p.Reconnect(t.Context(), reconnection.Request{Connection: "SR-1"})
	if e := problem.Of(err); e.Kind != problem.Invalid || len(e.Fields) != 2 {
		t.Errorf("%v", err)
	}
}

func TestNumbers(t *testing.T) {
	w := newWorld(t)
	p := start(t, w)
	w.does([]deed{accepts, refuses})
	made, err := p.Reconnect(t.Context(), w.add("SR-1", inventory.TechnologyLTE, inventory.ReasonLoss))
	if err != nil {
		t.Fatal(err)
	}
	filed, err := p.Reconnect(t.Context(), w.add("SR-2", inventory.TechnologyLTE, inventory.ReasonLoss))
	if err != nil {
		t.Fatal(err)
	}
	o, err := p.QueryOrder(t.Context(), reconnection.NumberQuery{Number: made.OrderNumber})
	if err != nil || o.Number != made.OrderNumber || o.CUN != made.CUN || o.State != reconnection.OrderOpen {
		t.Errorf("%+v %v", o, err)
	}
	q, err := p.QueryPQR(t.Context(), reconnection.NumberQuery{Number: filed.PQRNumber})
	if err != nil || q.Number != filed.PQRNumber || q.Reason != reconnection.PQROrderNotPossible || q.State != reconnection.PQROpen {
		t.Errorf("%+v %v", q, err)
	}
	if _, err := p.QueryOrder(t.Context(), reconnection.NumberQuery{Number: "none"}); !errors.Is(err, problem.NotFound) {
		t.Error(err)
	}
	if _, err := p.QueryPQR(t.Context(), reconnection.NumberQuery{Number: "none"}); !errors.Is(err, problem.NotFound) {
		t.Error(err)
	}
}
