package tvvalidation

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"puente/contracts/papi/tvvalidation"
	"puente/contracts/sapi/tvplatforms"
	"puente/shared/database"
)

// However many ask, under how many keys, of how many processes: a platform is told once.
func TestOneAtATime(t *testing.T) {
	for name, keys := range map[string]int{"one key": 1, "a key each": 40} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.sample()
			p := start(t, w)
			other := w.process(t, p.db, p.ring)
			outs := make([]tvvalidation.Normalization, 40)
			var all sync.WaitGroup
			for i := range outs {
				all.Go(func() {
					var err error
					if outs[i], err = []*process{p, other}[i%2].Normalize(t.Context(), keyed(fmt.Sprint(i%keys))); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			ids := map[string]bool{}
			for _, out := range outs {
				ids[out.ID] = true
				if after(out) != "GGGG" || out.State != tvvalidation.NormalizationDone {
					t.Errorf("%+v", out)
				}
			}
			if len(ids) != keys || len(w.changes) != 1 {
				t.Errorf("%d normalizations, changes %v", len(ids), w.changes)
			}
		})
	}
}

func TestPruneNormalizations(t *testing.T) {
	w, p := crashed(t)
	l := w.lines[phone]
	l.Account, l.Connection = "CS-2", "6012450002"
	w.lines[l.Connection] = l
	for _, key := range []string{"2", "3"} {
		in := keyed(key)
		in.Connection = l.Connection
		if _, err := p.Normalize(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.db.Exec(t.Context(), `update tvvalidation.normalizations set created_at = created_at - interval '91 days'
		where id in (select id from tvvalidation.normalizations order by created_at limit 2)`); err != nil {
		t.Fatal(err)
	}
	if err := p.prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := rows(t, p.db); got != "RUNNING DONE" {
		t.Errorf("rows %s", got)
	}
}

// A comparison made before another one acted says nothing of what there is to be done.
func TestComparedBeforeAnotherActed(t *testing.T) {
	w := newWorld(t)
	w.sample()
	p := start(t, w)
	other := w.process(t, p.db, p.ring)
	p.now = func() func() time.Time { // between the comparison and the row
		var once sync.Once
		return func() time.Time {
			if w.called("SERVICES") == 1 {
				once.Do(func() {
					if out, err := other.Normalize(context.Background(), keyed("2")); err != nil || after(out) != "GGGG" {
						t.Errorf("%+v %v", out, err)
					}
				})
			}
			return instant(time.Now())
		}
	}()
	out, err := p.Normalize(t.Context(), keyed("1"))
	if err != nil || before(out) != "GGGG" || did(out) != "" || len(w.changes) != 1 {
		t.Errorf("%+v %v, changes %v", out, err, w.changes)
	}
}

// A key is as good as new when those who used it have forgotten it.
func TestKeyOfLongAgo(t *testing.T) {
	w := newWorld(t)
	w.sample()
	p := start(t, w)
	first, err := p.Normalize(t.Context(), keyed("1"))
	if err != nil {
		t.Fatal(err)
	}
	later(t, p.db, bound+time.Hour)
	w.hold(tvplatforms.PlatformSubscribers, "2")
	second, err := p.Normalize(t.Context(), keyed("1"))
	if err != nil || second.ID == first.ID || before(second) != "GGGR" || after(second) != "GGGG" {
		t.Errorf("%+v %v", second, err)
	}
	if again, err := p.Normalize(t.Context(), keyed("1")); err != nil || again.ID != second.ID {
		t.Errorf("%+v %v", again, err)
	}
	if found, err := p.QueryNormalization(t.Context(), tvvalidation.IDQuery{ID: first.ID}); err != nil || !reflect.DeepEqual(found, first) {
		t.Errorf("found %+v %v", found, err)
	}
}

// A normalization in work is waited for where the clock says that another one is the newest.
func TestRunningIsNotTheNewest(t *testing.T) {
	w := newWorld(t)
	w.sample()
	p := start(t, w)
	if _, err := p.Normalize(t.Context(), keyed("1")); err != nil {
		t.Fatal(err)
	}
	w.hold(tvplatforms.PlatformSubscribers, "2")
	other := w.process(t, p.db, p.ring)
	entered, goOn := make(chan struct{}), make(chan struct{})
	w.then["change SUBSCRIBERS"] = func() { close(entered); <-goOn }
	var all sync.WaitGroup
	all.Go(func() {
		if out, err := other.Normalize(t.Context(), keyed("2")); err != nil || after(out) != "GGGG" {
			t.Errorf("%+v %v", out, err)
		}
	})
	<-entered
	if _, err := p.db.Exec(t.Context(), `update tvvalidation.normalizations set created_at = clock_timestamp() + interval '2 seconds' where state = 'DONE'`); err != nil {
		t.Fatal(err)
	}
	asked := w.called("service")
	if _, err := p.Normalize(within(t, 300*time.Millisecond), keyed("3")); code(err) != "timeout" {
		t.Errorf("%v", err)
	}
	if again := w.called("service") - asked; again != 1 {
		t.Errorf("asked the inventory %d times", again)
	}
	close(goOn)
	all.Wait()
}

// Who waits for another one waits no longer than its time, and is served all the same.
func TestAnotherInWork(t *testing.T) {
	w := newWorld(t)
	w.sample()
	p := start(t, w)
	other := w.process(t, p.db, p.ring)
	entered, goOn := make(chan struct{}), make(chan struct{})
	w.then["change SERVICES"] = func() { close(entered); <-goOn }
	var all sync.WaitGroup
	all.Go(func() {
		if out, err := other.Normalize(t.Context(), keyed("1")); err != nil || after(out) != "GGGG" {
			t.Errorf("%+v %v", out, err)
		}
	})
	<-entered
	for range 2 {
		if out, err := p.Normalize(within(t, 100*time.Millisecond), keyed("2")); code(err) != "timeout" {
			t.Errorf("%+v %v", out, err)
		}
	}
	if out, err := p.QueryNormalization(t.Context(), tvvalidation.IDQuery{ID: running(t, p.db)}); err != nil || out.State != tvvalidation.NormalizationRunning || did(out) != "+UHD:P -OTT:P" || after(out) != "none" {
		t.Errorf("%+v %v", out, err)
	}
	dry := keyed("3")
	dry.DryRun = true
	if out, err := p.Normalize(t.Context(), dry); err != nil || out.State != tvvalidation.NormalizationPlanned {
		t.Errorf("a dry run waits: %+v %v", out, err)
	}
	close(goOn)
	all.Wait()
	if out, err := p.Normalize(t.Context(), keyed("2")); err != nil || before(out) != "GGGG" || len(w.changes) != 1 {
		t.Errorf("%+v %v", out, err)
	}
}

func running(t testing.TB, db *database.DB) (id string) {
	t.Helper()
	if err := db.QueryRow(context.Background(), `select id::text from tvvalidation.normalizations where state = 'RUNNING'`).Scan(&id); err != nil {
		t.Fatal(err)
	}
	return id
}
