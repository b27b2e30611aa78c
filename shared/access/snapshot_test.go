package access

import (
	"math/bits"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"puente/shared/admin"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func sample(t testing.TB) *Snapshot {
	t.Helper()
	s, err := newSnapshot(7, Entities{
		Tiers: []admin.Named[TierSpec]{{ID: "default", Spec: TierSpec{Limits: []LimitSpec{{1000, admin.Duration(time.Minute)}}}}},
		Systems: []admin.Named[SystemSpec]{
			{ID: "TIENDA", Spec: SystemSpec{Status: Active, Channel: "web", Access: []AccessSpec{{API: "reconexion", Channels: []string{"app", "Kiosk"}}}}},
			{ID: "MiETB", Spec: SystemSpec{Status: Suspended, APIs: []string{"portabilities"}, Channels: []string{"web"}, Channel: "web"}},
		},
		Clients: []admin.Named[ClientSpec]{{ID: "store", Spec: ClientSpec{
			Name: "Tienda", Status: Active, Systems: []string{"TIENDA"},
			Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
			Contracts: []ContractSpec{{API: "portabilities", Tier: "default", Status: Approved}},
		}}},
		Switches: []admin.Named[SwitchSpec]{
			{ID: "all", Spec: SwitchSpec{API: "reconexion", Off: true, Reason: "maintenance"}},
			{ID: "except", Spec: SwitchSpec{API: "reconexion", System: "MiETB", Channel: "*"}},
			{ID: "everywhere", Spec: SwitchSpec{API: "*", Channel: "KIOSK", Off: true, Reason: "kiosks closed"}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSnapshotLookups(t *testing.T) {
	s := sample(t)
	c, ok := s.Client("store")
	if !ok || c.Name != "Tienda" || !c.Bound("tienda") || c.Bound("MiETB") {
		t.Fatalf("client %+v", c)
	}
	k, ok := c.Contract("portabilities")
	if !ok || k.Tier.Limits[0] != (Limit{1000, time.Minute}) || k.Status != Approved {
		t.Fatalf("contract %+v", k)
	}
	if _, ok := c.Contract("reconexion"); ok {
		t.Error("a contract that nobody made")
	}
	for addr, want := range map[string]bool{"10.1.2.3": true, "::ffff:10.1.2.3": true, "11.0.0.1": false, "::1": false} {
		if c.From(netip.MustParseAddr(addr)) != want {
			t.Errorf("from %s: want %v", addr, want)
		}
	}
	for _, name := range []string{"MiETB", "mietb", "MIETB"} {
		if sys, ok := s.System(name); !ok || sys.Name != "MiETB" || sys.Active || !sys.Uses("portabilities") || sys.Uses("reconexion") || !sys.Through("WEB") || sys.Through("x") {
			t.Errorf("system %s: %+v", name, sys)
		}
	}
	tienda, _ := s.System("TIENDA")
	for where, want := range map[[2]string]bool{
		{"portabilities", "web"}: true, {"portabilities", "x"}: true, {"portabilities", ""}: true,
		{"reconexion", "APP"}: true, {"reconexion", "kiosk"}: true, {"reconexion", "web"}: false, {"reconexion", ""}: false,
	} {
		if tienda.UsesThrough(where[0], where[1]) != want {
			t.Errorf("%v: want %v", where, want)
		}
	}
	for _, name := range []string{"", "MiETB ", "MİETB", strings.Repeat("x", 200)} {
		if sys, ok := s.System(name); ok {
			t.Errorf("system %q is %+v", name, sys)
		}
	}
	if _, ok := (&Snapshot{}).Client("store"); ok {
		t.Error("an empty snapshot knows a client")
	}
}

func TestSwitchedTakesTheMostSpecial(t *testing.T) {
	s := sample(t)
	for name, c := range map[string]struct {
		subject Subject
		want    string
	}{
		"an API":                  {Subject{API: "reconexion", Operation: "reconnect", System: "MAX"}, "all"},
		"another API":             {Subject{API: "portabilities", System: "MAX"}, ""},
		"back on for a system":    {Subject{API: "reconexion", System: "mietb"}, "except"},
		"a channel everywhere":    {Subject{API: "portabilities", Channel: "kiosk"}, "everywhere"},
		"channel before API":      {Subject{API: "reconexion", Channel: "Kiosk"}, "everywhere"},
		"two members before one":  {Subject{API: "reconexion", System: "MiETB", Channel: "KIOSK"}, "except"},
		"an absent member is any": {Subject{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if w := s.Switched(noon, c.subject); w != nil {
				got = w.ID
			}
			if got != c.want {
				t.Fatalf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestSwitchCalendar(t *testing.T) {
	from, until := noon, noon.Add(time.Hour)
	s, err := newSnapshot(1, Entities{Switches: []admin.Named[SwitchSpec]{
		{ID: "window", Spec: SwitchSpec{API: "a", Off: true, Reason: "release", From: &from, Until: &until}},
		{ID: "after", Spec: SwitchSpec{API: "a", From: &until}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[time.Duration]string{-time.Nanosecond: "", 0: "window", 59 * time.Minute: "window", time.Hour: "after"} {
		got := ""
		w := s.Switched(noon.Add(at), Subject{API: "a"})
		if w != nil {
			got = w.ID
		}
		if got != want {
			t.Errorf("%v: got %q, want %q", at, got, want)
		}
		if got == "window" && w.RetryIn(noon.Add(at)) != time.Hour-at {
			t.Errorf("%v: retry in %v", at, w.RetryIn(noon.Add(at)))
		}
	}
}

// TestSwitchedAgreesWithTheDefinition compares the lookup with the rule read literally: of all
// active switches that match, the one that names most members, then the one for the weightier.
func TestSwitchedAgreesWithTheDefinition(t *testing.T) {
	value := rapid.SampledFrom([]string{"", "a", "b"})
	name := rapid.SampledFrom([]string{"", "x", "X", "y"})
	subject := rapid.Custom(func(t *rapid.T) Subject {
		return Subject{value.Draw(t, "api"), value.Draw(t, "operation"), name.Draw(t, "system"), name.Draw(t, "channel"), value.Draw(t, "partner")}
	})
	rapid.Check(t, func(t *rapid.T) {
		var e Entities
		for i, s := range rapid.SliceOfN(subject, 0, 12).Draw(t, "switches") {
			until := noon.Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "until")) * time.Hour)
			e.Switches = append(e.Switches, admin.Named[SwitchSpec]{ID: string(rune('A' + i)), Spec: SwitchSpec{
				API: s.API, Operation: s.Operation, System: s.System, Channel: s.Channel, Partner: s.Partner,
				Off: rapid.Bool().Draw(t, "off"), Until: &until,
			}})
		}
		snapshot, err := newSnapshot(1, e)
		if err != nil {
			t.Fatal(err)
		}
		asked := subject.Draw(t, "asked")
		var want *Switch
		for _, n := range e.Switches {
			w := n.Spec.named(n.ID)
			if w.active(noon) && matches(w.Subject, asked) && (want == nil || before(w, want)) {
				want = w
			}
		}
		got := snapshot.Switched(noon, asked)
		if (got == nil) != (want == nil) || got != nil && got.ID != want.ID {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	})
}

func matches(rule, s Subject) bool {
	return (rule.API == "" || rule.API == s.API) && (rule.Operation == "" || rule.Operation == s.Operation) &&
		(rule.System == "" || strings.EqualFold(rule.System, s.System)) &&
		(rule.Channel == "" || strings.EqualFold(rule.Channel, s.Channel)) && (rule.Partner == "" || rule.Partner == s.Partner)
}

func before(a, b *Switch) bool {
	x, y := a.Subject.given(), b.Subject.given()
	if n, m := bits.OnesCount8(uint8(x)), bits.OnesCount8(uint8(y)); n != m {
		return n > m
	}
	if x != y {
		return x > y
	}
	if a.Off != b.Off {
		return a.Off
	}
	return a.ID < b.ID
}

func TestLookupsDoNotAllocate(t *testing.T) {
	s := sample(t)
	allocations := testing.AllocsPerRun(100, func() {
		c, _ := s.Client("store")
		_, _ = c.Contract("portabilities")
		_, _ = s.System("MIETB")
		_ = c.Bound("Tienda")
		_ = s.Switched(noon, Subject{API: "reconexion", Operation: "reconnect", System: "MIETB", Channel: "WhatsApp", Partner: "1"})
	})
	if allocations != 0 {
		t.Fatalf("%v allocations", allocations)
	}
}

func BenchmarkSwitched(b *testing.B) {
	s := sample(b)
	b.ReportAllocs()
	for b.Loop() {
		s.Switched(noon, Subject{API: "portabilities", Operation: "create", System: "TIENDA", Channel: "web"})
	}
}
