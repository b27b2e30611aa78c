package inventory

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"puente/contracts/sapi/inventory"
	"puente/shared/httpclient"
	"puente/shared/problem"
	"puente/test/sandbox"
	"puente/test/sandbox/fault"
	"puente/test/sandbox/sandboxtest"
)

// start makes a system in front of the sandbox's inventory.
func start(t *testing.T) (*system, *sandboxtest.Sandbox) {
	t.Helper()
	box := sandboxtest.Start(t, sandbox.Config{})
	cfg := defaults()
	cfg.HTTP.URL, cfg.Television.URL = box.URL+"/inventory", box.URL+"/inventory"
	out, television := httpclient.New(target, cfg.HTTP, httpclient.Deps{}), httpclient.New(televisionTarget, cfg.Television, httpclient.Deps{})
	t.Cleanup(out.Close)
	t.Cleanup(television.Close)
	return newSystem(out, television), box
}

// An inventory that misbehaves costs its callers no more than its time, retry and all.
func TestFaults(t *testing.T) {
	for _, test := range []struct {
		fault fault.Fault
		kind  problem.Kind
	}{
		{fault.Fault{Kind: fault.Hang}, problem.Timeout},
		{fault.Fault{Kind: fault.Drip}, problem.Timeout},
		{fault.Fault{Kind: fault.Reset}, problem.BadUpstream},
		{fault.Fault{Kind: fault.Truncate}, problem.BadUpstream},
		{fault.Fault{Kind: fault.Status, Status: 503}, problem.BadUpstream},
	} {
		t.Run(string(test.fault.Kind), func(t *testing.T) {
			t.Parallel()
			s, box := start(t)
			test.fault.System = "inventory"
			box.Fault(t, test.fault)
			began := time.Now()
			_, err := s.Holder(t.Context(), inventory.HolderQuery{Connection: "SR-50452171"})
			if took := time.Since(began); !errors.Is(err, test.kind) || took > 2*time.Second {
				t.Errorf("%v after %v", err, took)
			}
		})
	}
}

// The sandbox and this package mean the same by what they say to each other.
func TestAgainstTheSandbox(t *testing.T) {
	t.Parallel()
	s, box := start(t)
	box.Fault(t, fault.Fault{System: "inventory", Operation: "service", Kind: fault.Hang, Times: 1})
	got, err := s.Service(t.Context(), inventory.ServiceQuery{Connection: "SR-50452171"}) // the second attempt
	if err != nil || got.State != inventory.StateSuspended || got.Suspension.ID != "SUS-50452171-1" || got.Suspension.Reason != inventory.ReasonLoss ||
		got.Technology != inventory.TechnologyLTE || !got.Suspension.Since.Equal(time.Date(2025, 7, 30, 10, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v %v", got, err)
	}
	for connection, want := range map[string]inventory.State{"3057000407": inventory.StateActive, "3057000410": inventory.StateWithdrawn} {
		if got, err := s.Service(t.Context(), inventory.ServiceQuery{Connection: connection}); err != nil || got.State != want || got.Suspension != nil {
			t.Errorf("%s: %+v %v", connection, got, err)
		}
	}
	if _, err := s.Service(t.Context(), inventory.ServiceQuery{Connection: "3057000428"}); !errors.Is(err, problem.NotFound) {
		t.Error(err)
	}
	if got, err := s.Holder(t.Context(), inventory.HolderQuery{Connection: "6012450003"}); err != nil || got != (inventory.Holder{DocumentType: "NIT", DocumentNumber: "900.123.456-7"}) {
		t.Errorf("%+v %v", got, err)
	}
}

// Television, too: each of the four look-ups, and the sandbox means the same by it.
func TestTelevisionAgainstTheSandbox(t *testing.T) {
	t.Parallel()
	s, box := start(t)
	sample := inventory.AccountQuery{Account: "CS-905967"}
	if got, err := s.TelevisionSubscriber(t.Context(), sample); err != nil || got.State != "1" {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := s.TelevisionChannels(t.Context(), sample); err != nil || !slices.Equal(got.Codes, []string{"CAN-HBO", "CAN-FOX", "CAN-BASICO"}) {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := s.TelevisionServices(t.Context(), sample); err != nil || !slices.Equal(got.Codes, []string{"SRV-TIMESHIFT", "SRV-GRABACION"}) {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := s.TelevisionDevices(t.Context(), sample); err != nil || !slices.Equal(got.MACs, []string{"00:1A:2B:3C:4D:5E", "00:1A:2B:3C:4D:5F"}) {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := s.TelevisionDevices(t.Context(), inventory.AccountQuery{Account: "CS-905970"}); err != nil || got.MACs == nil || len(got.MACs) != 0 {
		t.Errorf("%+v %v", got, err)
	}
	for _, account := range []string{"CS-1", "", ".."} {
		if _, err := s.TelevisionChannels(t.Context(), inventory.AccountQuery{Account: account}); !errors.Is(err, problem.NotFound) {
			t.Errorf("%q: %v", account, err)
		}
	}
	for _, test := range []struct {
		fault fault.Fault
		kind  problem.Kind
		code  string
	}{
		{fault.Fault{Kind: fault.Hang}, problem.Timeout, ""},
		{fault.Fault{Kind: fault.Garbage}, problem.BadUpstream, ""},
		{fault.Fault{Kind: fault.Status, Status: 500}, problem.BadUpstream, ""},
		{fault.Fault{Kind: fault.Status, Status: 500, Body: `{"codigo":"MSS-0500","mensaje":"la cuenta CS-905967 de 1026578508"}`}, problem.BadUpstream, inventory.CodeRefused},
		{fault.Fault{Kind: fault.Status, Status: 404, Body: "<html>"}, problem.BadUpstream, ""},
	} {
		test.fault.System, test.fault.Operation, test.fault.Times = "inventory", "television_services", 2
		box.ClearFaults("")
		box.Fault(t, test.fault)
		got, err := s.TelevisionServices(t.Context(), sample)
		if e := problem.Of(err); e == nil || e.Kind != test.kind || e.Code != test.code || got.Codes != nil || strings.Contains(err.Error(), "1026578508") {
			t.Errorf("%s %d: %+v %v", test.fault.Kind, test.fault.Status, got, err)
		}
	}
}
