package enrolment

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	contract "puente/contracts/papi/subscription"
	"puente/shared/problem"
)

func (w *world) refused(flow contract.Flow, pin string) {
	w.t.Helper()
	_, err := w.ConfirmFlow(w.t.Context(), confirmation(flow, pin))
	wantError(w.t, err, problem.Rejected, contract.CodePINWrong)
}

// After three wrong PINs the right one is refused, also by a process that starts then.
func TestInvariant12ThreeTries(t *testing.T) {
	w := newWorld(t)
	flow := w.start(weekly, msisdn)
	pin := w.pin()
	w.refused(flow, wrong(pin))
	w.refused(flow, "")
	w.restart()
	w.refused(flow, wrong(pin))
	w.refused(flow, pin)
	_, err := w.ResendPIN(t.Context(), contract.FlowQuery{ID: flow.ID})
	wantError(t, err, problem.Conflict, contract.CodeFlowEnded)
	if w.query(flow).State != contract.EnrolmentEnded || w.count("SELECT count(*) FROM subscription.consents") != 0 || w.charged() != 0 {
		t.Error("the flow goes on")
	}
	w.pass(flowLife)
	w.refused(flow, pin)
}

// A right PIN after two wrong ones is right, and then used.
func TestInvariant12SingleUse(t *testing.T) {
	w := newWorld(t)
	flow := w.start(weekly, msisdn)
	pin := w.pin()
	w.refused(flow, wrong(pin))
	w.refused(flow, wrong(pin))
	if got := w.agrees(flow, " "+pin+"\n"); got.State != contract.EnrolmentActive {
		t.Errorf("%+v", got)
	}
	for _, p := range []string{pin, wrong(pin)} {
		_, err := w.ConfirmFlow(t.Context(), confirmation(flow, p))
		wantError(t, err, problem.Conflict, contract.CodeFlowEnded)
	}
	next := w.start(weekly, msisdn)
	if w.pin() != pin { // else it is right by chance
		w.refused(next, pin)
	}
	if w.charged() != 1 {
		t.Errorf("%d charges", w.charged())
	}
}

func TestInvariant12Expires(t *testing.T) {
	w := newWorld(t)
	flow := w.start(weekly, msisdn)
	first := w.pin()
	w.pass(pinLife)
	w.refused(flow, first)
	if _, err := w.ResendPIN(t.Context(), contract.FlowQuery{ID: flow.ID}); err != nil {
		t.Fatal(err)
	}
	if second := w.pin(); second != first {
		w.refused(flow, first)
	}
	if got := w.agrees(flow, w.pin()); got.State != contract.EnrolmentActive {
		t.Errorf("%+v", got)
	}
	if c := w.consentOf(flow); c.PIN != 2 {
		t.Errorf("PIN %d", c.PIN)
	}
}

// A PIN is not valid for another flow, number or product, also where the row of one is put in place of
// that of the other.
func TestInvariant12BoundToItsRequest(t *testing.T) {
	w := newWorld(t)
	type begun struct {
		flow contract.Flow
		pin  string
	}
	var all []begun
	for _, of := range []contract.FlowRequest{wanting(weekly, msisdn), wanting(free, msisdn), wanting(weekly, numbered(7))} {
		flow, err := w.StartFlow(t.Context(), of)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, begun{flow, w.pin()})
	}
	for i, mine := range all {
		for j, other := range all {
			if i != j && mine.pin != other.pin {
				w.refused(mine.flow, other.pin)
			}
		}
	}
	w.exec("UPDATE subscription.pins p SET mac = o.mac, tries = 0 FROM subscription.pins o WHERE p.flow_id = $1 AND o.flow_id = $2", all[0].flow.ID, all[1].flow.ID)
	w.refused(all[0].flow, all[1].pin)
	if got := w.agrees(all[2].flow, all[2].pin); got.State != contract.EnrolmentActive {
		t.Errorf("%+v", got)
	}
}

// Of 200 parallel guesses over two processes three are looked at.
func TestInvariant12ParallelGuesses(t *testing.T) {
	for round := range 3 {
		w := newWorld(t)
		flow := w.start(weekly, msisdn)
		pin := w.pin()
		one := w.Flows
		w.restart()
		two := w.Flows
		var right, refused atomic.Int32
		var all sync.WaitGroup
		for i := range 200 {
			guess := wrong(pin)
			if i%40 == 20+round {
				guess = pin
			}
			all.Go(func() {
				f := one
				if i%2 == 0 {
					f = two
				}
				_, err := f.ConfirmFlow(t.Context(), confirmation(flow, guess))
				switch {
				case err == nil:
					right.Add(1)
				case errors.Is(err, problem.Rejected) || errors.Is(err, problem.Conflict):
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		tries, state := w.count("SELECT tries FROM subscription.pins"), "dead"
		if right.Load() == 1 {
			state = "used"
			tries++
		}
		if right.Load() > 1 || right.Load()+refused.Load() != 200 || tries > 3 || state == "dead" && tries != 3 ||
			w.count("SELECT count(*) FROM subscription.pins WHERE state = $1", state) != 1 {
			t.Errorf("%d were right, %d refused, %d looked at", right.Load(), refused.Load(), tries)
		}
		if w.charged() != int(right.Load()) {
			t.Errorf("%d charges", w.charged())
		}
	}
}

// Whoever goes away while a guess is looked at has used a try.
func TestInvariant12CancelledGuess(t *testing.T) {
	w := newWorld(t)
	flow := w.start(weekly, msisdn)
	pin := w.pin()
	tx, err := w.DB.Begin(t.Context()) // it keeps the guess waiting
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	if _, err := tx.Exec(t.Context(), "SELECT FROM subscription.flows FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	guessed := make(chan error)
	go func() {
		_, err := w.ConfirmFlow(ctx, confirmation(flow, wrong(pin)))
		guessed <- err
	}()
	for w.count("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") == 0 {
		if t.Context().Err() != nil {
			t.Fatal("nobody waits")
		}
	}
	cancel()
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantError(t, <-guessed, problem.Rejected, contract.CodePINWrong)
	if n := w.count("SELECT tries FROM subscription.pins"); n != 1 {
		t.Errorf("%d tries count", n)
	}
}

func TestResend(t *testing.T) {
	w := newWorld(t)
	flow := w.start(weekly, msisdn)
	first := w.pin()
	w.refused(flow, wrong(first))
	w.pass(59 * time.Second)
	_, err := w.ResendPIN(t.Context(), contract.FlowQuery{ID: flow.ID})
	wantError(t, err, problem.Quota, contract.CodePINQuota)
	if wait := problem.Of(err).RetryAfter; wait != time.Second {
		t.Errorf("wait %v", wait)
	}
	w.pass(time.Second)
	again, err := w.ResendPIN(t.Context(), contract.FlowQuery{ID: flow.ID})
	want := flow
	want.ResendAt = w.at.Add(time.Minute)
	if err != nil || !again.ExpiresAt.Equal(flow.ExpiresAt) || !again.ResendAt.Equal(want.ResendAt) || again.Masked != flow.Masked || again.Amount != 990 {
		t.Errorf("%+v, %v", again, err)
	}
	second := w.pin()
	if second != first {
		w.refused(flow, first)
	}
	w.pass(time.Minute)
	var sent atomic.Int32
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := w.ResendPIN(t.Context(), contract.FlowQuery{ID: flow.ID}); err == nil {
				sent.Add(1)
			}
		})
	}
	all.Wait()
	if sent.Load() != 1 || w.pins() != 3 {
		t.Errorf("%d of 20 at once were sent", sent.Load())
	}
	w.pass(time.Minute)
	_, err = w.ResendPIN(t.Context(), contract.FlowQuery{ID: flow.ID}) // the fourth in an hour
	wantError(t, err, problem.Quota, contract.CodePINQuota)
	if got := w.agrees(flow, w.pin()); got.State != contract.EnrolmentActive {
		t.Errorf("%+v", got)
	}
}

// The digits stand nowhere: neither in a row nor in an error.
func TestDigitsAreNotKept(t *testing.T) {
	w := newWorld(t)
	flow := w.start(weekly, msisdn)
	w.agrees(flow, w.pin())
	for _, table := range []string{"flows", "pins", "consents", "lines"} {
		var text string
		if err := w.DB.QueryRow(t.Context(), "SELECT coalesce(string_agg(encode(convert_to(r::text, 'UTF8'), 'escape'), ' '), '') FROM subscription."+table+" r").Scan(&text); err != nil || text == "" {
			t.Fatal(table, err)
		}
		for _, s := range []string{w.pin(), msisdn, fmt.Sprintf("%x", msisdn), fmt.Sprintf("%x", w.pin()), fmt.Sprintf("%x", address)} {
			if len(s) > 6 && strings.Contains(text, s) || len(s) == 6 && table == "pins" && strings.Contains(text, "\""+s+"\"") {
				t.Errorf("%s holds %s", table, s)
			}
		}
	}
}

// A PIN has as many digits as configured, leading zeros included.
func TestPINDigits(t *testing.T) {
	for _, n := range []int{leastPIN, mostPIN} {
		w := newWorld(t)
		w.cfg.PINDigits = n
		w.restart()
		flow := w.start(weekly, msisdn)
		pin := w.pin()
		if len(pin) != n || strings.Trim(pin, "0123456789") != "" {
			t.Errorf("%q has not %d digits", pin, n)
		}
		w.refused(flow, pin[1:])
		if got := w.agrees(flow, pin); got.State != contract.EnrolmentActive {
			t.Errorf("%+v", got)
		}
	}
	zeros := 0
	for range 400 { // one in ten does
		pin, err := drawPIN(leastPIN)
		if err != nil || len(pin) != leastPIN {
			t.Fatal(pin, err)
		}
		if pin[0] == '0' {
			zeros++
		}
	}
	if zeros == 0 {
		t.Error("no PIN begins with a zero")
	}
	for _, n := range []int{leastPIN - 1, mostPIN + 1} {
		cfg := Defaults()
		cfg.PINDigits = n
		if err := cfg.Validate(); err == nil || err.Error() != "pinDigits: must be from 4 to 8" {
			t.Errorf("%d digits: %v", n, err)
		}
	}
}
