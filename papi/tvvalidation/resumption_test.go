package tvvalidation

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"puente/contracts/papi/tvvalidation"
	"puente/contracts/sapi/inventory"
	"puente/contracts/sapi/tvplatforms"
	"puente/shared/database/databasetest"
)

// Whatever a process did when it died, another one finishes it: the job, who repeats the request, or who
// asks for the same account.
func TestCrash(t *testing.T) {
	for name, c := range map[string]struct {
		dies   func(*world)
		begun  bool // its row is there
		before string
	}{
		"looking at the inventory":     {func(w *world) { w.next["devices"] = []deed{dies} }, false, "GRGR"},
		"in the first comparison":      {func(w *world) { w.next["CHANNELS"] = []deed{dies} }, false, "GRGR"},
		"before a change":              {func(w *world) { w.next["change SERVICES"] = []deed{dies} }, true, "GRGR"},
		"after a change":               {func(w *world) { w.next["change SERVICES"] = []deed{diesOn} }, true, "GRGR"},
		"in the second comparison":     {func(w *world) { w.next["DEVICES"] = []deed{well, dies} }, true, "GRGR"},
		"with the inventory different": {func(w *world) { w.next["change SERVICES"] = []deed{dies}; w.then["change SERVICES"] = w.newServices }, true, "GRGR"},
	} {
		for _, by := range []string{"job", "same key", "other key"} {
			t.Run(name+", finished by "+by, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				w.sample()
				w.hold(tvplatforms.PlatformSubscribers, "2")
				db, ring := databasetest.New(t, API.Migrations...), testRing(t)
				dead := w.process(t, db, ring)
				dead.patience, dead.worktime = time.Hour, 2*time.Hour // it never gets so far
				c.dies(w)
				ctx, leave := context.WithCancel(t.Context())
				var asking sync.WaitGroup
				asking.Go(func() {
					if _, err := dead.Normalize(ctx, keyed("1")); err == nil {
						t.Error("the dead answered")
					}
				})
				<-dead.platforms.(systems).dead
				leave()
				asking.Wait()
				if got := rows(t, db); c.begun && got != "RUNNING" || !c.begun && got != "" {
					t.Fatalf("rows %q", got)
				}
				p := w.process(t, db, ring)
				if err := p.resume(t.Context()); err != nil || c.begun && rows(t, db) != "RUNNING" {
					t.Fatalf("taken over too early: %v", err)
				}
				later(t, db, 2*time.Minute)
				if c.begun && testutil.ToFloat64(p.overdue()) != 1 {
					t.Error("not counted")
				}
				switch by {
				case "job":
					if err := p.resume(t.Context()); err != nil {
						t.Fatal(err)
					}
				case "other key":
					if out, err := p.Normalize(t.Context(), keyed("2")); err != nil || after(out) != "GGGG" {
						t.Fatalf("%+v %v", out, err)
					}
				}
				out, err := p.Normalize(t.Context(), keyed("1"))
				if err != nil || after(out) != "GGGG" || out.State != tvvalidation.NormalizationDone || c.begun && before(out) != c.before {
					t.Errorf("before %s, after %s, %v", before(out), after(out), err)
				}
				if strings.Contains(did(out), ":P") {
					t.Errorf("actions %s", did(out))
				}
				if v, err := p.Validate(t.Context(), sample); err != nil || verified(v) != "GGGG" {
					t.Errorf("%s %v", verified(v), err)
				}
				if n := w.called("change CHANNELS") + w.called("change DEVICES"); n != 0 {
					t.Error("what was green was changed")
				}
				if testutil.ToFloat64(p.overdue()) != 0 {
					t.Error("counted")
				}
			})
		}
	}
}

// newServices has the inventory change its mind.
func (w *world) newServices() {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.lines[phone]
	l.services = []string{"SRV-4K"}
	w.lines[phone] = l
}

// crashed is a world in which a process died in its change of services, and another process.
func crashed(t *testing.T) (*world, *process) {
	w := newWorld(t)
	w.sample()
	dead := start(t, w)
	dead.patience, dead.worktime = time.Hour, 2*time.Hour
	w.next["change SERVICES"] = []deed{dies}
	ctx, leave := context.WithCancel(t.Context())
	var asking sync.WaitGroup
	asking.Go(func() { _, _ = dead.Normalize(ctx, keyed("1")) })
	<-dead.platforms.(systems).dead
	leave()
	asking.Wait()
	later(t, dead.db, time.Second)
	return w, w.process(t, dead.db, dead.ring)
}

// A line that is no more, or has another account, is not changed any more.
func TestTakenOverTooLate(t *testing.T) {
	for name, change := range map[string]func(*line){
		"withdrawn":     func(l *line) { l.State = inventory.StateWithdrawn },
		"other account": func(l *line) { l.Account = "CS-2" },
	} {
		t.Run(name, func(t *testing.T) {
			w, p := crashed(t)
			l := w.lines[phone]
			change(&l)
			w.lines[phone] = l
			if err := p.resume(t.Context()); err != nil {
				t.Fatal(err)
			}
			out, err := p.Normalize(t.Context(), keyed("1"))
			if err != nil || after(out) != "YYYY" || did(out) != "+UHD:U -OTT:U" || len(w.changes) != 0 {
				t.Errorf("%+v %v", out, err)
			}
		})
	}
}

// While the inventory is away nothing is given up at once.
func TestTakenOverWithoutInventory(t *testing.T) {
	w, p := crashed(t)
	w.set("subscriber", fails)
	if err := p.resume(t.Context()); code(err) != "ERROR_09" || rows(t, p.db) != "RUNNING" {
		t.Errorf("%v, rows %s", err, rows(t, p.db))
	}
	if _, err := p.Normalize(t.Context(), keyed("1")); code(err) != "ERROR_09" { // at once: nobody works at it
		t.Errorf("%v", err)
	}
	later(t, p.db, giveUp)
	if err := p.resume(t.Context()); err != nil || rows(t, p.db) != "DONE" || len(w.changes) != 0 {
		t.Errorf("%v, rows %s", err, rows(t, p.db))
	}
	clear(w.does)
	if out, err := p.Normalize(t.Context(), keyed("2")); err != nil || after(out) != "GGGG" {
		t.Errorf("%+v %v", out, err)
	}
}

// A row that nobody can open does not keep its account busy.
func TestTakenOverUnreadable(t *testing.T) {
	w, p := crashed(t)
	if _, err := p.db.Exec(t.Context(), `update tvvalidation.normalizations set result = '\x00'`); err != nil {
		t.Fatal(err)
	}
	if err := p.resume(t.Context()); err == nil {
		t.Error("it is no error")
	}
	if out, err := p.Normalize(t.Context(), keyed("2")); err != nil || after(out) != "GGGG" || len(w.changes) != 1 {
		t.Errorf("%+v %v", out, err)
	}
}

// A process that was held up finds that another one took its work over, and tells nothing of its own.
func TestHeldUp(t *testing.T) {
	w := newWorld(t)
	w.sample()
	p := start(t, w)
	other := w.process(t, p.db, p.ring)
	w.then["change SERVICES"] = func() {
		later(t, p.db, time.Second)
		if err := other.resume(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if out, err := p.Normalize(t.Context(), keyed("1")); code(err) != "unknown" {
		t.Errorf("%+v %v", out, err)
	}
	if out, err := p.Normalize(t.Context(), keyed("1")); err != nil || after(out) != "GGGG" {
		t.Errorf("%+v %v", out, err)
	}
}

// A job that is told to stop leaves the row to the next one.
func TestResumeStopped(t *testing.T) {
	w, p := crashed(t)
	ctx, stop := context.WithCancel(t.Context())
	w.then["change SERVICES"] = stop
	if err := p.resume(ctx); err == nil || rows(t, p.db) != "RUNNING" {
		t.Errorf("%v, rows %s", err, rows(t, p.db))
	}
	later(t, p.db, time.Second)
	if err := p.resume(t.Context()); err != nil || rows(t, p.db) != "DONE" {
		t.Errorf("%v, rows %s", err, rows(t, p.db))
	}
}
