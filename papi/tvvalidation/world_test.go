package tvvalidation

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"puente/contracts/papi/tvvalidation"
	"puente/contracts/sapi/inventory"
	"puente/contracts/sapi/tvplatforms"
	"puente/shared/database"
	"puente/shared/database/databasetest"
	"puente/shared/keyring"
	"puente/shared/problem"
)

// line is a connection as the inventory has it.
type line struct {
	inventory.Service
	state                     string
	channels, services, decos []string
}

// deed is what a system does with a call.
type deed string

const (
	well    deed = "" // as it should
	fails   deed = "fails"
	panics  deed = "panics"
	hangs   deed = "hangs"               // until the caller's time is over
	ignores deed = "ignores the context" // until the test is over
	refuses deed = "refuses"             // INVENTORY_REFUSED, NO_ACCESS, CHANGE_REFUSED
	acts    deed = "acts and fails"      // of changes
	dies    deed = "is called by a process that dies"
	diesOn  deed = "acts for a process that dies"
)

// world is the third-party systems as the process sees them.
type world struct {
	mu      sync.Mutex
	lines   map[string]line     // by connection
	held    map[string][]string // by platform and account
	does    map[string]deed     // by operation: service, subscriber, channels, services, devices, access, CHANNELS, change CHANNELS, …
	next    map[string][]deed   // of the next calls; then does
	then    map[string]func()   // called once, before the operation
	calls   map[string]int      // by operation
	changes []tvplatforms.Change
	over    chan struct{} // closed when the test ends
}

func newWorld(t testing.TB) *world {
	w := &world{
		lines: map[string]line{}, held: map[string][]string{}, does: map[string]deed{}, next: map[string][]deed{}, then: map[string]func(){}, calls: map[string]int{}, over: make(chan struct{}),
	}
	t.Cleanup(func() { close(w.over) })
	return w
}

const (
	phone   = "6012450001"
	account = "CS-905967"
)

// sample is the source document's service: all is well but for the services.
func (w *world) sample() {
	w.lines[phone] = line{
		Service: inventory.Service{Connection: phone, Account: account, Technology: inventory.TechnologyFTTH, State: inventory.StateActive},
		state:   "1", channels: []string{"CAN-HBO", "CAN-FOX", "CAN-BASICO"}, services: []string{"SRV-DVR", "SRV-4K"}, decos: []string{"00:1A:2B:3C:4D:5E"},
	}
	w.hold(tvplatforms.PlatformChannels, "FOX", "HBO", "BASICO")
	w.hold(tvplatforms.PlatformServices, "DVR", "OTT")
	w.hold(tvplatforms.PlatformDevices, "001a.2b3c.4d5e")
	w.hold(tvplatforms.PlatformSubscribers, "1")
}

func (w *world) hold(platform tvplatforms.Platform, items ...string) {
	w.held[string(platform)+" "+account] = items
}

func (w *world) called(operation string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls[operation]
}

// set says what an operation does from now on.
func (w *world) set(operation string, what deed) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.does[operation] = what
}

// systems is the world as one process reaches it. Once that has died nothing answers it.
type systems struct {
	*world
	dead chan struct{} // closed
}

func (s systems) alive() bool {
	select {
	case <-s.dead:
		return false
	default:
		return true
	}
}

// call does an operation's deed. Without one it does act, as the systems do.
func (s systems) call(ctx context.Context, operation string, act func()) error {
	s.mu.Lock()
	s.calls[operation]++
	then, does := s.then[operation], s.does[operation]
	delete(s.then, operation)
	if next := s.next[operation]; len(next) > 0 {
		does, s.next[operation] = next[0], next[1:]
	}
	s.mu.Unlock()
	if then != nil {
		then()
	}
	if !s.alive() {
		<-s.over
		return problem.Unknown
	}
	if does == well || does == acts || does == diesOn {
		s.mu.Lock()
		act()
		s.mu.Unlock()
	}
	switch does {
	case fails, acts:
		return problem.BadUpstream
	case refuses:
		return map[bool]error{
			true:  &problem.Error{Kind: problem.NotFound, Code: tvplatforms.CodeNoAccess},
			false: &problem.Error{Kind: problem.BadUpstream, Code: inventory.CodeRefused},
		}[operation == "access"]
	case panics:
		panic(operation)
	case hangs:
		<-ctx.Done()
		return ctx.Err()
	case ignores:
		<-s.over
		return problem.Timeout
	case dies, diesOn:
		close(s.dead)
		<-s.over
		return problem.Unknown
	}
	return ctx.Err()
}

func (s systems) Service(ctx context.Context, in inventory.ServiceQuery) (out inventory.Service, err error) {
	found := false
	err = s.call(ctx, "service", func() {
		var l line
		l, found = s.lines[in.Connection]
		out = l.Service
	})
	if err == nil && !found {
		err = problem.NotFound
	}
	return out, err
}

func (s systems) of(account string) line {
	for _, l := range s.lines {
		if l.Account == account {
			return l
		}
	}
	return line{}
}

func (s systems) TelevisionSubscriber(ctx context.Context, in inventory.AccountQuery) (out inventory.TelevisionSubscriber, err error) {
	err = s.call(ctx, "subscriber", func() { out.State = s.of(in.Account).state })
	return out, err
}

func (s systems) TelevisionChannels(ctx context.Context, in inventory.AccountQuery) (out inventory.TelevisionCodes, err error) {
	err = s.call(ctx, "channels", func() { out.Codes = slices.Clone(s.of(in.Account).channels) })
	return out, err
}

func (s systems) TelevisionServices(ctx context.Context, in inventory.AccountQuery) (out inventory.TelevisionCodes, err error) {
	err = s.call(ctx, "services", func() { out.Codes = slices.Clone(s.of(in.Account).services) })
	return out, err
}

func (s systems) TelevisionDevices(ctx context.Context, in inventory.AccountQuery) (out inventory.TelevisionDevices, err error) {
	err = s.call(ctx, "devices", func() { out.MACs = slices.Clone(s.of(in.Account).decos) })
	return out, err
}

func (s systems) Access(ctx context.Context, _ tvplatforms.AccessQuery) (out tvplatforms.Access, err error) {
	err = s.call(ctx, "access", func() { out.Platforms = slices.Clone(platforms[:]) })
	return out, err
}

func (s systems) Holding(ctx context.Context, in tvplatforms.HoldingQuery) (out tvplatforms.Holding, err error) {
	err = s.call(ctx, string(in.Platform), func() { out.Items = slices.Clone(s.held[string(in.Platform)+" "+in.Account]) })
	return out, err
}

// Change does what a platform does: a box is the same in every notation.
func (s systems) Change(ctx context.Context, in tvplatforms.Change) error {
	same := func(a, b string) bool { return a == b }
	if in.Platform == tvplatforms.PlatformDevices {
		same = func(a, b string) bool { return canonical(a) == canonical(b) }
	}
	return s.call(ctx, "change "+string(in.Platform), func() {
		s.changes = append(s.changes, in)
		at := string(in.Platform) + " " + in.Account
		for _, item := range in.Remove {
			s.held[at] = slices.DeleteFunc(s.held[at], func(there string) bool { return same(there, item) })
		}
		for _, item := range in.Add {
			if !slices.ContainsFunc(s.held[at], func(there string) bool { return same(there, item) }) {
				s.held[at] = append(s.held[at], item)
			}
		}
	})
}

// testTables decode what the sample has.
func testTables() *tables {
	t := &tables{version: 1, rows: map[tableKey]table{}}
	for _, technology := range technologies {
		t.rows[tableKey{technology, kindChannels}] = table{rules: rules{
			Decodes: map[string]string{"CAN-HBO": "HBO", "CAN-FOX": "FOX", "CAN-ESPN": "ESPN"},
			Filters: filters{MSS: []string{"CAN-BASICO"}, Platform: []string{"BASICO"}},
		}}
		t.rows[tableKey{technology, kindServices}] = table{rules: rules{Decodes: map[string]string{"SRV-DVR": "DVR", "SRV-4K": "UHD"}}}
	}
	return t
}

// Snapshot lets tables stand for a store of them.
func (t *tables) Snapshot() *tables { return t }

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
	return w.process(t, databasetest.New(t, API.Migrations...), testRing(t))
}

// process makes a process before w that remembers no view.
func (w *world) process(t testing.TB, db *database.DB, ring *keyring.Ring) *process {
	cfg := defaults()
	cfg.Cache.Lifetime = 0
	cfg.Normalizations.Poll = 5 * time.Millisecond
	p := newProcess(cfg, ring, db, slog.New(slog.DiscardHandler))
	s := systems{w, make(chan struct{})}
	p.inventory, p.platforms, p.tables = s, s, testTables()
	return p
}

// code is what became of a call.
func code(err error) string {
	e := problem.Of(err)
	switch {
	case e == nil:
		return "ok"
	case e.Code != "":
		return e.Code
	}
	return e.Kind.String()
}

// lights are the semaphores of checks in the order of the aspects: GRYG.
func lights(checks ...tvvalidation.Check) string {
	var b []byte
	for _, c := range checks {
		b = append(b, c.Semaphore[0])
	}
	return string(b)
}

// within is a request's context with so much time.
func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
