package reconnection

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"puente/contracts/papi/reconnection"
	"puente/contracts/sapi/inventory"
	"puente/contracts/sapi/orders"
	"puente/contracts/sapi/pqr"
	"puente/shared/database"
	"puente/shared/database/databasetest"
	"puente/shared/keyring"
	"puente/shared/problem"
)

// deed is what a system does with a call that may act.
type deed string

const (
	accepts    deed = "accepts"
	refuses    deed = "refuses" // of orders only
	unsent     deed = "is not reached"
	lostBefore deed = "times out"
	lostAfter  deed = "acts and times out"
	actsLate   deed = "times out and acts later"
	garbles    deed = "acts and answers garbage"
	fails      deed = "fails"
	diesBefore deed = "is called by a process that dies"
	diesAfter  deed = "acts for a process that dies"
	diesLate   deed = "acts later for a process that dies"
	hangs      deed = "hangs"
)

// world is the third-party systems as the process sees them.
type world struct {
	mu       sync.Mutex
	services map[string]inventory.Service
	holders  map[string]inventory.Holder
	billing  map[string]orders.Billing
	failing  map[string]error // by operation: service, holder, billing, findOrder, findPQR
	onOrder  []deed           // of the next calls; then accepts
	onPQR    []deed
	late     []func()
	orders   map[string][]orders.Order // by reference, all that were ever made
	pqrs     map[string][]pqr.PQR
	calls    map[string]int
	filings  []pqr.Filing
	placed   []orders.Reconnection
	number   int
	over     chan struct{} // closed when the test ends: calls of the dead return
}

func newWorld(t testing.TB) *world {
	w := &world{
		services: map[string]inventory.Service{}, holders: map[string]inventory.Holder{}, billing: map[string]orders.Billing{},
		failing: map[string]error{}, orders: map[string][]orders.Order{}, pqrs: map[string][]pqr.PQR{}, calls: map[string]int{}, over: make(chan struct{}),
	}
	t.Cleanup(func() { close(w.over) })
	return w
}

var ana = inventory.Holder{DocumentType: "CC", DocumentNumber: "1026578508"}

// add makes a line of Ana's that is suspended for reason.
func (w *world) add(connection string, technology inventory.Technology, reason inventory.Reason) reconnection.Request {
	w.services[connection] = inventory.Service{
		Connection: connection, Account: "CS-1", Technology: technology, State: inventory.StateSuspended,
		Suspension: &inventory.Suspension{ID: "SUS-" + connection, Reason: reason, Since: time.Unix(1, 0)},
	}
	w.holders[connection] = ana
	w.billing[connection] = orders.Billing{Settled: true, Currency: "COP"}
	return reconnection.Request{Connection: connection, DocumentType: "CC", DocumentNumber: "1.026.578.508"}
}

// does says what the systems do with the next calls that may act.
func (w *world) does(order []deed, pqr ...deed) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.onOrder, w.onPQR = order, pqr
}

// effects is how many orders and PQRs there are of the line's suspension.
func (w *world) effects(p *process, connection string) (made, filed int) {
	reference := p.demand(reconnection.Request{}, w.services[connection], ana, "").reference
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.orders[reference]), len(w.pqrs[reference])
}

func (w *world) called(operation string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls[operation]
}

// catchUp lets the systems do what they were late with.
func (w *world) catchUp() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, act := range w.late {
		act()
	}
	w.late = nil
}

// systems is the world as one process reaches it.
type systems struct {
	*world
	die context.CancelFunc // the end of the process
}

func (s systems) read(operation string) error {
	s.calls[operation]++
	return s.failing[operation]
}

func (s systems) Service(ctx context.Context, in inventory.ServiceQuery) (inventory.Service, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.read("service"); err != nil {
		return inventory.Service{}, err
	}
	found, ok := s.services[in.Connection]
	if !ok {
		return found, problem.NotFound
	}
	return found, nil
}

func (s systems) Holder(_ context.Context, in inventory.HolderQuery) (inventory.Holder, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.holders[in.Connection], s.read("holder")
}

func (s systems) Billing(_ context.Context, in orders.BillingQuery) (orders.Billing, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.billing[in.Connection], s.read("billing")
}

func (s systems) Reconnection(_ context.Context, in orders.ReconnectionQuery) (orders.Order, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.read("findOrder"); err != nil {
		return orders.Order{}, err
	}
	if made := s.orders[in.Reference]; len(made) > 0 {
		return made[0], nil
	}
	return orders.Order{}, problem.NotFound
}

func (s systems) Find(_ context.Context, in pqr.ReferenceQuery) (pqr.PQR, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.read("findPQR"); err != nil {
		return pqr.PQR{}, err
	}
	if filed := s.pqrs[in.Reference]; len(filed) > 0 {
		return filed[0], nil
	}
	return pqr.PQR{}, problem.NotFound
}

func (s systems) Order(_ context.Context, in orders.OrderQuery) (orders.Order, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, made := range s.orders {
		if made[0].Number == in.Number {
			return made[0], nil
		}
	}
	return orders.Order{}, problem.NotFound
}

func (s systems) PQR(_ context.Context, in pqr.NumberQuery) (pqr.PQR, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, filed := range s.pqrs {
		if filed[0].Number == in.Number {
			return filed[0], nil
		}
	}
	return pqr.PQR{}, problem.NotFound
}

func (s systems) Reconnect(ctx context.Context, in orders.Reconnection) (out orders.Order, err error) {
	s.mu.Lock()
	s.placed = append(s.placed, in)
	next := &s.onOrder
	return out, s.do(ctx, "order", next, func() {
		s.number++
		out = orders.Order{Number: fmt.Sprint("ORD", s.number), CUN: fmt.Sprint("CUN", s.number), Reference: in.Reference, State: orders.StateOpen, CreatedAt: time.Unix(2, 0)}
		s.orders[in.Reference] = append(s.orders[in.Reference], out)
	})
}

func (s systems) Create(ctx context.Context, in pqr.Filing) (out pqr.PQR, err error) {
	s.mu.Lock()
	s.filings = append(s.filings, in)
	next := &s.onPQR
	return out, s.do(ctx, "pqr", next, func() {
		s.number++
		out = pqr.PQR{Number: fmt.Sprint("PQR", s.number), Reference: in.Reference, Reason: in.Reason, State: pqr.StateOpen, CreatedAt: time.Unix(2, 0)}
		s.pqrs[in.Reference] = append(s.pqrs[in.Reference], out)
	})
}

// do does the next deed; s is locked.
func (s systems) do(ctx context.Context, operation string, script *[]deed, act func()) error {
	s.calls[operation]++
	what := accepts
	if len(*script) > 0 {
		what, *script = (*script)[0], (*script)[1:]
	}
	switch what {
	case accepts, lostAfter, garbles, diesAfter:
		act()
	case actsLate, diesLate:
		s.late = append(s.late, act)
	}
	s.mu.Unlock()
	switch what {
	case refuses:
		return &problem.Error{Kind: problem.Rejected, Code: orders.CodeNotPossible, Detail: "The line has an order in work"}
	case unsent:
		return problem.Unavailable
	case lostBefore, lostAfter:
		return problem.Timeout
	case actsLate:
		return problem.Unknown
	case garbles, fails:
		return problem.BadUpstream
	case diesBefore, diesAfter, diesLate:
		s.die()
		<-s.over
		return problem.Unknown
	case hangs:
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

func testRing(t testing.TB) *keyring.Ring {
	t.Helper()
	ring, err := keyring.LoadOrCreate(t.TempDir() + "/keys.json")
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// start makes a process before w, on a database of its own.
func start(t testing.TB, w *world) *process {
	t.Helper()
	return w.process(databasetest.New(t, API.Migrations...), testRing(t), func() {})
}

// process makes a process before w; die is its end.
func (w *world) process(db *database.DB, ring *keyring.Ring, die context.CancelFunc) *process {
	cfg := defaults()
	cfg.Cache.Lifetime = 0
	cfg.Suspension.Poll = 5 * time.Millisecond
	p := newProcess(cfg, ring, db)
	s := systems{w, die}
	p.services, p.orders, p.pqrs, p.items = s, s, s, p
	return p
}

// later lets an hour pass for all attempts: what they left is believed to be settled.
func later(t testing.TB, db *database.DB) {
	t.Helper()
	if _, err := db.Exec(context.Background(), `UPDATE reconnection.suspensions SET ends_at = ends_at - interval '1 hour'`); err != nil {
		t.Fatal(err)
	}
}

// replica makes a process before w that ends when one of its calls dies.
func (w *world) replica(db *database.DB, ring *keyring.Ring) *replica {
	life, die := context.WithCancel(context.Background())
	return &replica{w.process(db, ring, die), life}
}
