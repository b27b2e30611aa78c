package e2e

import (
	"math/rand/v2"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"puente/shared/database/databasetest"
	"puente/test/sandbox"
	"puente/test/sandbox/fault"
	"puente/test/sandbox/tvplatforms"
)

// However often and in whatever step the process is killed: a normalization that was begun comes to its end
// by itself, and then the line is right, each change made once and nothing changed that was right; whoever
// asks again under the same key is told the same.
// The long form kills the process and the system layer of three processes, too.
func TestNormalizationKills(t *testing.T) {
	t.Parallel()
	t.Run("one process", func(t *testing.T) { normalizationKills(t, typed, 0, campaign(1, 20), campaign(1, 40)) })
	if soaking {
		t.Run("papi", func(t *testing.T) { normalizationKills(t, split, 1, 4, 10) })
		t.Run("sapi", func(t *testing.T) { normalizationKills(t, split, 0, 4, 10) })
	}
}

// normalizationKills kills one of a shape's processes so often in each step that can be held from outside,
// and so often at any moment.
func normalizationKills(t *testing.T, s shape, at, held, random int) {
	p := begin(t, s, settings{
		database: asProgram(t, databasetest.New(t).Config().ConnString()),
		more:     "jobs: {lease: 1s}\n", television: "{normalizations: {resume: 1s}}",
		platforms: ", timeout: 8s, attemptTimeout: 8s", // what hangs does so until the kill
	})
	killing, db := p.processes[at], p.connect(t)
	survived := killing != p.processLayer() // who normalizes, when the platforms cannot be reached
	stop := make(chan struct{})
	var load sync.WaitGroup
	all := make([]*normalizer, campaign(4, 8))
	for i := range all {
		n := &normalizer{t: t, caller: p.caller(t), lenient: survived, asked: map[string]tvLine{}, told: map[string]tvResult{}}
		all[i] = n
		load.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					n.ask(n.next())
				}
			}
		})
	}
	end := sync.OnceFunc(func() { close(stop); load.Wait() })
	t.Cleanup(end)
	steps := []step{
		{"before the row", p.beforeTheIntent(db, "tvvalidation.normalizations", "StartNormalization")},
		{"before any change", p.beforeAnyChange},
		{"a change made", p.changeMade},
		{"comparing again", p.comparingAgain},
		{"at any moment", func(testing.TB) func() {
			<-time.After(time.Duration(1+rand.IntN(40)) * 5 * time.Millisecond)
			return func() {}
		}},
	}
	plan := slices.Repeat([]int{0, 1, 2, 3}, held)
	plan = append(plan, slices.Repeat([]int{4}, random)...)
	rand.Shuffle(len(plan), func(i, j int) { plan[i], plan[j] = plan[j], plan[i] })
	killed, interrupted := map[string]int{}, map[string]bool{}
	for _, i := range plan {
		t := of(t, steps[i].name)
		release := steps[i].reach(t)
		killing.kill()
		release()
		running := p.running(t, db)
		if len(running) == 0 && i > 0 && i < 4 && !survived { // what is about to be written may be written too late
			t.Error("no normalization was in work")
		}
		for _, id := range running {
			interrupted[id] = true
		}
		if !soaking {
			p.expire(t, db)
		}
		killing.start(t)
		killed[steps[i].name]++
	}
	end()

	began := time.Now()
	eventually(t, endedWithin, "every normalization has come to an end by itself", func() bool { return len(p.running(t, db)) == 0 })
	ended := time.Since(began)
	rows, lines := p.normalized(t, db), map[tvLine]bool{}
	made, right, partial, open := p.tvChanges(), 0, 0, 0
	for _, n := range all {
		partial += n.partial
		open += len(n.open)
		for id, l := range n.asked {
			if rows[id] != "" && !lines[l] && !survived {
				right++
				p.wantRight(of(t, "by itself"), l, made)
			}
			if rows[id] != "" {
				lines[l] = true
			}
		}
		for l := range n.lines() {
			if did := made[holder{l.technology, l.account}]; did != nil && !lines[l] {
				t.Errorf("%v: changed %v without a row", l, did)
			}
		}
	}

	var again sync.WaitGroup
	for _, n := range all {
		again.Go(func() {
			n.repeat(rows)
			n.insist()
		})
	}
	again.Wait()
	made = p.tvChanges()
	for _, n := range all {
		for l := range n.lines() {
			lines[l] = true
			p.wantRight(t, l, made)
		}
	}
	if len(made) != len(lines) {
		t.Errorf("%d accounts were changed, and asked for %d", len(made), len(lines))
	}
	if partial > 0 && !survived {
		t.Errorf("%d answers had a platform that is not green", partial)
	}
	p.verify(t)
	t.Logf("%d kills, %v, which found %d normalizations in work; %d normalizations of %d lines, %d lines right by themselves, %d answers partial, %d lines asked for again at the end; all ended after %s",
		len(plan), killed, len(interrupted), len(rows), len(lines), right, partial, open, ended.Round(time.Millisecond))
}

// endedWithin is what the process's documentation promises (the time of a normalization, and what a second
// one takes that finishes it), and some time for a busy machine.
const endedWithin = 60 * time.Second

// vendor is any technology's, as operations of the sandbox are named.
func vendor() string { return []string{"ftth_", "hfc_", "iptv_"}[rand.IntN(3)] }

// beforeAnyChange waits until somebody has written his intent and changed nothing yet.
func (p *platform) beforeAnyChange(t testing.TB) func() {
	v := vendor()
	for _, platform := range []string{"services", "subscribers"} {
		p.sandbox.Fault(t, fault.Fault{System: "tvplatforms", Operation: v + platform + "_change", Kind: fault.Hang})
	}
	p.strike(t, fault.Fault{System: "tvplatforms", Operation: v + "channels_change", Kind: fault.Hang})
	return func() { p.sandbox.ClearFaults("tvplatforms") }
}

// changeMade waits until a platform has made a change and not told.
func (p *platform) changeMade(t testing.TB) func() {
	platform := []string{"channels", "services", "subscribers"}[rand.IntN(3)]
	p.strike(t, fault.Fault{System: "tvplatforms", Operation: vendor() + platform + "_change", Kind: fault.HangAfterCommit, Times: 1})
	return func() { p.sandbox.ClearFaults("tvplatforms") }
}

// comparingAgain waits until somebody who made a change asks what came of it. While one change is late,
// the question after it is made to hang; a first question of others' may be struck, too, and hangs until
// the kill.
func (p *platform) comparingAgain(t testing.TB) func() {
	query := vendor() + "channels"
	changing := p.strike(t, fault.Fault{System: "tvplatforms", Operation: query + "_change", Kind: fault.Delay, Delay: time.Second, Times: 1})
	p.sandbox.Fault(t, fault.Fault{System: "tvplatforms", Operation: query, Kind: fault.Hang})
	p.awaitStruck(t, sandbox.Filter{System: "tvplatforms", Operation: query, Correlation: changing.CorrelationID, After: changing.Number}, fault.Hang)
	return func() { p.sandbox.ClearFaults("tvplatforms") }
}

// running are the normalizations that are in work, or were when their process died.
func (p *platform) running(t testing.TB, db *pgx.Conn) []string {
	t.Helper()
	rows, err := db.Query(t.Context(), `select id::text from tvvalidation.normalizations where state = 'RUNNING'`)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// expire lets the time be over of every normalization that was in work when the only process died: the
// short form does not wait for that. What the process had sent to the database is done first.
func (p *platform) expire(t testing.TB, db *pgx.Conn) {
	t.Helper()
	eventually(t, within, "the dead process's sessions are over", func() bool {
		var others bool
		err := db.QueryRow(t.Context(), `select exists (select from pg_stat_activity
			where datname = current_database() and application_name = $1 and pid <> pg_backend_pid())`, program).Scan(&others)
		if err != nil {
			t.Fatal(err)
		}
		return !others
	})
	if _, err := db.Exec(t.Context(), `update tvvalidation.normalizations set ends_at = clock_timestamp() where state = 'RUNNING'`); err != nil {
		t.Fatal(err)
	}
}

// normalized are the ids of the normalizations that were begun, by the correlation that each was asked for
// under.
func (p *platform) normalized(t testing.TB, db *pgx.Conn) map[string]string {
	t.Helper()
	rows, err := db.Query(t.Context(), `select correlation, id::text, state from tvvalidation.normalizations`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	ids := map[string]string{}
	for rows.Next() {
		var correlation, id, state string
		if err := rows.Scan(&correlation, &id, &state); err != nil {
			t.Fatal(err)
		}
		if ids[correlation] != "" || state != "DONE" {
			t.Errorf("%s: %s is %s, beside %q", correlation, id, state, ids[correlation])
		}
		ids[correlation] = id
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return ids
}

// astray is what the platforms have of a line that drifted in all but its set-top boxes; rightened is what
// makes it right.
var (
	astray    = tvplatforms.Setting{State: ptr("0"), Channels: []string{"HBO", "STAR", "BASICO"}, Services: []string{}}
	rightened = []string{"ADD FOX", "ADD TIMESHIFT", "REMOVE STAR", "STATE 1"}
)

// wantRight holds what the platforms have of a line against the inventory, and what they did against what
// it lacked.
func (p *platform) wantRight(t testing.TB, l tvLine, made map[holder][]string) {
	t.Helper()
	h, _ := p.sandbox.TVPlatforms.Holding(l.technology, l.account)
	if h.State != "1" || !slices.Equal(slices.Sorted(slices.Values(h.Channels)), []string{"BASICO", "FOX", "HBO"}) || !slices.Equal(h.Services, []string{"TIMESHIFT"}) || !slices.Equal(h.Devices, boxesThere) {
		t.Errorf("%v: the platforms have %+v", l, h)
	}
	if did := made[holder{l.technology, l.account}]; !slices.Equal(did, rightened) {
		t.Errorf("%v: changed %v", l, did)
	}
}

// normalizer is a caller with the lines that he wants right, and what he was told.
type normalizer struct {
	t       testing.TB
	caller  *caller
	lenient bool // the platforms or the inventory may be out of reach
	open    []normalizing
	failed  bool                // the last time that he asked
	asked   map[string]tvLine   // by correlation
	told    map[string]tvResult // by correlation
	partial int                 // answers that were not green everywhere
}

// normalizing is a line, and the correlation that it is asked for under.
type normalizing struct {
	line        tvLine
	correlation string
}

// lines are those that he asked for.
func (n *normalizer) lines() map[tvLine]bool {
	all := map[tvLine]bool{}
	for _, l := range n.asked {
		all[l] = true
	}
	return all
}

// next is a line that nobody said is right yet, under the same correlation or another, or a new one. Those
// whose process died take long, and not all of the time goes to them.
func (n *normalizer) next() normalizing {
	often := 4 // of twelve
	if n.failed {
		often = 9
	}
	if len(n.open) > 0 && rand.IntN(12) < often {
		i := rand.IntN(len(n.open))
		one := n.open[i]
		n.open = slices.Delete(n.open, i, i+1)
		if rand.IntN(2) == 0 {
			one.correlation = n.caller.correlation()
		}
		return one
	}
	p := n.caller.p
	one := normalizing{p.newTV(n.t, strings.ToUpper(strings.TrimSuffix(vendor(), "_"))), n.caller.correlation()}
	p.drift(n.t, one.line, astray)
	return one
}

// try asks under a correlation.
func (n *normalizer) try(one normalizing, headers ...string) (answer, error) {
	n.asked[one.correlation] = one.line
	body := inEnvelope(n.caller.system, one.correlation, text(members{"Phone": one.line.phone}))
	return n.caller.try(http.MethodPost, normalizeTVPath, body, append([]string{"X-System-Name", "", "X-Deadline-Ms", "1500"}, headers...)...)
}

// ask asks once, and keeps the line where it is not told to be right.
func (n *normalizer) ask(one normalizing) {
	a, err := n.try(one)
	var r tvResult
	if err == nil && a.status != http.StatusServiceUnavailable {
		r = resultOf(n.t, a)
	}
	n.failed = r.code != "OK_01"
	switch {
	case !n.failed:
		n.note(one, r)
		if len(r.semaphores()) == 0 {
			return
		}
		n.partial++
		one.correlation = n.caller.correlation()
	case !n.lenient && !slices.Contains([]string{"", "ERROR_05", "ERROR_10"}, r.code):
		n.t.Errorf("refused: %d %s", a.status, a.body)
	}
	n.open = append(n.open, one)
	if n.failed {
		<-time.After(50 * time.Millisecond) // until the process is there again
	}
}

// note keeps what was told under a correlation, which is always the same.
func (n *normalizer) note(one normalizing, r tvResult) {
	if before, ok := n.told[one.correlation]; ok && !reflect.DeepEqual(before, r) {
		n.t.Errorf("%s was told %+v, and then %+v", one.correlation, before, r)
	}
	n.told[one.correlation] = r
}

// repeat asks again under the correlations of the normalizations that were begun. Under another
// idempotency key the edge does not know them, and the process tells.
func (n *normalizer) repeat(rows map[string]string) {
	for id, l := range n.asked {
		if _, ok := n.told[id]; rows[id] == "" && !ok {
			continue
		}
		one := normalizing{l, id}
		a, err := n.try(one, "Idempotency-Key", "again-"+id)
		if err != nil {
			n.t.Error(err)
			continue
		}
		r := resultOf(n.t, a)
		if n.note(one, r); a.status != 200 || r.code != "OK_01" || r.id != rows[id] {
			n.t.Errorf("%s is %q: repeated %d %s", id, rows[id], a.status, a.body)
		}
	}
}

// insist asks for the lines that are not told to be right until they are.
func (n *normalizer) insist() {
	for _, one := range n.open {
		eventually(n.t, within, "the line is right", func() bool {
			one.correlation = n.caller.correlation()
			a, err := n.try(one)
			if err != nil {
				n.t.Error(err)
				return false
			}
			r := resultOf(n.t, a)
			return r.code == "OK_01" && len(r.semaphores()) == 0
		})
	}
}
