package tvplatforms

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"puente/contracts/sapi/tvplatforms"
	"puente/shared/httpclient"
	"puente/shared/problem"
	"puente/test/sandbox"
	"puente/test/sandbox/fault"
	"puente/test/sandbox/sandboxtest"
	double "puente/test/sandbox/tvplatforms"
)

// running is a system in front of the sandbox's platforms, with the clients that it calls them by.
type running struct {
	*system
	box     *sandboxtest.Sandbox
	clients map[string]*httpclient.Client // by target
}

// start has the defaults but for change; an attempt may take 200 ms of 600.
func start(t *testing.T, change func(*Config)) running {
	t.Helper()
	box := sandboxtest.Start(t, sandbox.Config{})
	cfg := defaults()
	for technology, access := range cfg.technologies() {
		access.HTTP.URL = box.URL + "/tvplatforms/" + strings.ToLower(string(technology))
		access.HTTP.Timeout, access.HTTP.AttemptTimeout = 600*time.Millisecond, 200*time.Millisecond
	}
	if change != nil {
		change(&cfg)
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	clients := map[string]*httpclient.Client{}
	s := newSystem(&cfg, func(target string, _ *Access, c httpclient.Config) *httpclient.Client {
		clients[target] = httpclient.New(target, c, httpclient.Deps{})
		t.Cleanup(clients[target].Close)
		return clients[target]
	})
	return running{s, box, clients}
}

func (s running) asked(operation string) int {
	return len(s.box.Requests(sandbox.Filter{System: "tvplatforms", Operation: operation}))
}

// accounts are the sandbox's, one of each technology.
var accounts = map[tvplatforms.Technology]string{
	tvplatforms.TechnologyFTTH: "CS-905967", tvplatforms.TechnologyHFC: "CS-905968", tvplatforms.TechnologyIPTV: "CS-905969",
}

func query(technology tvplatforms.Technology, p tvplatforms.Platform) tvplatforms.HoldingQuery {
	return tvplatforms.HoldingQuery{Technology: technology, Platform: p, Account: accounts[technology]}
}

// every calls f for each platform of each technology.
func every(f func(technology tvplatforms.Technology, p tvplatforms.Platform, operation string)) {
	for technology := range dialects {
		for _, p := range platforms {
			f(technology, p, strings.ToLower(string(technology+"_"+tvplatforms.Technology(p))))
		}
	}
}

// A platform that misbehaves costs its callers no more than its time, with one retry where one may help,
// and is never believed in part.
func TestFaults(t *testing.T) {
	for _, test := range []struct {
		name     string
		fault    fault.Fault
		kind     problem.Kind
		attempts int
	}{
		{"hang", fault.Fault{Kind: fault.Hang}, problem.Timeout, 2},
		{"drip", fault.Fault{Kind: fault.Drip}, problem.Timeout, 2},
		{"reset", fault.Fault{Kind: fault.Reset}, problem.BadUpstream, 2},
		{"truncate", fault.Fault{Kind: fault.Truncate}, problem.BadUpstream, 2},
		{"unavailable", fault.Fault{Kind: fault.Status, Status: 503}, problem.BadUpstream, 2},
		{"error", fault.Fault{Kind: fault.Status, Status: 500}, problem.BadUpstream, 1},
		{"garbage", fault.Fault{Kind: fault.Garbage}, problem.BadUpstream, 1},
		{"a page that is not found", fault.Fault{Kind: fault.Status, Status: 404, Body: "<html>no such page</html>"}, problem.BadUpstream, 1},
		{"a gateway's 404", fault.Fault{Kind: fault.Status, Status: 404, Body: `{"message":"no Route matched with those values"}`}, problem.BadUpstream, 1},
		{"another gateway's 404", fault.Fault{Kind: fault.Status, Status: 404, Body: `{"error":"Not Found"}`}, problem.BadUpstream, 1},
		{"a 404 without words", fault.Fault{Kind: fault.Status, Status: 404}, problem.BadUpstream, 1},
		{"too long", fault.Fault{Kind: fault.Status, Status: 200, Body: strings.Repeat(" ", 256<<10) + "{}"}, problem.BadUpstream, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, nil)
			test.fault.System = "tvplatforms"
			s.box.Fault(t, test.fault)
			var all sync.WaitGroup
			every(func(technology tvplatforms.Technology, p tvplatforms.Platform, operation string) {
				all.Go(func() {
					began := time.Now()
					out, err := s.Holding(t.Context(), query(technology, p))
					if took := time.Since(began); !errors.Is(err, test.kind) || out.Items != nil || took > 2*time.Second {
						t.Errorf("%s: %v %v after %v", operation, out, err, took)
					}
					if n := s.asked(operation); n != test.attempts {
						t.Errorf("%s: asked %d times, want %d", operation, n, test.attempts)
					}
				})
			})
			all.Wait()
		})
	}
}

// A read that fails once is answered all the same, within its own time.
func TestAReadIsTriedAgain(t *testing.T) {
	for _, kind := range []fault.Kind{fault.Hang, fault.Reset, fault.Truncate, fault.Stale} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := start(t, nil)
			every(func(technology tvplatforms.Technology, p tvplatforms.Platform, operation string) {
				s.box.Fault(t, fault.Fault{System: "tvplatforms", Operation: operation, Kind: kind, Times: 1})
				if out, err := s.Holding(t.Context(), query(technology, p)); err != nil || len(out.Items) == 0 {
					t.Errorf("%s: %v %v", operation, out, err)
				}
				if n := s.asked(operation); n > 2 {
					t.Errorf("%s: asked %d times", operation, n)
				}
			})
		})
	}
}

// The answer of another account is nobody's.
func TestAnotherAccount(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	s.box.Fault(t, fault.Fault{System: "tvplatforms", Operation: "ftth_subscribers", Kind: fault.Status, Status: 200, Body: `{"cuenta":"CS-1","estado":1}`})
	if out, err := s.Holding(t.Context(), query(tvplatforms.TechnologyFTTH, tvplatforms.PlatformSubscribers)); !errors.Is(err, problem.BadUpstream) {
		t.Errorf("%v %v", out, err)
	}
}

// Whatever a change meets, it is made or an error, and what it was told twice is there once.
func TestAChangeMayBeToldAgain(t *testing.T) {
	changes := map[tvplatforms.Platform]struct{ add, remove string }{
		tvplatforms.PlatformSubscribers: {"2", ""}, tvplatforms.PlatformChannels: {"WIN", "HBO"},
		tvplatforms.PlatformServices: {"OTRO", ""}, tvplatforms.PlatformDevices: {"00:1a:2b:3c:4d:7e", ""},
	}
	for _, kind := range []fault.Kind{fault.HangAfterCommit, fault.Hang, fault.Reset, fault.Truncate} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := start(t, nil)
			want := 0
			every(func(technology tvplatforms.Technology, p tvplatforms.Platform, operation string) {
				s.box.Fault(t, fault.Fault{System: "tvplatforms", Operation: operation + "_change", Kind: kind, Times: 1})
				in := tvplatforms.Change{Technology: technology, Platform: p, Account: accounts[technology], Add: []string{changes[p].add}}
				want++
				if changes[p].remove != "" {
					in.Remove = []string{changes[p].remove}
					want++
				}
				if _, err := s.Change(t.Context(), in); err != nil {
					t.Errorf("%s: %v", operation, err)
				}
				if got := len(s.box.TVPlatforms.Changes()); got != want {
					t.Fatalf("%s: %d changes, want %d: %+v", operation, got, want, s.box.TVPlatforms.Changes())
				}
				out, err := s.Holding(t.Context(), query(technology, p))
				has := slices.ContainsFunc(out.Items, func(item string) bool { return plain(item) == plain(in.Add[0]) })
				if err != nil || !has || slices.Contains(out.Items, changes[p].remove) {
					t.Errorf("%s: %v %v", operation, out, err)
				}
			})
		})
	}
}

func plain(item string) string {
	if digits, ok := hexDigits(item); ok {
		return digits
	}
	return item
}

// A change of many items has one deadline, and ends where it meets an error: what was done before is
// found by asking.
func TestAChangeEndsWhereItFails(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *Config) { c.FTTH.HTTP.AttemptTimeout = 600 * time.Millisecond })
	in := tvplatforms.Change{
		Technology: tvplatforms.TechnologyFTTH, Platform: tvplatforms.PlatformChannels, Account: "CS-905967", Add: []string{"A", "B", "C"}, Remove: []string{"HBO"},
	}
	s.box.Fault(t, fault.Fault{System: "tvplatforms", Operation: "ftth_channels_change", Kind: fault.Delay, Delay: 250 * time.Millisecond})
	began := time.Now()
	_, err := s.Change(t.Context(), in)
	if took := time.Since(began); !errors.Is(err, problem.Timeout) || took > 2*time.Second {
		t.Errorf("%v after %v", err, took)
	}
	s.box.ClearFaults("")
	out, err := s.Holding(t.Context(), query(in.Technology, in.Platform))
	if err != nil || !slices.Contains(out.Items, "A") || !slices.Contains(out.Items, "HBO") {
		t.Errorf("%v %v", out, err)
	}
	if _, err := s.box.TVPlatforms.Set("CS-905967", double.Setting{Technology: "FTTH", Refuses: []string{"C"}}); err != nil {
		t.Fatal(err)
	}
	_, err = s.Change(t.Context(), in)
	if e := problem.Of(err); e == nil || e.Kind != problem.Rejected || e.Code != tvplatforms.CodeRefused || strings.Contains(e.Detail, "RECHAZADO") || !strings.Contains(err.Error(), "RECHAZADO") {
		t.Errorf("%v", err)
	}
	out, _ = s.Holding(t.Context(), query(in.Technology, in.Platform))
	if want := []string{"HBO", "FOX", "A", "B"}; !slices.Equal(out.Items, want) {
		t.Errorf("%v", out.Items)
	}
}

// A platform that hangs opens its own circuit and fills its own bulkhead: the others, of its technology
// and of others, go on at once.
func TestAPlatformHangsAlone(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *Config) {
		c.FTTH.HTTP.Retries, c.FTTH.HTTP.Breaker.Consecutive = 0, 3
		c.FTTH.HTTP.Bulkhead = httpclient.Bulkhead{Max: 3, Wait: time.Millisecond}
		c.FTTH.HTTP.AttemptTimeout = 600 * time.Millisecond
	})
	s.box.Fault(t, fault.Fault{System: "tvplatforms", Operation: "ftth_channels", Kind: fault.Hang})
	hung := query(tvplatforms.TechnologyFTTH, tvplatforms.PlatformChannels)
	over := make(chan error, 3)
	for range 3 {
		go func() {
			_, err := s.Holding(t.Context(), hung)
			over <- err
		}()
	}
	if _, err := s.box.Await(t.Context(), sandbox.Filter{Operation: "ftth_channels"}, func(rs []sandbox.Request) bool { return len(rs) == 3 }); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Holding(t.Context(), hung); !errors.Is(err, problem.Unavailable) {
		t.Errorf("its bulkhead is not full: %v", err)
	}
	others := func(when string) {
		every(func(technology tvplatforms.Technology, p tvplatforms.Platform, operation string) {
			if operation == "ftth_channels" {
				return
			}
			if out, err := s.Holding(t.Context(), query(technology, p)); err != nil || len(out.Items) == 0 {
				t.Errorf("%s, %s: %v %v", when, operation, out, err)
			}
		})
	}
	others("while it hangs")
	for range 3 {
		if err := <-over; !errors.Is(err, problem.Timeout) {
			t.Error(err)
		}
	}
	if _, err := s.Holding(t.Context(), hung); !errors.Is(err, problem.Unavailable) || !httpclient.Unsent(err) {
		t.Errorf("its circuit is not open: %v", err)
	}
	others("while its circuit is open")
	for target, client := range s.clients {
		for _, circuit := range client.States() {
			if open := circuit.State == httpclient.Open; open != (target == "ftth_channels" && circuit.Class == httpclient.Safe.String()) {
				t.Errorf("%s %s: %v", target, circuit.Class, circuit.State)
			}
		}
	}
	if n := s.asked("ftth_channels"); n != 3 {
		t.Errorf("asked %d times", n)
	}
}

// A caller that goes away ends a change with it.
func TestALeavingCaller(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *Config) { c.HFC.HTTP.AttemptTimeout = 600 * time.Millisecond })
	s.box.Fault(t, fault.Fault{System: "tvplatforms", Operation: "hfc_devices_change", Kind: fault.Hang})
	ctx, leave := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() {
		_, err := s.Change(ctx, tvplatforms.Change{Technology: "HFC", Platform: "DEVICES", Account: "CS-905968", Add: []string{"00:1A:2B:3C:4D:61", "x"}})
		over <- err
	}()
	if _, err := s.box.Await(t.Context(), sandbox.Filter{Operation: "hfc_devices_change"}, func(rs []sandbox.Request) bool { return len(rs) == 1 }); err != nil {
		t.Fatal(err)
	}
	leave()
	if err := <-over; !errors.Is(err, problem.Timeout) || s.asked("hfc_devices_change") != 1 {
		t.Errorf("%v, asked %d times", err, s.asked("hfc_devices_change"))
	}
}

// The sandbox and this package mean the same by what they say to each other.
func TestAgainstTheSandbox(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	var got []string
	every(func(technology tvplatforms.Technology, p tvplatforms.Platform, operation string) {
		out, err := s.Holding(t.Context(), query(technology, p))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(operation, " ", out.Items))
		stranger := query(technology, p)
		stranger.Account = "CS-1"
		if out, err := s.Holding(t.Context(), stranger); err != nil || out.Items == nil || len(out.Items) != 0 {
			t.Errorf("%s of a stranger: %v %v", operation, out, err)
		}
		_, err = s.Change(t.Context(), tvplatforms.Change{Technology: technology, Platform: p, Account: "CS-1", Add: []string{"1"}, Remove: []string{"2"}})
		if e := problem.Of(err); e == nil || e.Code != tvplatforms.CodeRefused {
			t.Errorf("%s: a change of a stranger: %v", operation, err)
		}
	})
	slices.Sort(got)
	want := []string{
		"ftth_channels [HBO FOX]", "ftth_devices [001A.2B3C.4D5E 001A.2B3C.4D5F]", "ftth_services [TIMESHIFT]", "ftth_subscribers [1]",
		"hfc_channels [HBO FOX]", "hfc_devices [00-1A-2B-3C-4D-60]", "hfc_services [TIMESHIFT]", "hfc_subscribers [1]",
		"iptv_channels [HBO FOX]", "iptv_devices [001A2B3C4D62]", "iptv_services [GRABACION]", "iptv_subscribers [0]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	in := tvplatforms.Change{Technology: tvplatforms.TechnologyFTTH, Platform: tvplatforms.PlatformChannels, Account: "CS-905967", Remove: []string{"HBO"}}
	for range 2 { // gone already is no error
		if _, err := s.Change(t.Context(), in); err != nil {
			t.Error(err)
		}
	}
}
