package renewal

import (
	"context"
	"math/rand/v2"
	"os"
	"slices"
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
	days := 10
	if n, err := strconv.Atoi(os.Getenv("PUENTE_TEST_DAYS")); err == nil {
		days = n
	}
	for _, begin := range []string{
		"2026-01-27 09:00:00", // the end of a month; of months, and the end of summer time, in a long run
		"2028-02-25 09:00:00", // 29 February
		"2026-09-01 09:00:00", // then the day of 23 hours
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
	w.product(104, catalogue.Week, 990, lower)
	for n := range 16 {
		for product, agreed := range map[int64]int64{100: 400, 101: 900, 102: 1500, 103: 0, 104: 990} {
			if product == 103 && n > 3 || product == 104 && n > 7 {
				continue
			}
			back := time.Duration(s.roll(30*24*60)) * time.Minute
			if product == 100 || product == 103 {
				back = time.Duration(s.roll(24*60)) * time.Minute
			}
			if w.shown = ""; product == 104 {
				w.shown = lowerShown
			}
			s.ids = append(s.ids, w.subscribe(n, product, agreed, w.now().Add(-back)))
		}
	}
	// The first charge of some is not made yet, though they are due like those that are to be renewed.
	w.exec(`update subscription.subscriptions set state = 'PENDING_CHARGE' where product_id = 100 and line_id % 4 = 0`)
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
	var key string
	var id int64
	var consented bool
	err := s.db.QueryRow(context.Background(), `select c.key, s.id, o.given_at < c.opened_at and o.line_id = s.line_id and o.product_id = s.product_id
		from subscription.attempts a join subscription.charges c on c.id = a.charge_id join subscription.subscriptions s on s.id = c.subscription_id
		left join subscription.consents o on o.id = c.consent_id where a.tx_id = $1 and a.state = 'SENT' and c.state = 'SENT'`, o.TxID).Scan(&key, &id, &consented)
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

// renewing is charging under the second half of invariant 4. A charge is opened while its subscription is locked, and
// before the row says what time made of it: what was PENDING_CHARGE or CANCELLED still shows.
type renewing struct {
	charger
	t *testing.T
}

func (r renewing) Open(ctx context.Context, tx pgx.Tx, now time.Time, all ...charging.Intent) (charging.Opened, error) {
	for _, i := range all {
		var state string
		if err := tx.QueryRow(ctx, `select state from subscription.subscriptions where id = $1`, i.SubscriptionID).Scan(&state); err != nil {
			return charging.Opened{}, err
		}
		if !slices.Contains([]string{"ACTIVE", "GRACE", "SUSPENDED"}, state) {
			r.t.Errorf("%s: a charge of kind %s while its subscription is %s", i.Key, i.Kind, state)
		}
	}
	return r.charger.Open(ctx, tx, now, all...)
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
	p := s.world.scheduler(db, cfg, func(c charger) charger { mortal.charger = renewing{c, s.t}; return mortal })
	p.Log = quiet()
	p.Deps.Directory = dying{p.Deps.Directory, mortal}
	if _, _, err := p.Run(context.Background()); err != nil && !mortal.dead.Load() {
		s.t.Errorf("run: %v", err)
	}
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
