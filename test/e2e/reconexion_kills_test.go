package e2e

import (
	"context"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"puente/test/sandbox"
	"puente/test/sandbox/fault"
)

// However often and in whatever step the process is killed: a suspension has at most one order or one
// PQR, never both; what was begun comes to an end by itself, and whoever asks again is told of it; each
// request that was answered has its record.
// The long form kills the process and the system layer of three processes, too.
func TestReconnectionKills(t *testing.T) {
	t.Parallel()
	t.Run("one process", func(t *testing.T) { reconnectionKills(t, typed, 0, campaign(1, 40), campaign(2, 100)) })
	if soaking {
		t.Run("papi", func(t *testing.T) { reconnectionKills(t, split, 1, 5, 15) })
		t.Run("sapi", func(t *testing.T) { reconnectionKills(t, split, 0, 5, 15) })
	}
}

// reconnectionKills kills one of a shape's processes so often in each step that can be held from
// outside, and so often at any moment.
func reconnectionKills(t *testing.T, s shape, at, held, random int) {
	p := begin(t, s, settings{more: "jobs: {lease: 1s}\n"})
	killing, db := p.processes[at], p.connect(t)
	stop := make(chan struct{})
	var load sync.WaitGroup
	all := make([]*wishes, 12)
	for i := range all {
		w := &wishes{t: t, caller: p.caller(t), told: map[line]reply{}}
		all[i] = w
		load.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					w.ask(w.next())
				}
			}
		})
	}
	end := sync.OnceFunc(func() { close(stop); load.Wait() })
	t.Cleanup(end)
	steps := []step{
		{"before the intent", p.beforeTheIntent(db, "reconnection.suspensions", "")},
		{"order received", p.struck("orders", fault.Hang)},
		{"order made", p.struck("orders", fault.HangAfterCommit)},
		{"PQR received", p.struck("pqr", fault.Hang)},
		{"PQR made", p.struck("pqr", fault.HangAfterCommit)},
		{"at any moment", func(testing.TB) func() {
			<-time.After(time.Duration(1+rand.IntN(40)) * 5 * time.Millisecond)
			return func() {}
		}},
	}
	plan := slices.Repeat([]int{0, 1, 2, 3, 4}, held)
	plan = append(plan, slices.Repeat([]int{5}, random)...)
	rand.Shuffle(len(plan), func(i, j int) { plan[i], plan[j] = plan[j], plan[i] })
	killed := map[string]int{}
	for _, i := range plan {
		release := steps[i].reach(of(t, steps[i].name))
		killing.kill()
		release()
		killing.start(t)
		killed[steps[i].name]++
	}
	end()

	began := time.Now()
	eventually(t, resolvedWithin, "every suspension has come to an end by itself", func() bool {
		var open int
		if err := db.QueryRow(t.Context(), `select count(*) from reconnection.suspensions where state in ('ordering', 'filing')`).Scan(&open); err != nil {
			t.Fatal(err)
		}
		return open == 0
	})
	resolved := time.Since(began)
	p.agreed(t, db)
	again, lines := 0, 0
	for _, w := range all {
		again += len(w.open)
		for _, one := range w.open {
			w.told[one.line] = replyOf(t, w.caller.insist(t, one.line))
		}
	}
	filed := p.agreed(t, db)
	for _, w := range all {
		lines += len(w.told)
		for l, want := range w.told {
			if filed[l.phone] != want {
				t.Errorf("%s was told %+v, and filed is %+v", l.phone, want, filed[l.phone])
			}
		}
	}
	for id, want := range p.witness.answers() {
		var got []int
		for _, r := range atEdge(p.audited(t, id)) {
			got = append(got, r.Status)
		}
		for _, status := range want { // records of requests that nobody saw the answer of are there, too
			if !slices.Contains(got, status) {
				t.Errorf("%s: answered %v, the audit has %v", id, want, got)
			}
		}
	}
	p.verify(t)
	t.Logf("%d kills, %v; %d lines, %d of them asked for again at the end; all resolved after %s", len(plan), killed, lines, again, resolved.Round(time.Millisecond))
}

// resolvedWithin is what the process's documentation promises once the systems answer, and some time
// for a busy machine.
const resolvedWithin = 45 * time.Second

// step is a moment of a reconnection in which it is held from outside. reach returns once a request is
// there; what it returns lets go.
type step struct {
	name  string
	reach func(testing.TB) (release func())
}

// connect connects to the platform's database.
func (p *platform) connect(t *testing.T) *pgx.Conn {
	t.Helper()
	db, err := pgx.Connect(t.Context(), p.settings.database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close(t.Context()) })
	return db
}

// beforeTheIntent holds whoever is about to write an intent into a table, by a statement that has that in
// its text. It may still succeed after its process died.
func (p *platform) beforeTheIntent(db *pgx.Conn, table, statement string) func(testing.TB) func() {
	return func(t testing.TB) func() {
		tx, err := db.Begin(t.Context())
		if err == nil {
			_, err = tx.Exec(t.Context(), `lock table `+table+` in exclusive mode`)
		}
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, within, "somebody waits for the lock", func() bool {
			var waiting bool
			_, err := tx.Exec(t.Context(), `select pg_stat_clear_snapshot()`) // else a transaction sees the statements of its first look
			if err != nil {
				t.Fatal(err)
			}
			err = tx.QueryRow(t.Context(), `select exists (select from pg_locks join pg_stat_activity using (pid)
				where relation = $1::text::regclass and not granted and strpos(query, $2) > 0)`, table, statement).Scan(&waiting)
			if err != nil {
				t.Fatal(err)
			}
			return waiting
		})
		return func() {
			if err := tx.Rollback(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
}

// struck waits until a fault of that kind has struck a system that was told to file something.
func (p *platform) struck(system string, kind fault.Kind) func(testing.TB) func() {
	return func(t testing.TB) func() {
		p.strike(t, fault.Fault{System: system, Operation: "create", Kind: kind, Times: 1})
		return func() { p.sandbox.ClearFaults(system) }
	}
}

// strike sets a fault, and returns the first request that it has struck.
func (p *platform) strike(t testing.TB, f fault.Fault) sandbox.Request {
	t.Helper()
	filter := sandbox.Filter{System: f.System, Operation: f.Operation}
	if last := p.sandbox.Requests(sandbox.Filter{Limit: 1}); len(last) > 0 {
		filter.After = last[0].Number
	}
	p.sandbox.Fault(t, f)
	return p.awaitStruck(t, filter, f.Kind)
}

// awaitStruck waits until a fault of that kind has struck one of the requests.
func (p *platform) awaitStruck(t testing.TB, filter sandbox.Filter, kind fault.Kind) sandbox.Request {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	struck := func(one sandbox.Request) bool { return one.Fault == kind }
	found, err := p.sandbox.Await(ctx, filter, func(r []sandbox.Request) bool { return slices.ContainsFunc(r, struck) })
	if err != nil {
		t.Fatal(err)
	}
	return found[slices.IndexFunc(found, struck)]
}

// wish is a line that a caller wants reconnected, and the correlation that he asks under.
type wish struct {
	line        line
	correlation string
}

// wishes are what a caller wants, and what he was told.
type wishes struct {
	t      testing.TB
	caller *caller
	open   []wish
	told   map[line]reply
}

// next is a wish that was not fulfilled yet, under the same correlation or another, or a new one.
func (w *wishes) next() wish {
	const many = 4
	if n := len(w.open); n > many || n > 0 && rand.IntN(2) == 0 {
		i := rand.IntN(len(w.open))
		one := w.open[i]
		w.open = slices.Delete(w.open, i, i+1)
		if rand.IntN(2) == 0 {
			one.correlation = w.caller.correlation()
		}
		return one
	}
	one, p := wish{correlation: w.caller.correlation()}, w.caller.p
	switch rand.IntN(4) {
	case 0:
		one.line = p.newLine(w.t, "MORA", owes)
	case 1:
		one.line = p.newLine(w.t, "ROBO", refusesOrders)
	default:
		one.line = p.newLine(w.t, "ROBO")
	}
	return one
}

// ask asks once, and keeps the wish where it is not fulfilled. Nothing may refuse it.
func (w *wishes) ask(one wish) {
	a, err := w.caller.try(http.MethodPost, reconexionPath, inEnvelope(w.caller.system, one.correlation, one.line.body()), "X-Deadline-Ms", "1500")
	if err != nil || a.status == http.StatusServiceUnavailable {
		w.open = append(w.open, one)
		<-time.After(20 * time.Millisecond) // until the process is there again
		return
	}
	switch r := replyOf(w.t, a); r.code {
	case "OK_01":
		w.told[one.line] = r
	case "ERROR_05", "ERROR_10":
		w.open = append(w.open, one)
	default:
		w.t.Errorf("refused: %d %s", a.status, a.body)
	}
}

// agreed checks each row of suspensions against what the operator's systems did, and returns that by
// connection.
func (p *platform) agreed(t testing.TB, db *pgx.Conn) map[string]reply {
	t.Helper()
	filed, references, suspensions := map[string]reply{}, map[string]reply{}, map[string]bool{}
	note := func(connection, reference, suspension string, r reply) {
		if suspensions[suspension] || references[reference] != (reply{}) {
			t.Errorf("a second one for %s: %+v", suspension, r)
		}
		suspensions[suspension], references[reference], filed[connection] = true, r, r
	}
	for _, o := range p.sandbox.Orders.Orders() {
		note(o.Connection, o.Reference, o.Suspension, reply{"OK_01", o.Number, o.CUN, ""})
	}
	for _, c := range p.sandbox.PQR.Cases() {
		note(c.Connection, c.Reference, c.Suspension, reply{"OK_01", "", c.CUN, c.Number})
	}
	rows, err := db.Query(t.Context(), `select reference, state, order_number, cun, pqr_number from reconnection.suspensions`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var reference, state string
		got := reply{code: "OK_01"}
		if err := rows.Scan(&reference, &state, &got.order, &got.cun, &got.pqr); err != nil {
			t.Fatal(err)
		}
		if state == "abandoned" {
			got.code = ""
		}
		if got != references[reference] {
			t.Errorf("%s is %s with %+v, and filed is %+v", reference, state, got, references[reference])
		}
		delete(references, reference)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if len(references) > 0 {
		t.Errorf("filed without an intent: %v", references)
	}
	return filed
}
