package tvvalidation

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"puente/contracts/papi/tvvalidation"
	"puente/contracts/sapi/tvplatforms"
	"puente/shared/database"
	"puente/shared/database/databasetest"
)

func keyed(key string) tvvalidation.NormalizationRequest {
	return tvvalidation.NormalizationRequest{Key: key, Connection: phone}
}

func before(n tvvalidation.Normalization) string {
	return lights(n.Channels.Before, n.Services.Before, n.Devices.Before, n.Subscriber.Before)
}

func after(n tvvalidation.Normalization) string {
	all := ""
	for _, c := range corrections(&n) {
		if c.After == nil {
			return "none"
		}
		all += lights(*c.After)
	}
	return all
}

// did is all actions: +ADD -REMOVE =SET, and the first letter of what became of each.
func did(n tvvalidation.Normalization) string {
	var all []string
	signs := map[tvvalidation.ActionKind]string{tvvalidation.ActionAdd: "+", tvvalidation.ActionRemove: "-", tvvalidation.ActionSet: "="}
	for _, c := range corrections(&n) {
		for _, a := range c.Actions {
			all = append(all, signs[a.Kind]+a.Item+":"+string(a.State[0]))
		}
	}
	return strings.Join(all, " ")
}

// rows are the states of the normalizations.
func rows(t testing.TB, db *database.DB) (states string) {
	t.Helper()
	if err := db.QueryRow(context.Background(), `select coalesce(string_agg(state, ' ' order by created_at), '') from tvvalidation.normalizations`).Scan(&states); err != nil {
		t.Fatal(err)
	}
	return states
}

// later lets the time of all runs be over, for as long as that.
func later(t testing.TB, db *database.DB, d time.Duration) {
	t.Helper()
	if _, err := db.Exec(context.Background(), `update tvvalidation.normalizations set ends_at = clock_timestamp() - $1::interval, created_at = created_at - $1::interval`, d); err != nil {
		t.Fatal(err)
	}
}

func TestNormalize(t *testing.T) {
	w := newWorld(t)
	w.sample()
	w.hold(tvplatforms.PlatformDevices, "001a.2b3c.4d5e", "aa:bb:cc:dd:ee:ff")
	w.hold(tvplatforms.PlatformSubscribers, "2")
	p := start(t, w)
	max := as(t.Context(), "chatbot", "MAX")
	first, err := p.Normalize(max, keyed("1"))
	if err != nil {
		t.Fatal(err)
	}
	if first.State != tvvalidation.NormalizationDone || first.EndedAt == nil || before(first) != "GRRR" || after(first) != "GGGG" || did(first) != "+UHD:D -OTT:D -AABBCCDDEEFF:D =1:D" {
		t.Errorf("%+v", first)
	}
	slices.SortFunc(w.changes, func(a, b tvplatforms.Change) int { return strings.Compare(string(a.Platform), string(b.Platform)) })
	if want := []tvplatforms.Change{
		{Technology: "FTTH", Platform: "DEVICES", Account: account, Add: []string{}, Remove: []string{"aa:bb:cc:dd:ee:ff"}},
		{Technology: "FTTH", Platform: "SERVICES", Account: account, Add: []string{"UHD"}, Remove: []string{"OTT"}},
		{Technology: "FTTH", Platform: "SUBSCRIBERS", Account: account, Add: []string{"1"}, Remove: []string{"2"}},
	}; !reflect.DeepEqual(w.changes, want) {
		t.Errorf("changes %+v", w.changes)
	}
	if again, err := p.Normalize(max, keyed("1")); err != nil || !reflect.DeepEqual(again, first) {
		t.Errorf("repeated: %+v %v\nwant %+v", again, err, first)
	}
	dry := keyed("1")
	dry.DryRun = true
	for name, in := range map[string]tvvalidation.NormalizationRequest{"dry run": dry, "other connection": {Key: "1", Connection: "6012450002"}} {
		if _, err := p.Normalize(max, in); code(err) != "conflict" {
			t.Errorf("%s under a used key: %v", name, err)
		}
	}
	second, err := p.Normalize(as(t.Context(), "chatbot", "MiETB"), keyed("1")) // another's key
	if err != nil || second.ID == first.ID || before(second) != "GGGG" || after(second) != "GGGG" || did(second) != "" || len(w.changes) != 3 {
		t.Errorf("%+v %v", second, err)
	}
	if found, err := p.QueryNormalization(max, tvvalidation.IDQuery{ID: first.ID}); err != nil || !reflect.DeepEqual(found, first) {
		t.Errorf("found %+v %v", found, err)
	}
	for _, query := range []tvvalidation.IDQuery{{ID: second.ID}, {ID: "1"}} {
		if _, err := p.QueryNormalization(max, query); code(err) != "not_found" {
			t.Errorf("%s: %v", query.ID, err)
		}
	}
	if got := rows(t, p.db); got != "DONE DONE" {
		t.Errorf("rows %s", got)
	}
	var found int
	if err := p.db.QueryRow(t.Context(), `select count(*) from tvvalidation.normalizations n where n::text ~ 'CS-905967|6012450001|AABBCC'
		or n::text like '%' || encode($1::bytea, 'hex') || '%'`, account).Scan(&found); err != nil || found != 0 {
		t.Errorf("%d rows show the line: %v", found, err)
	}
	for outcome, want := range map[string]float64{"corrected": 2, "noop": 1} {
		if n := testutil.ToFloat64(p.metrics.normalizations.WithLabelValues("FTTH", outcome)); n != want {
			t.Errorf("%s: %v", outcome, n)
		}
	}
	for name, in := range map[string]tvvalidation.NormalizationRequest{"no key": {Connection: phone}, "no connection": {Key: "1"}} {
		if _, err := p.Normalize(max, in); code(err) != "invalid" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDryRun(t *testing.T) {
	w := newWorld(t)
	w.sample()
	p := start(t, w)
	in := keyed("1")
	in.DryRun = true
	first, err := p.Normalize(t.Context(), in)
	if err != nil || first.State != tvvalidation.NormalizationPlanned || before(first) != "GRGG" || after(first) != "none" || did(first) != "+UHD:P -OTT:P" || first.EndedAt == nil {
		t.Errorf("%+v %v", first, err)
	}
	w.hold(tvplatforms.PlatformServices)
	if again, err := p.Normalize(t.Context(), in); err != nil || !reflect.DeepEqual(again, first) {
		t.Errorf("repeated: %+v %v", again, err)
	}
	if len(w.changes) > 0 {
		t.Error("a dry run changed something")
	}
}

// What the second comparison sees counts, whatever a platform said of the change.
func TestActionStates(t *testing.T) {
	db, ring := databasetest.New(t, API.Migrations...), testRing(t)
	for name, c := range map[string]struct {
		change        deed
		second        deed
		after, did    string
		otherFails    bool
		changesToMake int
	}{
		"done":               {well, well, "GGGG", "+UHD:D -OTT:D", false, 1},
		"refused":            {refuses, well, "GRGG", "+UHD:F -OTT:F", false, 0},
		"panicked":           {panics, well, "GRGG", "+UHD:F -OTT:F", false, 0},
		"hung":               {hangs, well, "GRGG", "+UHD:F -OTT:F", false, 0},
		"done all the same":  {acts, well, "GGGG", "+UHD:D -OTT:D", false, 1},
		"not asked again":    {well, fails, "GYGG", "+UHD:U -OTT:U", false, 1},
		"another not asked":  {well, well, "YGGG", "+UHD:D -OTT:D", true, 1},
		"nobody asked again": {well, ignores, "GYGG", "+UHD:U -OTT:U", false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.sample()
			p := w.process(t, db, ring)
			p.patience = time.Second
			w.set("change SERVICES", c.change)
			w.next["SERVICES"] = []deed{well, c.second}
			if c.otherFails { // what differs there is not touched, for nobody knows it
				w.hold(tvplatforms.PlatformChannels)
				w.set("CHANNELS", fails)
			}
			out, err := p.Normalize(t.Context(), keyed(name))
			if err != nil || out.State != tvvalidation.NormalizationDone || after(out) != c.after || did(out) != c.did {
				t.Errorf("%s %s %v", after(out), did(out), err)
			}
			if len(w.changes) != c.changesToMake || w.called("change SERVICES") != 1 || w.called("change CHANNELS") != 0 {
				t.Errorf("changes %v", w.changes)
			}
		})
	}
}

// What is refused leaves nothing behind: the same key may be used again.
func TestNormalizeRefused(t *testing.T) {
	w := newWorld(t)
	w.sample()
	p := start(t, w)
	for _, platform := range platforms {
		w.set(string(platform), fails)
	}
	if _, err := p.Normalize(t.Context(), keyed("1")); code(err) != "ERROR_19" {
		t.Errorf("%v", err)
	}
	w.set("service", fails)
	if _, err := p.Normalize(t.Context(), keyed("1")); code(err) != "ERROR_07" {
		t.Errorf("%v", err)
	}
	if got := rows(t, p.db); got != "" {
		t.Errorf("rows %s", got)
	}
	clear(w.does)
	if out, err := p.Normalize(t.Context(), keyed("1")); err != nil || after(out) != "GGGG" {
		t.Errorf("%+v %v", out, err)
	}
	for outcome, want := range map[string]float64{"ERROR_19": 1, "ERROR_07": 1} {
		if n := testutil.ToFloat64(p.metrics.normalizations.WithLabelValues("none", outcome)); n != want {
			t.Errorf("%s: %v", outcome, n)
		}
	}
}

// Who goes away, or has no time, does not take the changes with it.
func TestNormalizeCallerGoesAway(t *testing.T) {
	w := newWorld(t)
	w.sample()
	p := start(t, w)
	ctx, leave := context.WithCancel(t.Context())
	gone := make(chan struct{})
	w.then["change SERVICES"] = func() { leave(); <-gone }
	_, err := p.Normalize(ctx, keyed("1"))
	close(gone)
	if code(err) != "timeout" {
		t.Fatalf("%v", err)
	}
	if out, err := p.Normalize(t.Context(), keyed("1")); err != nil || before(out) != "GRGG" || after(out) != "GGGG" {
		t.Errorf("%+v %v", out, err)
	}
	p.flights.Wait()
	if len(w.changes) != 1 || rows(t, p.db) != "DONE" {
		t.Errorf("changes %v, rows %s", w.changes, rows(t, p.db))
	}
}

// With the database away nothing is changed: nobody could write it down.
func TestNoChangeWithoutTheTable(t *testing.T) {
	w := newWorld(t)
	w.sample()
	p := start(t, w)
	w.then["SERVICES"] = func() {
		if _, err := p.db.Exec(context.Background(), `alter table tvvalidation.normalizations rename to elsewhere`); err != nil {
			t.Error(err)
		}
	}
	if out, err := p.Normalize(t.Context(), keyed("1")); err == nil || len(w.changes) != 0 {
		t.Errorf("%+v %v", out, w.changes)
	}
}

// Who leaves before anything was begun has nothing begun.
func TestNothingBegunForNobody(t *testing.T) {
	w := newWorld(t)
	w.sample()
	p := start(t, w)
	ctx, leave := context.WithCancel(t.Context())
	w.then["SERVICES"] = leave
	if _, err := p.Normalize(ctx, keyed("1")); code(err) != "timeout" {
		t.Errorf("%v", err)
	}
	p.flights.Wait()
	if rows(t, p.db) != "" || len(w.changes) != 0 {
		t.Errorf("rows %s, changes %v", rows(t, p.db), w.changes)
	}
}
