package enrolment

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	contract "puente/contracts/papi/subscription"
	"puente/shared/problem"
)

// The quota of a number and of an address holds under parallel requests, and no SMS goes beyond it.
func TestInvariant13ParallelRequests(t *testing.T) {
	for name, test := range map[string]struct {
		most int
		in   func(i int) contract.FlowRequest
	}{
		"per number": {3, func(i int) contract.FlowRequest {
			in := wanting([]int64{weekly, free, oneShot}[i%3], msisdn)
			in.Address = fmt.Sprintf("198.51.100.%d", i)
			return in
		}},
		"per address": {20, func(i int) contract.FlowRequest {
			in := wanting(weekly, numbered(i))
			in.Address = fmt.Sprintf("2001:db8::%d", i) // one network
			return in
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			var started atomic.Int32
			var all sync.WaitGroup
			for i := range 60 {
				all.Go(func() {
					_, err := w.StartFlow(t.Context(), test.in(i))
					switch p := problem.Of(err); {
					case err == nil:
						started.Add(1)
					case p.Kind != problem.Quota || p.Code != contract.CodePINQuota || p.RetryAfter != time.Hour:
						t.Error(err)
					}
				})
			}
			all.Wait()
			if int(started.Load()) != test.most || w.pins() != test.most || w.count("SELECT count(*) FROM subscription.pins") != test.most {
				t.Errorf("%d flows, %d messages, of %d", started.Load(), w.pins(), test.most)
			}
			w.restart()
			w.pass(time.Hour - time.Second)
			_, err := w.StartFlow(t.Context(), test.in(0))
			wantError(t, err, problem.Quota, contract.CodePINQuota)
			w.pass(time.Second)
			if _, err := w.StartFlow(t.Context(), test.in(0)); err != nil {
				t.Error(err)
			}
		})
	}
}

// In no hour more than three, in no day more than ten; resent ones count.
func TestInvariant13InAnyHourAndDay(t *testing.T) {
	w := newWorld(t)
	var sent []time.Time
	for range 60 {
		if flow, err := w.StartFlow(t.Context(), wanting(weekly, msisdn)); err == nil {
			sent = append(sent, w.at)
			w.pass(time.Minute)
			if _, err := w.ResendPIN(t.Context(), contract.FlowQuery{ID: flow.ID}); err == nil {
				sent = append(sent, w.at)
			}
		}
		w.pass(34 * time.Minute)
	}
	if len(sent) != w.pins() || len(sent) < 15 {
		t.Fatalf("%d were sent", len(sent))
	}
	for i, at := range sent {
		if i >= 3 && at.Sub(sent[i-3]) < time.Hour || i >= 10 && at.Sub(sent[i-10]) < 24*time.Hour {
			t.Errorf("too many by %v: %v", at, sent)
		}
	}
}

// Five PINs that died in a day lock the line for a day, also over a restart.
func TestInvariant13FiveDeadPINs(t *testing.T) {
	w := newWorld(t)
	for i := range 5 {
		flow := w.start([]int64{weekly, free}[i%2], msisdn)
		pin := w.pin()
		for range 3 {
			w.refused(flow, wrong(pin))
		}
		w.pass(4 * time.Hour)
	}
	w.restart()
	_, err := w.StartFlow(t.Context(), wanting(weekly, msisdn))
	wantError(t, err, problem.Quota, contract.CodePINQuota)
	if wait := problem.Of(err).RetryAfter; wait != 20*time.Hour {
		t.Errorf("wait %v", wait)
	}
	w.pass(20*time.Hour - time.Second)
	if err := w.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = w.StartFlow(t.Context(), wanting(weekly, msisdn))
	wantError(t, err, problem.Quota, contract.CodePINQuota)
	w.start(weekly, numbered(3)) // another line is not locked
	w.enriched(weekly, msisdn)   // who needs no PIN is not kept out by those who guess
	w.pass(time.Second)
	w.start(weekly, msisdn)
}

// Flows by header send no PIN, and are bounded all the same: per line in an hour and in a day, and per address. A
// handle is used up by a refusal.
func TestFlowsByHeaderAreBounded(t *testing.T) {
	t.Run("of a line", func(t *testing.T) {
		w := newWorld(t)
		midnight := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
		w.at = midnight
		for range headerHourly {
			w.enriched(weekly, msisdn)
		}
		in := w.minted(free, msisdn)
		w.pass(30 * time.Second)
		_, err := w.StartFlow(t.Context(), in)
		wantError(t, err, problem.Quota, contract.CodePINQuota)
		if wait := problem.Of(err).RetryAfter; wait != time.Hour-30*time.Second {
			t.Errorf("wait %v", wait)
		}
		if n := w.count("SELECT count(*) FROM subscription.flows"); n != headerHourly {
			t.Errorf("%d flows", n)
		}
		w.start(free, msisdn) // by PIN it is another count
		w.enriched(weekly, numbered(3))
		w.restart()
		w.at = midnight.Add(time.Hour)
		for range headerDaily - headerHourly {
			w.enriched(weekly, msisdn)
		}
		w.at = midnight.Add(2 * time.Hour)
		_, err = w.StartFlow(t.Context(), w.minted(weekly, msisdn))
		wantError(t, err, problem.Quota, contract.CodePINQuota)
		if wait := problem.Of(err).RetryAfter; wait != 22*time.Hour {
			t.Errorf("wait %v", wait)
		}
		w.at = midnight.Add(24 * time.Hour)
		w.enriched(weekly, msisdn)
	})
	t.Run("of an address, in parallel", func(t *testing.T) {
		w := newWorld(t)
		requests := make([]contract.FlowRequest, headerByAddress+8)
		for i := range requests {
			requests[i] = w.minted(weekly, numbered(i))
		}
		var started atomic.Int32
		var all sync.WaitGroup
		for _, in := range requests {
			all.Go(func() {
				_, err := w.StartFlow(t.Context(), in)
				switch p := problem.Of(err); {
				case err == nil:
					started.Add(1)
				case p.Kind != problem.Quota || p.Code != contract.CodePINQuota:
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := started.Load(); n != headerByAddress {
			t.Errorf("%d flows", n)
		}
	})
}
