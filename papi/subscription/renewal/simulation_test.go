package renewal

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"puente/contracts/sapi/carrierbilling"
	"puente/contracts/sapi/subscriber"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/charging"
	"puente/papi/subscription/period"
	"puente/papi/subscription/sql"
	"puente/shared/config"
	"puente/shared/database"
	"puente/shared/database/databasetest"
	"puente/shared/problem"
)

// Two schedulers renew subscriptions over months, with an operator that does what it likes, processes that die at
// any step, users who leave while they are charged, and a directory that is away at times. What the operator's
// ledger and the tables then show is held against the invariants of §12.
//
// PUENTE_TEST_SEED and PUENTE_TEST_DAYS make a run of one's own.
func TestInvariants1And3And4And5And6And7And22And25(t *testing.T) {
	days := 40
	if n, err := strconv.Atoi(os.Getenv("PUENTE_TEST_DAYS")); err == nil {
		days = n
	}
	for _, begin := range []string{
		"2026-01-29 09:00:00", // ends of months, and in April the end of summer time
		"2028-02-25 09:00:00", // 29 February
		"2026-08-20 09:00:00", // in September the day of 23 hours
	} {
		t.Run(begin[:10], func(t *testing.T) {
			t.Parallel()
			seed := rand.Uint64()
			if n, err := strconv.ParseUint(os.Getenv("PUENTE_TEST_SEED"), 10, 64); err == nil {
				seed = n
			}
			t.Log("seed", seed)
			simulate(t, begin, days, seed)
		})
	}
}

const dayCap = 2000

type simulation struct {
	*world
	t      *testing.T
	random *rand.Rand // guarded by mu: calls come from several goroutines
	rmu    sync.Mutex
	ids    []int64
	calm   atomic.Bool // nothing goes wrong any more

	omu  sync.Mutex
	open map[string]string // by key, the TxID of an attempt whose outcome nobody knows
}

func simulate(t *testing.T, begin string, days int, seed uint64) {
	db := databasetest.New(t, migrations)
	w := newWorld(t, db, begin)
	w.caps = charging.Caps{Day: map[string]int64{"CLP": dayCap}}
	s := &simulation{world: w, t: t, random: rand.New(rand.NewPCG(seed, 1)), open: map[string]string{}}
	w.operator.does, w.operator.during = s.does, s.during
	w.product(100, catalogue.Day, 400)
	w.product(101, catalogue.Week, 990, func(p *catalogue.ProductSpec) { p.RenewalMessage = true })
	w.product(102, catalogue.Month, 1500, func(p *catalogue.ProductSpec) { p.NoReminder = false })
	w.product(103, catalogue.Day, 0)
	for n := range 16 {
		for product, agreed := range map[int64]int64{100: 400, 101: 900, 102: 1500, 103: 0} {
			if product == 103 && n > 3 {
				continue
			}
			back := time.Duration(s.roll(30*24*60)) * time.Minute
			if product == 100 || product == 103 {
				back = time.Duration(s.roll(24*60)) * time.Minute
			}
			s.ids = append(s.ids, w.subscribe(n, product, agreed, w.now().Add(-back)))
		}
	}
	end := w.now().AddDate(0, 0, days)
	for w.now().Before(end) {
		s.step()
	}
	s.calmDown()
	s.check(end)
}

// roll is a number below n.
func (s *simulation) roll(n int) int {
	s.rmu.Lock()
	defer s.rmu.Unlock()
	return s.random.IntN(n)
}

// does says what becomes of a call: how things go for a line changes by the week.
func (s *simulation) does(o carrierbilling.Order) deed {
	line, _ := strconv.Atoi(o.MSISDN[3:])
	poor := (line+int(s.now().Unix()/(7*24*3600)))%4 == 0
	switch n := s.roll(100); {
	case s.calm.Load() && poor:
		return declines
	case s.calm.Load():
		return charges
	case n < 5:
		return lostAfter
	case n < 9:
		return lostBefore
	case n < 12:
		return refuses
	case n < 15:
		return unavailable
	case poor && n < 90 || n < 22:
		return declines
	}
	return charges
}

// during is invariants 3 and 4 at the moment of the call: the intention is there, with its consent, and nothing
// else of its key is open. Now and then the user leaves.
func (s *simulation) during(o carrierbilling.Order) {
	var key, state string
	var id int64
	var consented bool
	err := s.db.QueryRow(context.Background(), `select c.key, s.id, s.state, o.given_at < c.opened_at and o.line_id = s.line_id and o.product_id = s.product_id
		from subscription.attempts a join subscription.charges c on c.id = a.charge_id join subscription.subscriptions s on s.id = c.subscription_id
		left join subscription.consents o on o.id = c.consent_id where a.tx_id = $1 and a.state = 'SENT' and c.state = 'SENT'`, o.TxID).Scan(&key, &id, &state, &consented)
	if err != nil {
		s.t.Errorf("called for what was not written down: %v", err)
		return
	}
	if !consented {
		s.t.Errorf("%s: charged without a consent", key)
	}
	s.omu.Lock()
	if tx, ok := s.open[key]; ok && tx != o.TxID {
		s.t.Errorf("%s: an attempt while another's outcome is not known", key)
	}
	s.open[key] = o.TxID
	s.omu.Unlock()
	if !s.calm.Load() && s.roll(400) == 0 {
		if err := s.cancel(id); err != nil {
			s.t.Error(err)
		}
	}
}

// known are the attempts whose outcome is known since.
func (s *simulation) known() {
	rows, err := s.db.Query(context.Background(), `select c.key from subscription.charges c where c.state not in ('SENT', 'UNKNOWN')`)
	if err != nil {
		s.t.Fatal(err)
	}
	keys, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		s.t.Fatal(err)
	}
	s.omu.Lock()
	defer s.omu.Unlock()
	for _, key := range keys {
		delete(s.open, key)
	}
}

// step has time pass to when something is due, or by some hours, and both schedulers work.
func (s *simulation) step() {
	next := s.now().Add(time.Duration(1+s.roll(8*60)) * time.Minute)
	var due *time.Time
	if err := s.db.QueryRow(context.Background(), `select min(due_at) from subscription.subscriptions`).Scan(&due); err != nil {
		s.t.Fatal(err)
	}
	if due != nil && due.After(s.now()) && due.Before(next) && s.roll(4) == 0 {
		next = *due
	}
	s.set(next)
	switch s.roll(40) {
	case 0:
		s.lines.fail(problem.Unavailable)
	case 1:
		s.product(101, catalogue.Week, int64(700+s.roll(600)), func(p *catalogue.ProductSpec) { p.RenewalMessage = true })
	case 2:
		s.product(100, catalogue.Day, 400, func(p *catalogue.ProductSpec) { p.Status = catalogue.StatusSuspended })
	case 3:
		s.lines.change(msisdn(s.roll(16)), func(l *subscriber.Line) { l.ContentBarred = !l.ContentBarred })
	case 4:
		s.product(100, catalogue.Day, 400)
	default:
		s.lines.fail(nil)
	}
	var both sync.WaitGroup
	for range 2 {
		both.Go(s.work)
	}
	both.Wait()
	// What a dead process left comes back once its time is over.
	s.exec(`update subscription.subscriptions set leased_until = now() - interval '1 second' where lease is not null`)
	if s.roll(3) == 0 || s.calm.Load() {
		live := s.world.scheduler(s.db, testConfig())
		live.Log = quiet()
		s.resolve(live)
	}
	s.known()
}

// work is one process for one run, which may die in it.
func (s *simulation) work() {
	db, err := database.Open(context.Background(), database.Config{URL: config.NewSecret(s.db.Config().ConnString()), MaxConnections: 4, ConnectTimeout: 10 * time.Second, AcquireTimeout: 10 * time.Second}, "", quiet(), prometheus.NewRegistry())
	if err != nil {
		s.t.Error(err)
		return
	}
	defer db.Close()
	cfg := testConfig()
	cfg.Chunk = 1 + s.roll(30)
	mortal := &mortal{db: db, at: -1}
	if !s.calm.Load() && s.roll(3) == 0 {
		mortal.at, mortal.after = s.roll(deaths), int64(s.roll(5))
	}
	p := s.world.scheduler(db, cfg, func(c charger) charger { mortal.charger = c; return mortal })
	p.Log = quiet()
	p.Deps.Directory = dying{p.Deps.Directory, mortal}
	if _, _, err := p.Run(context.Background()); err != nil && !mortal.dead.Load() {
		s.t.Errorf("run: %v", err)
	}
}

// The steps at which a process may die.
const (
	dieLooking = iota
	dieOpening
	dieOpened // the intentions are there, the operator has not heard
	dieCalled // the operator has
	dieSettling
	deaths
)

// mortal is charging in a process that dies at a step.
type mortal struct {
	charger
	db    *database.DB
	at    int
	after int64 // so many times the step is taken first
	dead  atomic.Bool
	left  atomic.Int64
}

var errDead = errors.New("the process is dead")

// dies reports whether the process is dead at a step; from then on it has no database.
func (m *mortal) dies(step int) bool {
	if m.dead.Load() {
		return true
	}
	if step != m.at || m.left.Add(1) <= m.after {
		return false
	}
	m.dead.Store(true)
	go m.db.Pool.Close() // which waits for what is under way
	return true
}

func (m *mortal) Open(ctx context.Context, tx pgx.Tx, now time.Time, all ...charging.Intent) (charging.Opened, error) {
	opened, err := m.charger.Open(ctx, tx, now, all...)
	if m.dies(dieOpening) {
		return opened, errDead
	}
	return opened, err
}

func (m *mortal) Call(ctx context.Context, o charging.Order) charging.Result {
	if m.dies(dieOpened) {
		return charging.Result{}
	}
	result := m.charger.Call(ctx, o)
	m.dies(dieCalled)
	return result
}

func (m *mortal) Settle(ctx context.Context, tx pgx.Tx, now time.Time, all ...charging.Settlement) (map[int64]sql.SubscriptionCharge, error) {
	rows, err := m.charger.Settle(ctx, tx, now, all...)
	if m.dies(dieSettling) {
		return rows, errDead
	}
	return rows, err
}

type dying struct {
	directory
	mortal *mortal
}

func (d dying) Look(ctx context.Context, msisdn string) (subscriber.Line, error) {
	if d.mortal.dies(dieLooking) {
		return subscriber.Line{}, errDead
	}
	return d.directory.Look(ctx, msisdn)
}

// calmDown has all that is open come to its end.
func (s *simulation) calmDown() {
	s.calm.Store(true)
	s.lines.fail(nil)
	for range 8 {
		s.step()
	}
	p := s.world.scheduler(s.db, testConfig())
	p.Log = quiet()
	s.resolve(p)
	p.run(s.t)
}

// none wants a query to find nothing.
func (s *simulation) none(what, query string, args ...any) {
	s.t.Helper()
	rows, err := s.db.Query(context.Background(), query, args...)
	if err != nil {
		s.t.Fatalf("%s: %v", what, err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToMap)
	if err != nil {
		s.t.Fatalf("%s: %v", what, err)
	}
	for i, row := range found {
		if i == 3 {
			s.t.Errorf("%s: and %d more", what, len(found)-i)
			break
		}
		s.t.Errorf("%s: %v", what, row)
	}
}

func (s *simulation) check(end time.Time) {
	s.copyLedger()
	const zone = "America/Santiago"
	const made = `test.ledger l join subscription.attempts a using (tx_id) join subscription.charges c on c.id = a.charge_id`
	s.none("invariant 1: more than one success of a key that was not given back",
		`select c.key, count(*) from `+made+` where not l.refunded group by 1 having count(*) > 1`)
	s.none("invariant 1: a TxID was charged twice", `select tx_id, count(*) from test.ledger group by 1 having count(*) > 1`)
	s.none("the ledger has what the tables do not", `select l.tx_id from test.ledger l left join subscription.attempts a on a.tx_id = l.tx_id and a.state = 'SUCCEEDED' where a.tx_id is null`)
	s.none("the tables have what the ledger does not", `select a.tx_id from subscription.attempts a left join test.ledger l using (tx_id) where a.state = 'SUCCEEDED' and l.tx_id is null`)
	s.none("something is still open", `select key, state from subscription.charges where state in ('SENT', 'UNKNOWN', 'REFUNDING')`)
	s.none("invariant 5: begun after the end", `select c.key from subscription.charges c join subscription.subscriptions s on s.id = c.subscription_id where c.opened_at > s.cancelled_at`)
	s.none("invariant 5: came true after the end and was kept",
		`select c.key from subscription.charges c join subscription.subscriptions s on s.id = c.subscription_id where c.state = 'SUCCEEDED' and c.ended_at > s.cancelled_at`)
	s.none("invariant 5: given back without a reason",
		`select c.key from subscription.charges c join subscription.subscriptions s on s.id = c.subscription_id where c.state = 'REFUNDED' and s.cancelled_at is null`)
	s.none("invariant 6: periods overlap", `select * from test.paid where was is not null and (until <= was or periods = 1 and anchor < was)`)
	s.none("invariant 6: a payment for a period that was over, or that had not begun",
		`select c.key, c.opened_at, p.was, p.until from test.paid p join subscription.charges c on c.subscription_id = p.id and c.state = 'SUCCEEDED' and c.ended_at = p.at
			where p.was is not null and (c.opened_at >= p.until or c.opened_at < p.was)`)
	s.none("invariant 6: as many payments as periods",
		`select s.id, paid, charged from subscription.subscriptions s
			join (select id, count(*) filter (where was is not null) as paid from test.paid group by 1) p using (id)
			join (select subscription_id as id, count(*) as charged from subscription.charges where state = 'SUCCEEDED' group by 1) c using (id) where paid <> charged and s.product_id <> 103`)
	s.none("invariant 7: more than was agreed to", `select c.key from `+made+` join subscription.consents o on o.id = c.consent_id where l.amount > o.amount or l.amount <> c.amount`)
	s.none("invariant 22: the cap of a day", fmt.Sprintf(
		`select c.line_id, (c.opened_at at time zone '%s')::date as day, sum(l.amount) from `+made+` where c.state = 'SUCCEEDED' group by 1, 2 having sum(l.amount) > %d`, zone, dayCap))
	s.none("invariant 22: what a line spent is what it was charged", fmt.Sprintf(
		`select line_id, span, spent, charged from (select line_id, span, amount as spent from subscription.spending where length(span) = 10) s
			full join (select c.line_id, to_char(c.opened_at at time zone '%s', 'YYYY-MM-DD') as span, sum(amount) as charged from subscription.charges c where state = 'SUCCEEDED' group by 1, 2) c using (line_id, span)
			where coalesce(spent, 0) <> coalesce(charged, 0)`, zone))
	s.none("invariant 25: three attempts on a day", fmt.Sprintf(
		`select c.subscription_id, (a.sent_at at time zone '%s')::date as day, count(*) from subscription.attempts a join subscription.charges c on c.id = a.charge_id
			where a.state in ('SUCCEEDED', 'DECLINED') group by 1, 2 having count(*) > 2`, zone))
	s.none("invariant 25: two attempts on a day in SUSPENDED",
		`select c.key, c.attempts from subscription.charges c where length(split_part(c.key, ':', 3)) = 10 and (select count(*) from subscription.attempts a where a.charge_id = c.id and a.state in ('SUCCEEDED', 'DECLINED')) > 1`)
	s.none("a notice for each charge that was kept, and for no other",
		`select line_id, product_id, told, charged from (select line_id, product_id, sum(amount) as told from test.notices where kind = 2 group by 1, 2) n
			full join (select line_id, product_id, sum(amount) as charged from subscription.charges where state = 'SUCCEEDED' group by 1, 2) c using (line_id, product_id)
			where coalesce(told, 0) <> coalesce(charged, 0)`)
	s.none("forgotten: open, and nobody is to look at it", `select id, state from subscription.subscriptions where state <> 'CANCELLED' and due_at is null`)
	s.none("left behind: due, and nobody has looked", `select id, state, due_at from subscription.subscriptions where due_at <= $1`, s.now().Add(-time.Minute))
	s.none("the price at a renewal is not reckoned from the catalogue", `select key from subscription.charges where product_id in (100, 102) and amount not in (400, 1500)`)
	if n := s.count(`select count(*) from subscription.charges where state = 'SUCCEEDED'`); n < 50 {
		s.t.Errorf("%d charges came true: that shows nothing", n)
	}
	if n := s.count(`select deadlocks from pg_stat_database where datname = current_database()`); n > 0 {
		s.t.Errorf("%d deadlocks", n)
	}
	s.anchors()
	s.t.Logf("%d charges, %d given back, %d declined attempts, %d suspended or over", s.count(`select count(*) from subscription.charges where state = 'SUCCEEDED'`),
		s.count(`select count(*) from subscription.charges where state = 'REFUNDED'`), s.count(`select count(*) from subscription.attempts where state = 'DECLINED'`),
		s.count(`select count(*) from subscription.subscriptions where state in ('SUSPENDED', 'CANCELLED')`))
}

// anchors holds every period that was paid against the calendar of its anchor.
func (s *simulation) anchors() {
	rows, err := s.db.Query(context.Background(), `select p.until, p.anchor, p.periods, s.product_id from test.paid p join subscription.subscriptions s using (id)`)
	if err != nil {
		s.t.Fatal(err)
	}
	units := map[int64]period.Unit{100: period.Day, 101: period.Week, 102: period.Month, 103: period.Day}
	var until, anchor time.Time
	var periods, product int64
	_, err = pgx.ForEachRow(rows, []any{&until, &anchor, &periods, &product}, func() error {
		c := period.Calendar{Anchor: anchor, Zone: s.zone(), Period: period.Period{Unit: units[product], Count: 1}}
		if want := c.Due(int(periods)); !until.Equal(want) {
			s.t.Errorf("period %d from %s is paid until %s, not %s", periods, anchor, until, want)
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *simulation) zone() *time.Location {
	p, _ := s.store.Snapshot().Product(100)
	return p.Country().Zone
}

// copyLedger puts the operator's ledger beside the tables.
func (s *simulation) copyLedger() {
	s.exec(`create table test.ledger (tx_id text, amount bigint, at timestamptz, refunded boolean)`)
	for tx, all := range s.operator.ledger {
		for _, e := range all {
			s.exec(`insert into test.ledger values ($1, $2, $3, $4)`, tx, e.order.Amount, e.at, len(s.operator.refunds[tx]) > 0)
		}
	}
}
