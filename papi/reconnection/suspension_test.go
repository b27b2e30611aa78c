package reconnection

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"pgregory.net/rapid"

	"puente/contracts/papi/reconnection"
	"puente/contracts/sapi/inventory"
	"puente/contracts/sapi/orders"
	"puente/shared/database/databasetest"
	"puente/shared/problem"
)

func states(t testing.TB, p *process) map[string]int {
	t.Helper()
	rows, err := p.db.Query(context.Background(), `SELECT state, count(*) FROM reconnection.suspensions GROUP BY state`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	got := map[string]int{}
	for rows.Next() {
		var state string
		var n int
		if err := rows.Scan(&state, &n); err != nil {
			t.Fatal(err)
		}
		got[state] = n
	}
	return got
}

// A hundred ask at once, of two processes: one order, and all are told of it.
func TestOneOrderHoweverManyAsk(t *testing.T) {
	for name, does := range map[string]struct {
		order []deed
		want  [2]int // orders, PQRs
	}{
		"order": {nil, [2]int{1, 0}}, "PQR": {[]deed{refuses}, [2]int{0, 1}}, "order found": {[]deed{lostAfter}, [2]int{1, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			p := start(t, w)
			other := w.process(p.db, p.ring, func() {})
			in := w.add("SR-1", inventory.TechnologyLTE, inventory.ReasonLoss)
			w.does(does.order)
			outs := make([]reconnection.Outcome, 100)
			var all sync.WaitGroup
			for i := range outs {
				all.Go(func() {
					var err error
					if outs[i], err = []*process{p, other}[i%2].Reconnect(t.Context(), in); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			if distinct := slices.Compact(outs); len(distinct) != 1 {
				t.Errorf("answers %+v", distinct)
			}
			if made, filed := w.effects(p, "SR-1"); [2]int{made, filed} != does.want {
				t.Errorf("%d orders, %d PQRs", made, filed)
			}
		})
	}
}

// Who goes away does not take the order with it.
func TestCallerGoesAway(t *testing.T) {
	w := newWorld(t)
	p := start(t, w)
	in := w.add("SR-1", inventory.TechnologyLTE, inventory.ReasonLoss)
	ctx, leave := context.WithCancel(t.Context())
	p.orders = leaving{p.orders.(systems), leave}
	if out, err := p.Reconnect(ctx, in); err == nil {
		t.Fatalf("%+v", out)
	}
	p.land()
	if got := states(t, p); got[ordered] != 1 {
		t.Errorf("states %v", got)
	}
}

type leaving struct {
	systems
	leave context.CancelFunc
}

func (l leaving) Reconnect(ctx context.Context, in orders.Reconnection) (orders.Order, error) {
	l.leave()
	if err := ctx.Err(); err != nil {
		return orders.Order{}, err
	}
	return l.systems.Reconnect(ctx, in)
}

// The row of an attempt that is in work belongs to it; once its process must be dead, or it ended
// without an outcome, the systems are asked first, and believed when they had time to settle.
func TestOpenRow(t *testing.T) {
	w := newWorld(t)
	p := start(t, w)
	in := w.add("SR-1", inventory.TechnologyLTE, inventory.ReasonLoss)
	w.does([]deed{lostBefore})
	if out, err := p.Reconnect(t.Context(), in); code(out, err) != "timeout" {
		t.Fatalf("%+v %v", out, err)
	}
	out, err := p.Reconnect(t.Context(), in) // too early to believe that there is none
	if e := problem.Of(err); code(out, err) != "unknown" || e.RetryAfter != p.cfg.Suspension.Settle {
		t.Errorf("%+v %v", out, err)
	}
	if w.called("order") != 1 {
		t.Error("ordered again while nobody knows")
	}
	if _, err := p.db.Exec(t.Context(), `UPDATE reconnection.suspensions SET ends_at = clock_timestamp() + interval '1 minute'`); err != nil {
		t.Fatal(err)
	}
	inquiries := w.called("findOrder")
	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if out, err := p.Reconnect(short, in); code(out, err) != "timeout" {
		t.Errorf("%+v %v", out, err)
	}
	p.land()
	if w.called("findOrder") != inquiries {
		t.Error("asked for an attempt that is in work")
	}
	if _, err := p.db.Exec(t.Context(), `UPDATE reconnection.suspensions SET ends_at = clock_timestamp() - interval '1 minute'`); err != nil {
		t.Fatal(err)
	}
	w.failing["findOrder"] = problem.Unavailable
	if out, err := p.Reconnect(t.Context(), in); code(out, err) != "unavailable" || w.called("order") != 1 {
		t.Errorf("%+v %v", out, err)
	}
	delete(w.failing, "findOrder")
	if out, err := p.Reconnect(t.Context(), in); err != nil || out.Kind != reconnection.KindOrder {
		t.Errorf("%+v %v", out, err)
	}
	if made, filed := w.effects(p, "SR-1"); made != 1 || filed != 0 {
		t.Errorf("%d orders, %d PQRs", made, filed)
	}
}

// The job brings every row to an end, and does nothing else.
func TestResolve(t *testing.T) {
	w := newWorld(t)
	p := start(t, w)
	for connection, does := range map[string][2]deed{
		"SR-1": {actsLate, ""}, "SR-2": {lostBefore, ""}, "SR-3": {refuses, actsLate}, "SR-4": {refuses, fails},
	} {
		w.does([]deed{does[0]}, does[1])
		if out, err := p.Reconnect(t.Context(), w.add(connection, inventory.TechnologyLTE, inventory.ReasonLoss)); err == nil {
			t.Fatalf("%+v", out)
		}
	}
	w.does(nil)
	if err := p.resolve(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := states(t, p); got[ordering] != 2 || got[filing] != 2 {
		t.Errorf("states %v: believed too early", got)
	}
	w.catchUp()
	later(t, p.db)
	if n := testutil.ToFloat64(p.openSuspensions()); n != 4 {
		t.Errorf("gauge %v", n)
	}
	w.failing["findOrder"] = problem.Unavailable
	if err := p.resolve(t.Context()); err == nil {
		t.Error("systems that are away are no error")
	}
	delete(w.failing, "findOrder")
	if err := p.resolve(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := states(t, p); got[ordered] != 1 || got[filed] != 1 || got[abandoned] != 2 {
		t.Errorf("states %v", got)
	}
	if n := testutil.ToFloat64(p.openSuspensions()); n != 0 {
		t.Errorf("gauge %v", n)
	}
	if w.called("order") != 4 || w.called("pqr") != 2 {
		t.Errorf("%d orders, %d PQRs sent: the job acted", w.called("order"), w.called("pqr"))
	}
}

// More rows than a page cannot be resolved; those behind them are, in the same run or the next.
func TestResolveReachesAll(t *testing.T) {
	w := newWorld(t)
	p := start(t, w)
	w.does([]deed{actsLate})
	if out, err := p.Reconnect(t.Context(), w.add("SR-1", inventory.TechnologyLTE, inventory.ReasonLoss)); err == nil {
		t.Fatalf("%+v", out)
	}
	w.catchUp()
	later(t, p.db)
	if _, err := p.db.Exec(t.Context(), `
		INSERT INTO reconnection.suspensions (id, token, reference, state, strategy, correlation, ends_at, updated_at)
		SELECT decode(lpad(to_hex(i), 64, '0'), 'hex'), '\x00', 'poisoned', 'ordering', 'PAYMENT', 'T', now() - interval '2 hours', now() - interval '2 hours'
		FROM generate_series(1, 150) AS i`); err != nil {
		t.Fatal(err)
	}
	p.orders = poisoned{p.orders.(systems)}
	for range 2 {
		if err := p.resolve(t.Context()); err == nil {
			t.Error("rows that cannot be resolved are no error")
		}
	}
	if got := states(t, p); got[ordered] != 1 || got[ordering] != 150 {
		t.Errorf("states %v", got)
	}
}

type poisoned struct{ systems }

func (s poisoned) Reconnection(ctx context.Context, in orders.ReconnectionQuery) (orders.Order, error) {
	if in.Reference == "poisoned" {
		return orders.Order{}, problem.BadUpstream
	}
	return s.systems.Reconnection(ctx, in)
}

// With the database away nothing is ordered: nobody could write it down.
func TestNoOrderWithoutTheTable(t *testing.T) {
	w := newWorld(t)
	p := start(t, w)
	if _, err := p.db.Exec(t.Context(), `ALTER TABLE reconnection.suspensions RENAME TO elsewhere`); err != nil {
		t.Fatal(err)
	}
	if out, err := p.Reconnect(t.Context(), w.add("SR-1", inventory.TechnologyLTE, inventory.ReasonLoss)); err == nil {
		t.Errorf("%+v", out)
	}
	if w.called("order") != 0 {
		t.Error("ordered without a row")
	}
}

// What lies in the tables tells nothing to who reads them.
func TestNothingPersonalAtRest(t *testing.T) {
	w := newWorld(t)
	p := start(t, w)
	w.does([]deed{accepts, refuses})
	for _, connection := range []string{"SR-50452171", "3000000019"} {
		if _, err := p.Reconnect(t.Context(), w.add(connection, inventory.TechnologyFTTH, inventory.ReasonVoluntary)); err != nil {
			t.Fatal(err)
		}
		var found int
		if err := p.db.QueryRow(t.Context(), `SELECT count(*) FROM reconnection.suspensions s
			WHERE s::text LIKE '%' || $1 || '%' OR s::text LIKE '%' || encode($1::bytea, 'hex') || '%' OR s::text LIKE '%' || $2 || '%'`,
			connection, ana.DocumentNumber).Scan(&found); err != nil || found != 0 {
			t.Errorf("%d rows show line or document: %v", found, err)
		}
	}
}

// Whatever the systems and the processes do to however many requests, a suspension ends with one
// order or one PQR, everybody who was told of one was told of this one, and no row stays open.
func TestSuspensionModel(t *testing.T) {
	db := databasetest.New(t, API.Migrations...)
	ring := testRing(t)
	acting := []deed{accepts, unsent, lostBefore, lostAfter, actsLate, garbles, fails, diesBefore, diesAfter, diesLate}
	line := 0
	rapid.Check(t, func(r *rapid.T) {
		line++
		w := newWorld(t)
		connection := fmt.Sprint("SR-", line)
		in := w.add(connection, inventory.TechnologyLTE, rapid.SampledFrom([]inventory.Reason{inventory.ReasonLoss, inventory.ReasonNonPayment}).Draw(r, "reason"))
		living := make([]*replica, 2)
		for i := range living {
			living[i] = w.replica(db, ring)
		}
		var answer *reconnection.Outcome
		check := func(outs []reconnection.Outcome) {
			for i := range outs {
				if outs[i] == (reconnection.Outcome{}) {
					continue
				}
				if answer == nil {
					answer = &outs[i]
				} else if outs[i] != *answer {
					r.Fatalf("answers %+v and %+v", *answer, outs[i])
				}
			}
			if made, filed := w.effects(living[0].process, connection); made+filed > 1 {
				r.Fatalf("%d orders, %d PQRs", made, filed)
			}
		}
		for range rapid.IntRange(1, 4).Draw(r, "rounds") {
			w.billing[connection] = orders.Billing{Settled: rapid.Bool().Draw(r, "settled")}
			w.does(
				rapid.SliceOfN(rapid.SampledFrom(append(acting, refuses, refuses)), 0, 3).Draw(r, "orders"),
				rapid.SliceOfN(rapid.SampledFrom(acting), 0, 3).Draw(r, "register")...)
			for _, operation := range []string{"findOrder", "findPQR"} {
				delete(w.failing, operation)
				if rapid.IntRange(0, 3).Draw(r, operation) == 0 {
					w.failing[operation] = problem.Unavailable
				}
			}
			check(ask(living, in, rapid.IntRange(1, 12).Draw(r, "callers"), 300*time.Millisecond))
			for i := range living {
				if living[i].life.Err() != nil {
					living[i] = w.replica(db, ring)
				}
			}
			if rapid.Bool().Draw(r, "time passes") {
				w.catchUp()
				later(t, db)
			}
			if rapid.Bool().Draw(r, "resolve") {
				_ = living[1].resolve(t.Context())
			}
		}
		w.does(nil)
		clear(w.failing)
		w.catchUp()
		later(t, db)
		if err := living[0].resolve(t.Context()); err != nil {
			r.Fatal(err)
		}
		if got := states(t, living[0].process); got[ordering]+got[filing] != 0 {
			r.Fatalf("states %v", got)
		}
		outs := ask(living, in, 4, sla)
		check(outs)
		if slices.Contains(outs, reconnection.Outcome{}) {
			r.Fatalf("with all well again: %+v", outs)
		}
	})
}

// replica is a process that may die.
type replica struct {
	*process
	life context.Context
}

// ask has callers ask at once, each for a time; it returns when all who live have ended. Who got no
// answer has the zero one.
func ask(living []*replica, in reconnection.Request, callers int, patience time.Duration) []reconnection.Outcome {
	outs := make([]reconnection.Outcome, callers)
	var all sync.WaitGroup
	for i := range outs {
		all.Go(func() {
			p := living[i%len(living)]
			ctx, cancel := context.WithTimeout(p.life, patience)
			defer cancel()
			if out, err := p.Reconnect(ctx, in); err == nil {
				outs[i] = out
			}
		})
	}
	all.Wait()
	for _, p := range living {
		if p.life.Err() == nil {
			p.land()
		}
	}
	return outs
}

// A claim that was written without anybody learning it is written again: it finds itself.
func TestClaimFindsItself(t *testing.T) {
	w := newWorld(t)
	p := start(t, w)
	c := claim{demand: demand{id: [32]byte{1}, reference: "RX-1"}, token: [16]byte{1}, correlation: "C-1", lasts: time.Minute}
	other := c
	other.token = [16]byte{2}
	for _, step := range []struct {
		claim claim
		want  int32
	}{{c, 1}, {c, 1}, {other, 0}} {
		if got, err := p.writeClaims(t.Context(), p.db, []claim{step.claim}); err != nil || got[0] != step.want {
			t.Errorf("attempt %v %v, want %d", got, err, step.want)
		}
	}
}
