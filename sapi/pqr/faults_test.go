package pqr

import (
	"context"
	"errors"
	"testing"
	"time"

	"puente/contracts/sapi/pqr"
	"puente/shared/httpclient"
	"puente/shared/problem"
	"puente/test/sandbox"
	"puente/test/sandbox/fault"
	"puente/test/sandbox/sandboxtest"
)

// start makes a system in front of the sandbox's register.
func start(t *testing.T) (*system, *sandboxtest.Sandbox) {
	t.Helper()
	box := sandboxtest.Start(t, sandbox.Config{})
	cfg := defaults()
	cfg.HTTP.URL = box.URL + "/pqr"
	out := httpclient.New(target, cfg.HTTP, httpclient.Deps{})
	t.Cleanup(out.Close)
	return newSystem(out), box
}

var sample = pqr.Filing{
	Reference: "rx-1", Connection: "3057000412", DocumentType: "CC", DocumentNumber: "1026578508", Reason: pqr.ReasonDebtNotSettled,
}

// Whatever the register does, it is told once, and the inquiry finds what was filed.
func TestACaseIsSentOnce(t *testing.T) {
	for _, test := range []struct {
		fault fault.Fault
		kind  problem.Kind
		filed int
	}{
		{fault.Fault{Kind: fault.Hang}, problem.Timeout, 0},
		{fault.Fault{Kind: fault.HangAfterCommit}, problem.Timeout, 1},
		{fault.Fault{Kind: fault.Reset}, problem.BadUpstream, 1},
		{fault.Fault{Kind: fault.Truncate}, problem.BadUpstream, 1},
		{fault.Fault{Kind: fault.Garbage}, problem.BadUpstream, 0},
		{fault.Fault{Kind: fault.Status, Status: 503}, problem.BadUpstream, 0},
		{fault.Fault{Kind: fault.Status, Status: 422}, problem.BadUpstream, 0},
	} {
		t.Run(string(test.fault.Kind), func(t *testing.T) {
			t.Parallel()
			s, box := start(t)
			test.fault.System, test.fault.Operation, test.fault.Times = "pqr", "create", 1
			box.Fault(t, test.fault)
			patience := 10 * time.Second
			if test.kind == problem.Timeout {
				patience = 400 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			out, err := s.Create(ctx, sample)
			if e := problem.Of(err); e == nil || e.Kind != test.kind || httpclient.Unsent(err) {
				t.Fatalf("%+v %v", out, err)
			}
			if n := len(box.Requests(sandbox.Filter{System: "pqr", Operation: "create"})); n != 1 || len(box.PQR.Cases()) != test.filed {
				t.Errorf("sent %d times, filed %d times", n, len(box.PQR.Cases()))
			}
			found, err := s.Find(t.Context(), pqr.ReferenceQuery{Reference: sample.Reference})
			if test.filed > 0 && (err != nil || found.Number != "PQR-000001") || test.filed == 0 && !errors.Is(err, problem.NotFound) {
				t.Errorf("found %+v %v", found, err)
			}
		})
	}
}

// The sandbox and this package mean the same by what they say to each other.
func TestAgainstTheSandbox(t *testing.T) {
	t.Parallel()
	s, box := start(t)
	debt, err := s.Create(t.Context(), sample)
	if err != nil || debt.CUN != "" || debt.State != pqr.StateOpen {
		t.Fatalf("%+v %v", debt, err)
	}
	refused := sample
	refused.Reference, refused.Reason, refused.Detail = "rx-2", pqr.ReasonOrderNotPossible, "No order is possible"
	if other, err := s.Create(t.Context(), refused); err != nil || other.CUN == "" {
		t.Fatalf("%+v %v", other, err)
	}
	if got := box.PQR.Cases()[1].Detail; got != refused.Detail {
		t.Errorf("detail %q", got)
	}
	if _, _, err := box.PQR.SetState(debt.Number, "RESUELTO"); err != nil {
		t.Fatal(err)
	}
	if got, err := s.PQR(t.Context(), pqr.NumberQuery{Number: debt.Number}); err != nil || got.State != pqr.StateResolved || got.ResolvedAt == nil {
		t.Errorf("%+v %v", got, err)
	}
	failing := sample
	failing.Reference, failing.Connection = "rx-3", "3057000414"
	if _, err := s.Create(t.Context(), failing); !errors.Is(err, problem.BadUpstream) {
		t.Error(err)
	}
}
