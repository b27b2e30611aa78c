package orders

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"puente/contracts/sapi/orders"
	"puente/shared/httpclient"
	"puente/shared/problem"
	"puente/test/sandbox"
	"puente/test/sandbox/fault"
	"puente/test/sandbox/sandboxtest"
)

// start makes a system in front of the sandbox's order management, with the defaults but for change.
func start(t *testing.T, change func(*Config)) (*system, *sandboxtest.Sandbox) {
	t.Helper()
	box := sandboxtest.Start(t, sandbox.Config{})
	cfg := defaults()
	cfg.HTTP.URL, cfg.Billing.URL = box.URL+"/orders", box.URL+"/orders"
	if change != nil {
		change(&cfg)
	}
	out, billing := httpclient.New(target, cfg.HTTP, httpclient.Deps{}), httpclient.New(billingTarget, cfg.Billing, httpclient.Deps{})
	t.Cleanup(out.Close)
	t.Cleanup(billing.Close)
	return newSystem(out, billing), box
}

var sample = orders.Reconnection{Reference: "rx-1", Connection: "SR-50452171", Strategy: orders.StrategyVoluntaryLTE}

// Whatever the order management does, it is told once; only where nothing was sent does the error say
// Unavailable, and the inquiry finds what was filed.
func TestAnOrderIsSentOnce(t *testing.T) {
	for _, test := range []struct {
		fault fault.Fault
		kind  problem.Kind
		filed int
	}{
		{fault.Fault{Kind: fault.Hang}, problem.Timeout, 0},
		{fault.Fault{Kind: fault.HangAfterCommit}, problem.Timeout, 1},
		{fault.Fault{Kind: fault.LateCommit, Delay: 500 * time.Millisecond}, problem.Timeout, 1},
		{fault.Fault{Kind: fault.Drip}, problem.Timeout, 1},
		{fault.Fault{Kind: fault.Reset}, problem.BadUpstream, 1},
		{fault.Fault{Kind: fault.Truncate}, problem.BadUpstream, 1},
		{fault.Fault{Kind: fault.HalfClose}, problem.BadUpstream, 0},
		{fault.Fault{Kind: fault.Garbage}, problem.BadUpstream, 0},
		{fault.Fault{Kind: fault.HeaderBomb}, problem.BadUpstream, 0},
		{fault.Fault{Kind: fault.Status, Status: 503}, problem.BadUpstream, 0},
		{fault.Fault{Kind: fault.Status, Status: 504}, problem.BadUpstream, 0},
	} {
		t.Run(string(test.fault.Kind), func(t *testing.T) {
			t.Parallel()
			s, box := start(t, nil)
			test.fault.System, test.fault.Operation, test.fault.Times = "orders", "create", 1
			box.Fault(t, test.fault)
			ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
			if test.kind != problem.Timeout {
				cancel()
				ctx, cancel = context.WithTimeout(t.Context(), 10*time.Second)
			}
			defer cancel()
			out, err := s.Reconnect(ctx, sample)
			if e := problem.Of(err); e == nil || e.Kind != test.kind || httpclient.Unsent(err) {
				t.Fatalf("%+v %v", out, err)
			}
			if test.fault.Kind == fault.LateCommit { // it works on after its caller left
				if _, err := box.Await(t.Context(), sandbox.Filter{System: "orders"}, func([]sandbox.Request) bool { return len(box.Orders.Orders()) > 0 }); err != nil {
					t.Fatal(err)
				}
			}
			if n := len(box.Requests(sandbox.Filter{System: "orders", Operation: "create"})); n != 1 {
				t.Errorf("sent %d times", n)
			}
			if n := len(box.Orders.Orders()); n != test.filed {
				t.Errorf("filed %d times", n)
			}
			found, err := s.Reconnection(t.Context(), orders.ReconnectionQuery{Reference: sample.Reference})
			if test.filed > 0 && (err != nil || found.Number != "ORD987654321" || found.State != orders.StateOpen) || test.filed == 0 && !errors.Is(err, problem.NotFound) {
				t.Errorf("found %+v %v", found, err)
			}
		})
	}
}

// What is refused before it leaves says so.
func TestUnsent(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"nobody listens": func(c *Config) { c.HTTP.URL = "http://127.0.0.1:1" },
		"bulkhead full":  func(c *Config) { c.HTTP.Bulkhead = httpclient.Bulkhead{Max: 1, Wait: time.Millisecond} },
		"circuit open":   func(c *Config) { c.HTTP.Breaker.Consecutive = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, box := start(t, change)
			box.Fault(t, fault.Fault{System: "orders", Operation: "create", Kind: fault.Hang, Times: 1})
			first, leave := context.WithTimeout(t.Context(), 3*time.Second)
			defer leave()
			ended := make(chan struct{})
			if name != "nobody listens" {
				go func() { _, _ = s.Reconnect(first, sample); close(ended) }()
				if _, err := box.Await(t.Context(), sandbox.Filter{}, func(rs []sandbox.Request) bool { return len(rs) == 1 }); err != nil {
					t.Fatal(err)
				}
			} else {
				close(ended)
			}
			if name == "circuit open" {
				<-ended
			}
			before := len(box.Requests(sandbox.Filter{}))
			_, err := s.Reconnect(t.Context(), sample)
			if !errors.Is(err, problem.Unavailable) || !httpclient.Unsent(err) {
				t.Error(err)
			}
			if n := len(box.Requests(sandbox.Filter{})); n != before {
				t.Errorf("%d requests arrived", n-before)
			}
			<-ended
		})
	}
}

// A billing view that hangs costs its callers its own time, once with the retry inside, and the orders
// nothing.
func TestBillingHangs(t *testing.T) {
	t.Parallel()
	s, box := start(t, func(c *Config) { c.Billing.Breaker.Consecutive = 2 })
	box.Fault(t, fault.Fault{System: "orders", Operation: "billing", Kind: fault.Hang})
	began := time.Now()
	_, err := s.Billing(t.Context(), orders.BillingQuery{Connection: "3057000412"})
	if took := time.Since(began); !errors.Is(err, problem.Timeout) || took > 2*time.Second {
		t.Errorf("%v after %v", err, took)
	}
	if n := len(box.Requests(sandbox.Filter{Operation: "billing"})); n != 2 {
		t.Errorf("asked %d times", n)
	}
	if _, err := s.Billing(t.Context(), orders.BillingQuery{Connection: "3057000412"}); !errors.Is(err, problem.Unavailable) {
		t.Errorf("its circuit is not open: %v", err)
	}
	if _, err := s.Reconnect(t.Context(), sample); err != nil {
		t.Errorf("an order: %v", err)
	}
}

// The sandbox and this package mean the same by what they say to each other.
func TestAgainstTheSandbox(t *testing.T) {
	t.Parallel()
	s, box := start(t, nil)
	fixed := orders.Reconnection{Reference: "rx-2", Connection: "6012450002", Strategy: orders.StrategyVoluntary, DocumentType: "CC", DocumentNumber: "1026578508"}
	filed, err := s.Reconnect(t.Context(), fixed)
	if err != nil || filed.CUN != "CUN123456789" {
		t.Fatalf("%+v %v", filed, err)
	}
	if _, _, err := box.Orders.SetState(filed.Number, "COMPLETADA"); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Order(t.Context(), orders.OrderQuery{Number: filed.Number}); err != nil || got.State != orders.StateCompleted || got.CompletedAt == nil {
		t.Errorf("%+v %v", got, err)
	}
	refused := orders.Reconnection{Reference: "rx-3", Connection: "3057000413", Strategy: orders.StrategyVoluntaryLTE}
	_, err = s.Reconnect(t.Context(), refused)
	if e := problem.Of(err); e == nil || e.Kind != problem.Rejected || e.Code != orders.CodeNotPossible {
		t.Fatal(err)
	}
	if text := err.Error(); strings.Contains(text, refused.Connection) || !strings.Contains(text, "OM-1042") || !strings.Contains(text, "******0413") {
		t.Errorf("the log has %s", text)
	}
	if got, err := s.Billing(t.Context(), orders.BillingQuery{Connection: "3057000412"}); err != nil || got != (orders.Billing{Balance: 8590000, Currency: "COP"}) {
		t.Errorf("%+v %v", got, err)
	}
}
