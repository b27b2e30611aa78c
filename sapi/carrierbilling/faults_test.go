package carrierbilling

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"puente/contracts/sapi/carrierbilling"
	"puente/shared/hop"
	"puente/shared/httpclient"
	"puente/shared/problem"
	"puente/test/sandbox"
	dcb "puente/test/sandbox/carrierbilling"
	"puente/test/sandbox/fault"
	"puente/test/sandbox/sandboxtest"
)

// start makes a system in front of the sandbox's carrier billing, with the defaults but for change.
func start(t *testing.T, change func(*Config)) (*system, *sandboxtest.Sandbox) {
	t.Helper()
	box := sandboxtest.Start(t, sandbox.Config{})
	cfg := defaults()
	cfg.HTTP.URL, cfg.Query.URL = box.URL+"/carrierbilling", box.URL+"/carrierbilling"
	if change != nil {
		change(&cfg)
	}
	out, query := httpclient.New(target, cfg.HTTP, httpclient.Deps{}), httpclient.New(queryTarget, cfg.Query, httpclient.Deps{})
	t.Cleanup(out.Close)
	t.Cleanup(query.Close)
	return newSystem(out, query), box
}

var sample = carrierbilling.Order{
	TxID: "sub:1042:20220101", MSISDN: "56921110000", Amount: 990, Currency: "CLP", Description: "Juegos, semanal",
	PartnerID: 52272, ProductID: 1000000001, PricepointID: 201507, Context: carrierbilling.ContextRenewal,
}

// mishaps are what can happen to a call that may change something: what the caller hears, and whether it
// was done.
var mishaps = []struct {
	fault fault.Fault
	kind  problem.Kind
	done  bool
}{
	{fault.Fault{Kind: fault.Hang}, problem.Timeout, false},
	{fault.Fault{Kind: fault.HangAfterCommit}, problem.Timeout, true},
	{fault.Fault{Kind: fault.LateCommit, Delay: 500 * time.Millisecond}, problem.Timeout, true},
	{fault.Fault{Kind: fault.Drip}, problem.Timeout, true},
	{fault.Fault{Kind: fault.Reset}, problem.Unknown, true},
	{fault.Fault{Kind: fault.Reset, Commit: new(bool)}, problem.Unknown, false},
	{fault.Fault{Kind: fault.Truncate}, problem.Unknown, true},
	{fault.Fault{Kind: fault.HalfClose}, problem.Unknown, false},
	{fault.Fault{Kind: fault.Garbage}, problem.Unknown, false},
	{fault.Fault{Kind: fault.GzipBomb}, problem.Unknown, false},
	{fault.Fault{Kind: fault.HeaderBomb}, problem.Unknown, false},
	{fault.Fault{Kind: fault.Status, Status: 500}, problem.Unknown, false},
	{fault.Fault{Kind: fault.Status, Status: 502, Commit: yes()}, problem.Unknown, true},
	{fault.Fault{Kind: fault.Status, Status: 503}, problem.Unknown, false},
	{fault.Fault{Kind: fault.Status, Status: 504, Commit: yes()}, problem.Unknown, true},
	{fault.Fault{Kind: fault.Status, Status: 404}, problem.Unknown, false},
	{fault.Fault{Kind: fault.Status, Status: 429}, problem.Unavailable, false},
}

func yes() *bool {
	b := true
	return &b
}

// each plays every mishap to one call of operation, and checks what it says and how often it was sent.
func each(t *testing.T, operation string, prepare func(*testing.T, *system), call func(context.Context, *system) error, done func(*sandboxtest.Sandbox) int, after func(*testing.T, *system, bool)) {
	for i, test := range mishaps {
		t.Run(fmt.Sprint(i, test.fault.Kind, test.fault.Status), func(t *testing.T) {
			t.Parallel()
			s, box := start(t, nil)
			prepare(t, s)
			f := test.fault
			f.System, f.Operation, f.Times = "carrierbilling", operation, 1
			box.Fault(t, f)
			patience := 10 * time.Second
			if test.kind == problem.Timeout {
				patience = 400 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			err := call(ctx, s)
			if e := problem.Of(err); e == nil || e.Kind != test.kind || carrierbilling.Undone(err) != (test.kind == problem.Unavailable) || httpclient.Unsent(err) {
				t.Fatal(err)
			}
			if f.Kind == fault.LateCommit { // it works on after its caller left
				if _, err := box.Await(t.Context(), sandbox.Filter{System: "carrierbilling"}, func([]sandbox.Request) bool { return done(box) > 0 }); err != nil {
					t.Fatal(err)
				}
			}
			if n := len(box.Requests(sandbox.Filter{System: "carrierbilling", Operation: operation})); n != 1 {
				t.Errorf("sent %d times", n)
			}
			want := 0
			if test.done {
				want = 1
			}
			if n := done(box); n != want {
				t.Errorf("done %d times", n)
			}
			after(t, s, test.done)
		})
	}
}

// Whatever the operator does, it is told once to charge; only where nothing was charged for certain does the
// error say so, and the inquiry finds what was charged.
func TestAChargeIsSentOnce(t *testing.T) {
	each(t, "charge", func(*testing.T, *system) {},
		func(ctx context.Context, s *system) error { _, err := s.Charge(ctx, sample); return err },
		func(box *sandboxtest.Sandbox) int { return len(box.CarrierBilling.Charges()) },
		func(t *testing.T, s *system, done bool) {
			found, err := s.Query(t.Context(), carrierbilling.ChargeQuery{TxID: sample.TxID})
			if done && (err != nil || found.Outcome != carrierbilling.OutcomeCharged || found.Amount != 990 || found.ChargedAt == nil) || !done && !carrierbilling.Absent(err) {
				t.Errorf("found %+v %v", found, err)
			}
		})
}

func TestARefundIsSentOnce(t *testing.T) {
	each(t, "refund",
		func(t *testing.T, s *system) {
			if _, err := s.Charge(t.Context(), sample); err != nil {
				t.Fatal(err)
			}
		},
		func(ctx context.Context, s *system) error {
			_, err := s.Refund(ctx, carrierbilling.RefundOrder{TxID: sample.TxID, RefundID: "late-1", Amount: 400})
			return err
		},
		func(box *sandboxtest.Sandbox) int { return len(box.CarrierBilling.Charges()[0].Refunds) },
		func(t *testing.T, s *system, done bool) {
			found, err := s.Query(t.Context(), carrierbilling.ChargeQuery{TxID: sample.TxID})
			if err != nil || done != (len(found.Refunds) == 1 && found.Refunds[0].RefundID == "late-1" && found.Refunds[0].Amount == 400) {
				t.Errorf("found %+v %v", found, err)
			}
		})
}

// An inquiry that fails says nothing of the charge, whatever it fails by; one that fails at once is repeated.
func TestInquiriesFail(t *testing.T) {
	for _, test := range []struct {
		fault fault.Fault
		kind  problem.Kind
		asked int
	}{
		{fault.Fault{Kind: fault.Hang}, problem.Timeout, 2},
		{fault.Fault{Kind: fault.Reset}, problem.BadUpstream, 2},
		{fault.Fault{Kind: fault.Garbage}, problem.BadUpstream, 1},
		{fault.Fault{Kind: fault.Truncate}, problem.BadUpstream, 2},
		{fault.Fault{Kind: fault.Status, Status: 503}, problem.BadUpstream, 2},
		{fault.Fault{Kind: fault.Status, Status: 404}, problem.BadUpstream, 1},
		{fault.Fault{Kind: fault.Status, Status: 404, Body: `{"message":"no Route matched"}`}, problem.BadUpstream, 1},
	} {
		t.Run(fmt.Sprint(test.fault.Kind, test.fault.Body), func(t *testing.T) {
			t.Parallel()
			s, box := start(t, func(c *Config) {
				c.Query.Timeout, c.Query.AttemptTimeout = 2*time.Second, 200*time.Millisecond
			})
			test.fault.System, test.fault.Operation = "carrierbilling", "query"
			box.Fault(t, test.fault)
			_, err := s.Query(t.Context(), carrierbilling.ChargeQuery{TxID: sample.TxID})
			if e := problem.Of(err); e == nil || e.Kind != test.kind || carrierbilling.Absent(err) {
				t.Errorf("%v", err)
			}
			if n := len(box.Requests(sandbox.Filter{Operation: "query"})); n != test.asked {
				t.Errorf("asked %d times", n)
			}
			box.ClearFaults("")
			if _, err := s.Query(t.Context(), carrierbilling.ChargeQuery{TxID: sample.TxID}); !carrierbilling.Absent(err) {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// A caller who goes away does not take back a charge that is under way: it is made, and found.
func TestACallerLeaves(t *testing.T) {
	t.Parallel()
	s, box := start(t, nil)
	box.Fault(t, fault.Fault{System: "carrierbilling", Operation: "charge", Kind: fault.Delay, Delay: 200 * time.Millisecond, Times: 1})
	ctx, leave := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { _, err := s.Charge(ctx, sample); ended <- err }()
	if _, err := box.Await(t.Context(), sandbox.Filter{Operation: "charge"}, func(rs []sandbox.Request) bool { return len(rs) == 1 }); err != nil {
		t.Fatal(err)
	}
	leave()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if n := len(box.CarrierBilling.Charges()); n != 1 {
		t.Errorf("%d charges", n)
	}
	if _, err := s.Charge(ctx, sample); !errors.Is(err, problem.Timeout) || !httpclient.Unsent(err) { // who left before does not charge
		t.Error(err)
	}
	if n := len(box.Requests(sandbox.Filter{Operation: "charge"})); n != 1 {
		t.Errorf("sent %d times", n)
	}
}

// What is refused before it leaves says so, and while charges hang inquiries go on.
func TestUnsent(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"nobody listens": func(c *Config) { c.HTTP.URL = "http://127.0.0.1:1" },
		"bulkhead full":  func(c *Config) { c.HTTP.Bulkhead = httpclient.Bulkhead{Max: 1, Wait: time.Millisecond} },
		"circuit open":   func(c *Config) { c.HTTP.Breaker.Consecutive, c.HTTP.Timeout = 1, 500*time.Millisecond },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, box := start(t, change)
			box.Fault(t, fault.Fault{System: "carrierbilling", Operation: "charge", Kind: fault.Hang, Times: 1})
			first, leave := context.WithTimeout(t.Context(), 3*time.Second)
			defer leave()
			ended := make(chan struct{})
			if name != "nobody listens" {
				go func() { _, _ = s.Charge(first, sample); close(ended) }()
				if _, err := box.Await(t.Context(), sandbox.Filter{}, func(rs []sandbox.Request) bool { return len(rs) == 1 }); err != nil {
					t.Fatal(err)
				}
			} else {
				close(ended)
			}
			if name == "circuit open" {
				<-ended
			}
			_, err := s.Charge(t.Context(), sample)
			if !errors.Is(err, problem.Unavailable) || !httpclient.Unsent(err) || !carrierbilling.Undone(err) {
				t.Error(err)
			}
			_, err = s.Refund(t.Context(), carrierbilling.RefundOrder{TxID: "t", RefundID: "r", Amount: 1})
			if !errors.Is(err, problem.Unavailable) || !carrierbilling.Undone(err) {
				t.Error(err)
			}
			if _, err := s.Query(t.Context(), carrierbilling.ChargeQuery{TxID: sample.TxID}); !carrierbilling.Absent(err) {
				t.Errorf("an inquiry: %v", err)
			}
			if n := len(box.CarrierBilling.Charges()); n != 0 {
				t.Errorf("%d charges", n)
			}
			<-ended
		})
	}
}

// A caller with no time left has nothing charged, and hears so rather than that its time passed.
func TestNoTimeLeft(t *testing.T) {
	t.Parallel()
	s, box := start(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	_, err := s.Charge(ctx, sample)
	if e := problem.Of(err); e == nil || e.Kind != problem.Unavailable || !carrierbilling.Undone(err) {
		t.Error(err)
	}
	if n := len(box.Requests(sandbox.Filter{})); n != 0 {
		t.Errorf("sent %d times", n)
	}
}

// placed is where a caller of this process finds the API; its values go through JSON and are held to the
// contract on both sides.
type placed struct{ registry *hop.Registry }

func (p placed) Peer(c *hop.Contract) hop.Peer { return hop.Local(c, p.registry, true) }

// What a caller above this layer gets: outcomes that survive the way, and errors whose sort does.
func TestAcrossAHop(t *testing.T) {
	t.Parallel()
	s, box := start(t, nil)
	r := hop.NewRegistry()
	hop.Provide(r, carrierbilling.CreateCharge, s.Charge)
	hop.Provide(r, carrierbilling.QueryCharge, s.Query)
	hop.Provide(r, carrierbilling.RefundCharge, s.Refund)
	c := carrierbilling.NewClient(placed{r})
	made, err := c.Charge(t.Context(), sample)
	if err != nil || made.Outcome != carrierbilling.OutcomeCharged || made.ChargedAt == nil {
		t.Fatalf("%+v %v", made, err)
	}
	if _, err := c.Refund(t.Context(), carrierbilling.RefundOrder{TxID: sample.TxID, RefundID: "late-1", Amount: 90}); err != nil {
		t.Error(err)
	}
	if found, err := c.Query(t.Context(), carrierbilling.ChargeQuery{TxID: sample.TxID}); err != nil || len(found.Refunds) != 1 || found.OperatorRef != made.OperatorRef {
		t.Errorf("%+v %v", found, err)
	}
	if _, err := c.Query(t.Context(), carrierbilling.ChargeQuery{TxID: "t-0"}); !carrierbilling.Absent(err) {
		t.Error(err)
	}
	declined := sample
	declined.TxID, declined.MSISDN = "t-1", "56921111503"
	if out, err := c.Charge(t.Context(), declined); err != nil || out.Reason != carrierbilling.ReasonUnavailable {
		t.Errorf("%+v %v", out, err)
	}
	for kind, undone := range map[problem.Kind]bool{problem.Unknown: false, problem.Unavailable: true} {
		box.Fault(t, fault.Fault{System: "carrierbilling", Operation: "charge", Kind: fault.Status, Times: 1, Status: map[bool]int{false: 500, true: 429}[undone]})
		if _, err := c.Charge(t.Context(), sample); !errors.Is(err, kind) || carrierbilling.Undone(err) != undone {
			t.Errorf("%v: %v", kind, err)
		}
	}
}

// The sandbox and this package mean the same by what they say to each other.
func TestAgainstTheSandbox(t *testing.T) {
	t.Parallel()
	s, box := start(t, nil)
	for msisdn, want := range map[string]carrierbilling.Reason{
		"56921111402": carrierbilling.ReasonInsufficientBalance, "56921111403": carrierbilling.ReasonLineBarred, "56921111404": carrierbilling.ReasonUnknownMSISDN,
		"56921111405": carrierbilling.ReasonUnknownMSISDN, "56921111503": carrierbilling.ReasonUnavailable, "56901110000": "", "56911110000": "",
	} {
		in := sample
		in.MSISDN, in.TxID = msisdn, "t-"+msisdn
		out, err := s.Charge(t.Context(), in)
		if err != nil || out.Reason != want || (out.Outcome == carrierbilling.OutcomeDeclined) != (want != "") {
			t.Errorf("%s: %+v %v", msisdn, out, err)
		}
		found, err := s.Query(t.Context(), carrierbilling.ChargeQuery{TxID: in.TxID})
		if want == carrierbilling.ReasonUnavailable && carrierbilling.Absent(err) {
			continue
		}
		if err != nil || found.Outcome != out.Outcome || found.Reason != want || found.OperatorRef != out.OperatorRef {
			t.Errorf("%s: found %+v %v", msisdn, found, err)
		}
	}
	for msisdn, undone := range map[string]bool{"56921111429": true, "56921111500": false} {
		in := sample
		in.MSISDN, in.TxID = msisdn, "t-"+msisdn
		if _, err := s.Charge(t.Context(), in); err == nil || carrierbilling.Undone(err) != undone {
			t.Errorf("%s: %v", msisdn, err)
		}
	}
	over := carrierbilling.RefundOrder{TxID: "t-56901110000", RefundID: "r-1", Amount: 991}
	_, err := s.Refund(t.Context(), over)
	if e := problem.Of(err); e == nil || e.Kind != problem.Rejected || e.Code != carrierbilling.CodeRefundNotPossible || !carrierbilling.Undone(err) {
		t.Error(err)
	}
	over.Amount = 990
	given, err := s.Refund(t.Context(), over)
	if err != nil || given.RefundID != "r-1" || given.Amount != 990 || given.Currency != "CLP" {
		t.Errorf("%+v %v", given, err)
	}
	over.TxID = "t-0"
	if _, err := s.Refund(t.Context(), over); !errors.Is(err, problem.NotFound) || !carrierbilling.Undone(err) {
		t.Error(err)
	}
	box.CarrierBilling.Configure(func(c *dcb.Settings) { c.Pending, c.Idempotent = true, true })
	if out, err := s.Charge(t.Context(), sample); err != nil || out.Outcome != carrierbilling.OutcomePending {
		t.Errorf("%+v %v", out, err)
	}
	other := sample
	other.Amount++
	_, err = s.Charge(t.Context(), other)
	if e := problem.Of(err); e == nil || e.Kind != problem.Conflict || e.Code != carrierbilling.CodeTxIDReused || strings.Contains(err.Error(), sample.MSISDN) {
		t.Error(err)
	}
}
