package inbound

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"puente/papi/subscription/lifecycle"
	"puente/shared/problem"
)

// poison has the database refuse, with a code, to change the line's subscriptions.
func (w *world) poison(code string) {
	w.t.Helper()
	w.exec(`CREATE FUNCTION subscription.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '` + code + `'; END $$`)
	w.exec(fmt.Sprintf(`CREATE TRIGGER refuse BEFORE UPDATE ON subscription.subscriptions FOR EACH ROW WHEN (old.line_id = %d) EXECUTE FUNCTION subscription.refuse()`, w.line()))
}

func (w *world) heal() { w.t.Helper(); w.exec(`DROP FUNCTION subscription.refuse CASCADE`) }

// An item that cannot be done does not hold up the others, and what it asks for is done once it can be.
func TestAPoisonedItemBlocksNobodyAndIsNotLost(t *testing.T) {
	w := newWorld(t)
	good, bad := "56900000001", "56900000002"
	w.number = good
	w.subscribe(lifecycle.Active, 1)
	w.number = bad
	w.subscribe(lifecycle.Active, 1)
	w.poison("XX000")
	w.center.add(w.text("8888", "SALIR TODO"))
	w.number = good
	w.center.add(w.text("8888", "SALIR"))
	if err := w.Work(t.Context()); err == nil || w.states() != "1:CANCELLED" || w.center.waiting() != 1 {
		t.Fatalf("%v, %s, %d wait", err, w.states(), w.center.waiting())
	}
	for n := 2; n < w.cfg.Attempts; n++ {
		if err := w.Work(t.Context()); err == nil || w.center.waiting() != 1 {
			t.Fatalf("attempt %d: %v, %d wait", n, err, w.center.waiting())
		}
	}
	w.work() // puts it aside
	if w.counted("message", resultPutAside) != 1 || w.counted("message", resultFailed) != w.cfg.Attempts-1 || len(w.failures) != 0 {
		t.Errorf("%d, %d, %v", w.counted("message", resultPutAside), w.counted("message", resultFailed), w.failures)
	}
	again := func(want string) {
		t.Helper()
		if err := w.Again(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := w.states(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	w.number = bad
	w.heal()
	again("1:ACTIVE") // it was tried a moment ago
	w.poison("XX000")
	w.clock = w.clock.Add(w.cfg.Again + time.Second)
	again("1:ACTIVE")
	w.heal()
	again("1:ACTIVE")
	w.clock = w.clock.Add(w.cfg.Again + time.Second)
	again("1:CANCELLED")
	if w.notices() != "subscription.ended" || w.messages() != "message.cancelled" {
		t.Errorf("%s, %s", w.notices(), w.messages())
	}
	w.subscribe(lifecycle.Active, 1)
	w.clock = w.clock.Add(w.cfg.Again + time.Second)
	again("1:CANCELLED 1:ACTIVE") // it is done
}

// A subscription that this process cannot read, for it has not heard of its product yet, is not one that is not
// there: its user is not told that there is nothing to end, and is not forgotten.
func TestASubscriptionThatCannotBeReadIsNotDenied(t *testing.T) {
	w := newWorld(t)
	w.subscribe(lifecycle.Active, 1, 2)
	load := func() {
		t.Helper()
		if err := w.catalogue.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	w.exec(`CREATE TABLE subscription.away AS SELECT * FROM subscription.catalogue WHERE kind = 'Product' AND id = '1'`)
	w.exec(`DELETE FROM subscription.catalogue WHERE kind = 'Product' AND id = '1'`)
	load()
	w.write("8888", "SALIR MUSICA") // names one that is there
	if w.states() != "1:ACTIVE 2:CANCELLED" || w.messages() != "message.cancelled" {
		t.Errorf("%s, %s", w.states(), w.messages())
	}
	w.center.add(w.text("8888", "SALIR JUEGOS")) // whose keyword is not known, either
	for n := 1; n < w.cfg.Attempts; n++ {
		if err := w.Work(t.Context()); err == nil || w.center.waiting() != 1 {
			t.Fatalf("attempt %d: %v, %d wait", n, err, w.center.waiting())
		}
	}
	w.work()
	if w.states() != "1:ACTIVE 2:CANCELLED" || w.messages() != "message.cancelled" || w.counted("message", resultPutAside) != 1 {
		t.Errorf("%s, %s, %d put aside", w.states(), w.messages(), w.counted("message", resultPutAside))
	}
	w.exec(`INSERT INTO subscription.catalogue SELECT * FROM subscription.away`)
	load()
	w.clock = w.clock.Add(w.cfg.Again + time.Second)
	if err := w.Again(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w.states() != "1:CANCELLED 2:CANCELLED" || w.notices() != "subscription.ended subscription.ended" {
		t.Errorf("%s, %s", w.states(), w.notices())
	}
}

// Nor is one whose number cannot be read. One that was erased is known again by who writes.
func TestASubscriptionWithoutANumberIsNotDenied(t *testing.T) {
	w := newWorld(t)
	w.subscribe(lifecycle.Active, 1)
	w.exec(`UPDATE subscription.lines SET msisdn = 'nothing that opens'`)
	w.center.add(w.text("8888", "SALIR"))
	if err := w.Work(t.Context()); err == nil || w.center.waiting() != 1 || w.messages() != "" {
		t.Errorf("%v, %d wait, %s", err, w.center.waiting(), w.messages())
	}
	w.exec(`UPDATE subscription.lines SET msisdn = ''`)
	w.work()
	if w.states() != "1:CANCELLED" || w.messages() != "message.cancelled" {
		t.Errorf("%s, %s", w.states(), w.messages())
	}
}

// What was put aside does not end what began after it, and is not answered; nor is it tried for ever.
func TestWhatWasPutAsideIsOld(t *testing.T) {
	w := newWorld(t)
	w.subscribe(lifecycle.Active, 1)
	w.poison("XX000")
	w.center.add(w.text("8888", "SALIR"))
	for n := 1; n < w.cfg.Attempts; n++ {
		if w.Work(t.Context()) == nil {
			t.Fatal("it did not fail")
		}
	}
	w.work()
	w.heal()
	w.exec(`UPDATE subscription.subscriptions SET state = 'CANCELLED', cancelled_at = $1, due_at = NULL`, w.clock)
	w.clock = w.clock.Add(time.Minute)
	w.subscribe(lifecycle.Active, 1)
	w.clock = w.clock.Add(w.cfg.GiveUp)
	if err := w.Again(t.Context()); err != nil || w.counted("message", resultNoneActive) != 0 {
		t.Errorf("%v, it was tried after it was given up", err)
	}
	w.clock = noon.Add(2 * w.cfg.Again)
	if err := w.Again(t.Context()); err != nil || w.counted("message", resultNoneActive) != 1 {
		t.Errorf("%v, it was not tried", err)
	}
	if w.states() != "1:CANCELLED 1:ACTIVE" || w.messages() != "" {
		t.Errorf("%s, %s", w.states(), w.messages())
	}
}

// While the database is away nothing is anybody's fault: nothing is put aside or acknowledged.
func TestADatabaseThatIsAwayPoisonsNothing(t *testing.T) {
	w := newWorld(t)
	w.subscribe(lifecycle.Active, 1)
	w.poison("53300")
	w.center.add(w.text("8888", "SALIR"), w.text("8888", "hola"))
	for range 2 * w.cfg.Attempts {
		if err := w.Work(t.Context()); !errors.Is(err, problem.Unavailable) {
			t.Fatal(err)
		}
	}
	if w.center.waiting() != 2 || len(w.failures) != 0 {
		t.Errorf("%d wait, %v", w.center.waiting(), w.failures)
	}
	w.heal()
	w.work()
	if w.states() != "1:CANCELLED" {
		t.Error(w.states())
	}
}
