package salesorder

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"puente/contracts/sapi/salesorder"
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
	propagate := func(ctx context.Context, h http.Header) { h.Set("X-Correlation-ID", telemetry.Correlation(ctx)) }
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
	if _, err := s.Submit(telemetry.WithCorrelation(t.Context(), "N-"+phone), requestNIP(phone, "N-"+phone)); err != nil {
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
	if n := testutil.ToFloat64(openPortIns{s}); n != 2 {
		t.Errorf("gauge %v", n)
	}
	if err := s.resolve(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := states(t, s); got[filed] != 1 || got[absent] != 1 {
		t.Errorf("states %v", got)
	}
	if n := testutil.ToFloat64(openPortIns{s}); n != 0 {
		t.Errorf("gauge %v", n)
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
