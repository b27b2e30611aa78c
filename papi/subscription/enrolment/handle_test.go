package enrolment

import (
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	contract "puente/contracts/papi/subscription"
	"puente/contracts/sapi/subscriber"
	"puente/shared/problem"
)

const handles = "SELECT count(*) FROM subscription.handles"

func TestInvariant14UntrustedPeersMintNothing(t *testing.T) {
	w := newWorld(t)
	for name, change := range map[string]func(*contract.HandleRequest){
		"from elsewhere": func(in *contract.HandleRequest) { in.Enrichment.Peer = "203.0.113.1" },
		"which names a proxy": func(in *contract.HandleRequest) {
			in.Enrichment.Peer, in.Enrichment.Forwarded = "203.0.113.1", "10.0.0.1"
		},
		"without a peer":       func(in *contract.HandleRequest) { in.Enrichment.Peer, in.Address = "", "10.0.0.1" },
		"without a header":     func(in *contract.HandleRequest) { in.Enrichment.Headers = nil },
		"of another country":   func(in *contract.HandleRequest) { in.Enrichment.Headers[0].Value = "51912345678" },
		"of nothing":           func(in *contract.HandleRequest) { in.Enrichment.Headers[0].Value = "" },
		"when nobody reads it": func(in *contract.HandleRequest) { in.Enrichment.Peer = "away" },
	} {
		in := plain("juegos", msisdn)
		change(&in)
		got, err := w.MintHandle(t.Context(), in)
		if p := problem.Of(err); p == nil || p.Kind != problem.Invalid || p.Code != contract.CodeMSISDNInvalid || got.Handle != "" {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for _, campaign := range []string{"", "nada", "juegos "} {
		_, err := w.MintHandle(t.Context(), plain(campaign, msisdn))
		wantError(t, err, problem.Conflict, contract.CodeOfferUnknown)
	}
	w.Apply("campaigns", "juegos", `{"product":"1000000001","status":"suspended"}`)
	_, err := w.MintHandle(t.Context(), plain("juegos", msisdn))
	wantError(t, err, problem.Conflict, contract.CodeOfferUnknown)
	if n := w.count(handles); n != 0 {
		t.Errorf("%d handles", n)
	}
}

// A handle says nothing, and what stands of it in the table neither.
func TestInvariant14HandlesAreRandom(t *testing.T) {
	w := newWorld(t)
	a, b := w.minted(weekly, msisdn).Handle, w.minted(weekly, msisdn).Handle
	raw, err := base64.RawURLEncoding.DecodeString(a)
	if err != nil || len(raw) != 16 || a == b {
		t.Errorf("%q, %q: %v", a, b, err)
	}
	var all string
	if err := w.DB.QueryRow(t.Context(), "SELECT string_agg(encode(hash || visitor || told, 'escape'), ' ') FROM subscription.handles").Scan(&all); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{a, b, string(raw), msisdn, "912345678", address, "juegos", "Mozilla"} {
		if strings.Contains(all, secret) {
			t.Errorf("%q stands in the table", secret)
		}
	}
}

func TestInvariant14HandlesAreGoodOnce(t *testing.T) {
	one := newWorld(t)
	first := one.Flows
	one.restart()
	processes := []*Flows{first, one.Flows}
	in := one.minted(weekly, msisdn)
	var got, refused atomic.Int32
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			_, err := processes[i%2].StartFlow(t.Context(), in)
			switch p := problem.Of(err); {
			case err == nil:
				got.Add(1)
			case p != nil && p.Kind == problem.Rejected && p.Code == contract.CodeHandle:
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got.Load() != 1 || refused.Load() != 99 || one.count("SELECT count(*) FROM subscription.flows") != 1 || one.count(handles) != 0 {
		t.Errorf("%d flows, %d refused", got.Load(), refused.Load())
	}
}

func TestInvariant14HandlesDieAfterAMinute(t *testing.T) {
	w := newWorld(t)
	in := w.minted(weekly, msisdn)
	w.pass(time.Minute - time.Millisecond)
	if _, err := w.StartFlow(t.Context(), in); err != nil {
		t.Error(err)
	}
	in = w.minted(weekly, msisdn)
	w.pass(time.Minute)
	_, err := w.StartFlow(t.Context(), in)
	wantError(t, err, problem.Rejected, contract.CodeHandle)

	in = w.minted(weekly, msisdn)
	if err := w.Expire(t.Context()); err != nil || w.count(handles) != 1 {
		t.Errorf("%d left before their time: %v", w.count(handles), err)
	}
	w.pass(time.Minute)
	if err := w.Expire(t.Context()); err != nil || w.count(handles) != 0 {
		t.Errorf("%d left: %v", w.count(handles), err)
	}
	_, err = w.StartFlow(t.Context(), in)
	wantError(t, err, problem.Rejected, contract.CodeHandle)
}

// Another visitor is told what one with an old handle is told, and nobody can use it any more.
func TestInvariant14HandlesOfOtherVisitors(t *testing.T) {
	w := newWorld(t)
	other := func(in *contract.FlowRequest) { // another product of the same partner
		in.Campaign, in.ProductID = campaigns[free], free
	}
	for name, change := range map[string]func(*contract.FlowRequest){
		"another campaign": other,
		"another agent":    func(in *contract.FlowRequest) { in.UserAgent += " " },
		"no agent":         func(in *contract.FlowRequest) { in.UserAgent = "" },
		"another address":  func(in *contract.FlowRequest) { in.Address = "192.0.2.2" },
		"the proxy's":      func(in *contract.FlowRequest) { in.Address = "10.0.0.1" },
		"no address":       func(in *contract.FlowRequest) { in.Address = "" },
	} {
		in := w.minted(weekly, msisdn)
		theirs := in
		change(&theirs)
		_, err := w.StartFlow(t.Context(), theirs)
		wantError(t, err, problem.Rejected, contract.CodeHandle)
		if _, err = w.StartFlow(t.Context(), in); !errors.Is(err, problem.Rejected) {
			t.Errorf("%s, and then its own: %v", name, err)
		}
	}
	for _, handle := range []string{"x", strings.Repeat("A", 22), w.minted(weekly, msisdn).Handle + "="} {
		in := wanting(weekly, "")
		in.Handle = handle
		_, err := w.StartFlow(t.Context(), in)
		wantError(t, err, problem.Rejected, contract.CodeHandle)
	}
	if n := w.count("SELECT count(*) FROM subscription.flows"); n != 0 {
		t.Errorf("%d flows", n)
	}
}

// Whatever comes of a request, its handle is used up.
func TestInvariant14HandlesAreUsedUp(t *testing.T) {
	w := newWorld(t)
	w.lines[numbered(1)] = subscriber.Line{}
	for name, change := range map[string]func(*contract.FlowRequest){
		"offer":   func(in *contract.FlowRequest) { in.ProductID = free },
		"channel": func(in *contract.FlowRequest) { in.Channel = "USSD" },
		"tid":     func(in *contract.FlowRequest) { in.TID = "#" },
		"line":    func(*contract.FlowRequest) {},
	} {
		in := w.minted(weekly, numbered(1))
		wrong := in
		change(&wrong)
		if _, err := w.StartFlow(t.Context(), wrong); err == nil {
			t.Errorf("%s: begun", name)
		}
		_, err := w.StartFlow(t.Context(), in)
		wantError(t, err, problem.Rejected, contract.CodeHandle)
	}
}

// Where a browser will come from is what the operator's proxy says, or else its own address.
func TestVisitorsOfHandles(t *testing.T) {
	w := newWorld(t)
	for name, test := range map[string]struct {
		forwarded, address, comes string
		bound, good               bool
	}{
		"a proxy that ends connections":     {forwarded: "192.0.2.1", address: "10.0.0.1", comes: "192.0.2.1", bound: true, good: true},
		"one that does not":                 {address: "192.0.2.1", comes: "192.0.2.1", bound: true, good: true},
		"one that does not, behind an edge": {forwarded: "192.0.2.1", address: "192.0.2.1", comes: "192.0.2.1", bound: true, good: true},
		"one that says what is no address":  {forwarded: "unknown", address: "192.0.2.1", comes: "192.0.2.1", bound: true, good: true},
		"one that says nothing":             {address: "10.0.0.1", comes: "192.0.2.1", bound: true},
		"and is not taken at its word":      {address: "10.0.0.1", comes: "192.0.2.1", good: true},
		"IPv6, another of the customer's":   {forwarded: "2001:db8::1", address: "10.0.0.1", comes: "2001:db8::2", bound: true, good: true},
		"IPv6, another customer's":          {forwarded: "2001:db8::1", address: "10.0.0.1", comes: "2001:db8:0:1::1", bound: true},
		"IPv4 as IPv6":                      {forwarded: "::ffff:192.0.2.1", address: "10.0.0.1", comes: "192.0.2.1", bound: true, good: true},
	} {
		w.cfg.Handles.BindAddress = test.bound
		w.restart()
		w.pass(time.Hour)                  // flows by header have a quota
		request := plain("Juegos", msisdn) // as somebody may write it
		request.Enrichment.Forwarded, request.Address = test.forwarded, test.address
		minted, err := w.MintHandle(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		in := wanting(weekly, "")
		in.Handle, in.Address = minted.Handle, test.comes
		if _, err := w.StartFlow(t.Context(), in); (err == nil) != test.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestConfig(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"no life":         func(c *Config) { c.Handles.Life = 0 },
		"long life":       func(c *Config) { c.Handles.Life = time.Hour },
		"another country": func(c *Config) { c.Operators["AR"] = "Personal" },
		"no name":         func(c *Config) { c.Operators["CL"] = "" },
		"a break":         func(c *Config) { c.Operators["CL"] = "En\ntel" },
		"space":           func(c *Config) { c.Operators["CL"] = "Entel " },
		"a long name":     func(c *Config) { c.Operators["CL"] = strings.Repeat("x", 61) },
	} {
		c := Defaults()
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		change(&c)
		if err := c.Validate(); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
