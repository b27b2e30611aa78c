package salesorder

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"puente/contracts/sapi/salesorder"
	"puente/shared/database"
	"puente/shared/database/databasetest"
	"puente/shared/httpclient"
	"puente/shared/keyring"
	"puente/shared/problem"
	"puente/shared/telemetry"
	"puente/test/sandbox"
	"puente/test/sandbox/botservice"
	"puente/test/sandbox/fault"
	"puente/test/sandbox/sandboxtest"
)

// start makes a system on an empty database, in front of the sandbox's BotService.
func start(t *testing.T) (*system, *sandboxtest.Sandbox) {
	t.Helper()
	bot := sandboxtest.Start(t, sandbox.Config{})
	ring, err := keyring.LoadOrCreate(t.TempDir() + "/keys.json")
	if err != nil {
		t.Fatal(err)
	}
	cfg := defaults()
	cfg.HTTP.URL = bot.URL + "/botservice"
	cfg.HTTP.Breaker.Off = true
	db := databasetest.New(t, API.Migrations...)
	propagate := func(ctx context.Context, _ telemetry.Trace, h http.Header) {
		h.Set("X-Correlation-ID", telemetry.Correlation(ctx))
	}
	out := httpclient.New(target, cfg.HTTP, httpclient.Deps{Propagate: propagate})
	t.Cleanup(out.Close)
	s, err := newSystem(cfg, out, ring, db)
	if err != nil {
		t.Fatal(err)
	}
	return s, bot
}

func portIn(phone, nip string) salesorder.Submission {
	return salesorder.Submission{
		Intent: salesorder.IntentPortIn, Key: "tienda|TIENDA|T-1", Phone: phone, NumOrder: "MDM-PLTE-022944", NIP: nip,
		Date: "2025-05-25T00:00:00", Operator: "FAKE", OperatorCode: "00036", PlanType: "2", Flow: "LTE",
	}
}

func requestNIP(phone, key string) salesorder.Submission {
	in := portIn(phone, "")
	in.Intent, in.Key = salesorder.IntentRequestNIP, key
	return in
}

// give has BotService make the NIP that a port-in of phone needs.
func give(t *testing.T, s *system, phone string) (nip string) {
	t.Helper()
	if _, err := s.Submit(telemetry.WithCorrelation(t.Context(), "GIVE-1"), requestNIP(phone, "N-"+phone)); err != nil {
		t.Fatal(err)
	}
	return botservice.NIPFor(phone, 1)
}

// filedFor is how many port-ins BotService has of phone.
func filedFor(bot *sandboxtest.Sandbox, phone string) int {
	n := 0
	for _, p := range bot.BotService.Effects().PortIns {
		if p.Phone == phone {
			n++
		}
	}
	return n
}

func TestPortInIsFiledOnceHoweverManyAsk(t *testing.T) {
	s, bot := start(t)
	const phone, callers = "3000000019", 32
	in := portIn(phone, give(t, s, phone))
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			out, err := s.Submit(telemetry.WithCorrelation(t.Context(), fmt.Sprint("T-", i)), in)
			if err == nil && out.State == salesorder.StatePortInFiled {
				return
			}
			if e := problem.Of(err); e == nil || e.Code != salesorder.CodeInProgress {
				t.Errorf("%+v %v", out, err)
			}
		})
	}
	all.Wait()
	if n := filedFor(bot, phone); n != 1 {
		t.Errorf("filed %d times", n)
	}
}

// Whatever BotService does to the first call, and however often and by how many the port-in is asked
// for afterwards, it is filed once at most; once where BotService got it.
func TestPortInIsFiledOnceWhateverHappens(t *testing.T) {
	for _, f := range []fault.Fault{
		{Kind: fault.HangAfterCommit}, {Kind: fault.Hang}, {Kind: fault.Reset}, {Kind: fault.Truncate}, {Kind: fault.Garbage},
		{Kind: fault.Status, Status: 500}, {Kind: fault.Stale}, {Kind: fault.HalfClose}, {Kind: fault.LateCommit, Delay: 600 * time.Millisecond},
	} {
		t.Run(string(f.Kind), func(t *testing.T) {
			t.Parallel()
			s, bot := start(t)
			const phone = "3000000019"
			in := portIn(phone, give(t, s, phone))
			f.System, f.Operation, f.Times = "botservice", "portability", 1
			bot.Fault(t, f)
			first, cancel := context.WithTimeout(telemetry.WithCorrelation(t.Context(), "T-0"), 400*time.Millisecond)
			defer cancel()
			_, _ = s.Submit(first, in) // its outcome is what the others find out
			var all sync.WaitGroup
			for i := range 8 {
				all.Go(func() {
					out, err := s.Submit(telemetry.WithCorrelation(t.Context(), fmt.Sprint("T-", i+1)), in)
					if err == nil && out.State != salesorder.StatePortInFiled || err != nil && !errors.Is(err, problem.Unknown) && !errors.Is(err, problem.Conflict) {
						t.Errorf("%+v %v", out, err)
					}
				})
			}
			all.Wait()
			if f.Kind == fault.LateCommit { // BotService works on after its caller left
				if _, err := bot.Await(t.Context(), sandbox.Filter{System: "botservice", Operation: "portability"}, func([]sandbox.Request) bool { return filedFor(bot, phone) > 0 }); err != nil {
					t.Fatal(err)
				}
			}
			if n := filedFor(bot, phone); n > 1 {
				t.Errorf("filed %d times", n)
			}
		})
	}
}

func TestNIPLimitHoldsUnderConcurrency(t *testing.T) {
	s, bot := start(t)
	const callers = 40
	phones := []string{"3000000019", "3000000020"}
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			key := fmt.Sprint("T-", i)
			_, err := s.Submit(telemetry.WithCorrelation(t.Context(), key), requestNIP(phones[i%2], key))
			if e := problem.Of(err); e != nil && (e.Code != salesorder.CodeNIPLimit || e.RetryAfter <= 0 || e.RetryAfter > s.cfg.NIP.Window) {
				t.Errorf("%#v", e)
			}
		})
	}
	all.Wait()
	sent := map[string]int{}
	for _, n := range bot.BotService.Effects().NIPs {
		sent[n.Phone]++
	}
	for _, phone := range phones {
		if sent[phone] != s.cfg.NIP.Requests {
			t.Errorf("%s got %d NIPs, want %d", phone, sent[phone], s.cfg.NIP.Requests)
		}
	}
}

// BotService never got a request; of all that come back with it one sends it again.
func TestNIPIsSentAgainOnceHoweverManyAsk(t *testing.T) {
	s, bot := start(t)
	other := *s // another replica
	other.nips = database.NewWriter(s.db, "nip_requests", 64, other.intend)
	in := requestNIP("3000000019", "T-1")
	bot.Fault(t, fault.Fault{System: "botservice", Operation: "portability", Kind: fault.Hang, Times: 1})
	first, cancel := context.WithTimeout(telemetry.WithCorrelation(t.Context(), "T-1"), 2*time.Second)
	defer cancel()
	if out, err := s.Submit(first, in); err == nil {
		t.Fatalf("%+v", out)
	}
	if _, err := s.db.Exec(t.Context(), `UPDATE salesorder.nip_requests SET requested_at = requested_at - interval '1 minute'`); err != nil {
		t.Fatal(err)
	}
	// Those who ask find nothing even after one of them sent it.
	bot.Fault(t, fault.Fault{System: "botservice", Operation: "inquiry", Kind: fault.Status, Status: http.StatusNotFound})
	var sent atomic.Int32
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			_, err := []*system{s, &other}[i%2].Submit(telemetry.WithCorrelation(t.Context(), "T-1"), in)
			if err == nil {
				sent.Add(1)
			} else if !errors.Is(err, problem.Unknown) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := len(bot.BotService.Effects().NIPs); n != 1 || sent.Load() != 1 {
		t.Errorf("%d NIPs, %d were told so", n, sent.Load())
	}
}

// One key with two phones at two replicas: two requests, and no group fails.
func TestKeyOfTwoPhones(t *testing.T) {
	s, bot := start(t)
	other := *s
	other.nips = database.NewWriter(s.db, "nip_requests", 64, other.intend)
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			key := fmt.Sprint("T-", i/2)
			phone := fmt.Sprint(3000000600 + i)
			if _, err := []*system{s, &other}[i%2].Submit(telemetry.WithCorrelation(t.Context(), key), requestNIP(phone, key)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := len(bot.BotService.Effects().NIPs); n != 16 {
		t.Errorf("%d NIPs", n)
	}
}

// The job finds out what became of port-ins whose process died, without anybody asking for them.
func TestResolve(t *testing.T) {
	s, bot := start(t)
	s.cfg.PortIn.Settle = 0
	for phone, f := range map[string]fault.Fault{"3000000019": {Kind: fault.HangAfterCommit}, "3000000020": {Kind: fault.Hang}} {
		in := portIn(phone, give(t, s, phone))
		f.System, f.Operation, f.Times = "botservice", "portability", 1
		bot.Fault(t, f)
		ctx, cancel := context.WithTimeout(telemetry.WithCorrelation(t.Context(), "T-"+phone), 300*time.Millisecond)
		if out, err := s.Submit(ctx, in); err == nil {
			t.Errorf("%+v", out)
		}
		cancel()
		bot.ClearFaults("")
	}
	if err := s.resolve(t.Context()); err != nil { // too early: their senders could still be at work
		t.Fatal(err)
	}
	if got := states(t, s); got[unresolved] != 2 {
		t.Errorf("states %v", got)
	}
	if _, err := s.db.Exec(t.Context(), `UPDATE salesorder.port_ins SET state = 'sending', ends_at = clock_timestamp() - interval '2 minutes'`); err != nil {
		t.Fatal(err)
	}
	if n := testutil.ToFloat64(s.openPortIns()); n != 2 {
		t.Errorf("gauge %v", n)
	}
	if err := s.resolve(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := states(t, s); got[filed] != 1 || got[absent] != 1 {
		t.Errorf("states %v", got)
	}
	if n := testutil.ToFloat64(s.openPortIns()); n != 0 {
		t.Errorf("gauge %v", n)
	}
}

// More port-ins than resolve takes at a time can never be resolved; those behind them are all the same.
func TestResolveReachesAll(t *testing.T) {
	s, bot := start(t)
	nip := give(t, s, "3000000019")
	if _, err := s.Submit(telemetry.WithCorrelation(t.Context(), "T-1"), portIn("3000000019", nip)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.db.Exec(t.Context(), `UPDATE salesorder.port_ins SET state = 'unknown', ends_at = clock_timestamp() - interval '1 minute'`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.db.Exec(t.Context(), `
		INSERT INTO salesorder.port_ins (id, inquiry, correlation, state, ends_at, updated_at)
		SELECT decode(lpad(to_hex(i), 64, '0'), 'hex'), 'not sealed', 'T', 'unknown', clock_timestamp() - interval '2 hours', clock_timestamp() - interval '1 hour'
		FROM generate_series(1, 100) AS i`); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.resolve(t.Context()); err == nil {
			t.Error("port-ins that cannot be opened are no error")
		}
	}
	if got := states(t, s); got[filed] != 1 || got[unresolved] != 100 {
		t.Errorf("states %v", got)
	}
	if n := filedFor(bot, "3000000019"); n != 1 {
		t.Errorf("filed %d times", n)
	}
}

func states(t *testing.T, s *system) map[string]int {
	t.Helper()
	rows, err := s.db.Query(t.Context(), `SELECT state, count(*) FROM salesorder.port_ins GROUP BY state`)
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

// What lies in the tables tells nothing to who reads them.
func TestNothingPersonalAtRest(t *testing.T) {
	s, _ := start(t)
	const phone = "3000000019"
	nip := give(t, s, phone)
	if _, err := s.Submit(telemetry.WithCorrelation(t.Context(), "T-1"), portIn(phone, nip)); err != nil {
		t.Fatal(err)
	}
	var found int
	if err := s.db.QueryRow(t.Context(), `
		SELECT count(*) FROM (SELECT p::text AS row, encode(p.inquiry, 'escape') AS sealed FROM salesorder.port_ins p
			UNION ALL SELECT n::text, '' FROM salesorder.nip_requests n) AS rows
		WHERE row LIKE '%' || $1 || '%' OR row LIKE '%' || encode($1::bytea, 'hex') || '%' OR sealed LIKE '%' || $1 || '%'
			OR sealed LIKE '%' || $2 || '%'`, phone, nip).Scan(&found); err != nil {
		t.Fatal(err)
	}
	if found != 0 {
		t.Errorf("%d rows show the phone or the NIP", found)
	}
}

// With the table away no NIP is sent: nobody could count it.
func TestNoNIPWithoutTheTable(t *testing.T) {
	s, bot := start(t)
	if _, err := s.db.Exec(t.Context(), `DROP TABLE salesorder.nip_requests`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Submit(telemetry.WithCorrelation(t.Context(), "T-1"), requestNIP("3000000019", "T-1")); err == nil {
		t.Error("sent uncounted")
	}
	if n := len(bot.BotService.Effects().NIPs); n != 0 {
		t.Errorf("%d NIPs sent", n)
	}
}
