package access_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/access"
	"puente/shared/admin"
	"puente/shared/database"
	"puente/shared/database/databasetest"
	"puente/shared/problem"
)

var seeds = access.Entities{
	Tiers: []admin.Named[access.TierSpec]{{ID: "default", Spec: access.TierSpec{
		Limits: []access.LimitSpec{{Requests: 1000, Window: admin.Duration(time.Minute)}, {Requests: 50, Window: admin.Duration(time.Second)}}}}},
	Systems: []admin.Named[access.SystemSpec]{{ID: "TIENDA"}, {ID: "MiETB", Spec: access.SystemSpec{APIs: []string{"portabilities"}}}},
	Clients: []admin.Named[access.ClientSpec]{{ID: "store", Spec: access.ClientSpec{
		Name: "Tienda", Systems: []string{"TIENDA"}, Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		Contracts: []access.ContractSpec{{API: "portabilities", Tier: "default"}, {API: "catalogue", Tier: "default", Status: access.Pending}},
	}}},
}

func newStore(t *testing.T, db *database.DB) (*access.Store, *prometheus.Registry) {
	reg := prometheus.NewPedanticRegistry()
	return access.New(db, databasetest.Logger(t), reg), reg
}

// run follows the database until the test ends.
func run(t *testing.T, s *access.Store) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
}

// wait returns once holds is true of the snapshot of s, each time looking after a change.
func wait(t *testing.T, s *access.Store, holds func(*access.Snapshot) bool) {
	t.Helper()
	for {
		changed := s.Changed()
		if holds(s.Snapshot()) {
			return
		}
		select {
		case <-changed:
		case <-t.Context().Done():
			t.Fatal("the snapshot never came to be so")
		}
	}
}

func resources(s *access.Store) map[string]admin.Resource {
	all := map[string]admin.Resource{}
	for _, r := range access.Resources(s) {
		all[r.Name] = r
	}
	return all
}

func apply(t *testing.T, r admin.Resource, id, spec string) bool {
	t.Helper()
	changed, err := r.Apply(t.Context(), id, json.RawMessage(spec))
	if err != nil {
		t.Fatalf("apply %s %s: %v", r.Kind, id, err)
	}
	return changed
}

func TestSeedAndLoad(t *testing.T) {
	s, reg := newStore(t, databasetest.New(t, access.Migrations))
	if _, ok := s.Snapshot().Client("store"); ok || s.Snapshot().Version() != 0 {
		t.Fatal("an empty snapshot knows somebody")
	}
	if err := s.Seed(t.Context(), seeds); err != nil {
		t.Fatal(err)
	}
	c, ok := s.Snapshot().Client("store")
	if !ok || c.Status != access.Active || !c.Bound("tienda") || !c.From(netip.MustParseAddr("10.9.9.9")) || c.From(netip.MustParseAddr("192.0.2.1")) {
		t.Fatalf("client %+v", c)
	}
	k, ok := c.Contract("portabilities")
	if !ok || k.Status != access.Approved || len(k.Tier.Limits) != 2 || k.Tier.Limits[0] != (access.Limit{Requests: 50, Window: time.Second}) {
		t.Fatalf("contract %+v", k)
	}
	if k, ok := c.Contract("catalogue"); !ok || k.Status != access.Pending {
		t.Fatalf("contract %+v", k)
	}
	if sys, ok := s.Snapshot().System("mietb"); !ok || !sys.Active || !sys.Uses("portabilities") || sys.Uses("reconexion") {
		t.Fatalf("system %+v", sys)
	}
	before := s.Snapshot().Version()
	if err := s.Seed(t.Context(), seeds); err != nil || s.Snapshot().Version() != before {
		t.Fatalf("seeding again wrote something: version %d after %d, %v", s.Snapshot().Version(), before, err)
	}
	if age := gauge(t, reg, "access_snapshot_age_seconds"); age < 0 {
		t.Errorf("age %v of a loaded snapshot", age)
	}
}

func gauge(t *testing.T, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

// TestSwitchSetByOneIsObeyedByAnother has two stores on one database, as two replicas have.
func TestSwitchSetByOneIsObeyedByAnother(t *testing.T) {
	db := databasetest.New(t, access.Migrations)
	one, _ := newStore(t, db)
	other, _ := newStore(t, db)
	run(t, other)
	subject := access.Subject{API: "reconexion", Operation: "reconnect", System: "MAX", Channel: "whatsapp"}
	off := func(s *access.Snapshot) bool {
		w := s.Switched(time.Now(), subject)
		return w != nil && w.Off && w.Reason == "maintenance" && w.RetryIn(time.Now()) == 30*time.Second
	}
	switches := resources(one)["switches"]
	apply(t, switches, "night", `{"api":"reconexion","system":"max","off":true,"reason":"maintenance","retryAfter":"30s"}`)
	wait(t, other, off)
	if err := switches.Delete(t.Context(), "night"); err != nil {
		t.Fatal(err)
	}
	wait(t, other, func(s *access.Snapshot) bool { return !off(s) && s.Version() > 0 })
}

// TestPollFindsAChangeThatWasNotAnnounced takes the announcement away: the poll is left.
func TestPollFindsAChangeThatWasNotAnnounced(t *testing.T) {
	db := databasetest.New(t, access.Migrations)
	_, err := db.Exec(t.Context(), `create or replace function access.bump() returns trigger language plpgsql as
		$$ begin update access.version set number = number + 1; return null; end $$`)
	if err != nil {
		t.Fatal(err)
	}
	s, _ := newStore(t, db)
	run(t, s)
	wait(t, s, func(s *access.Snapshot) bool { return s.Version() > 0 }) // the listener's first call is behind us
	apply(t, resources(s)["systems"], "TIENDA", `{}`)
	wait(t, s, func(s *access.Snapshot) bool { _, ok := s.System("TIENDA"); return ok })
}

func TestResourcesAreIdempotent(t *testing.T) {
	s, _ := newStore(t, databasetest.New(t, access.Migrations))
	r := resources(s)
	for _, c := range []struct{ resource, id, spec, same, other string }{
		{"tiers", "gold", `{"limits":[{"requests":10,"window":"60s"},{"requests":1,"window":"1s"}]}`,
			`{"limits":[{"requests":1,"window":"1s"},{"requests":10,"window":"1m"}]}`, `{"limits":[{"requests":1,"window":"1s"}]}`},
		{"systems", "MiETB", `{"channels":["web","app"],"channel":"web","limits":[{"requests":1,"window":"1s"}]}`,
			`{"status":"active","channels":["app","web"],"channel":"web","limits":[{"requests":1,"window":"1s"}]}`, `{"status":"suspended"}`},
		{"systems", "MAX", `{"channels":["web","app"],"access":[{"api":"b","channels":["web","app"]},{"api":"a","channels":["app"]}]}`,
			`{"channels":["app","web"],"access":[{"api":"a","channels":["app"]},{"api":"b","channels":["app","web"]}]}`, `{"channels":["app","web"]}`},
		{"systems", "TIENDA", `{}`, `{"limits":[]}`, `{"apis":["portabilities"]}`},
		{"clients", "store", `{"name":"T","systems":["TIENDA","MiETB"],"contracts":[{"api":"b","tier":"gold"},{"api":"a","tier":"gold","status":"revoked"}]}`,
			`{"name":"T","systems":["MiETB","TIENDA"],"addresses":[],"contracts":[{"api":"a","tier":"gold","status":"revoked"},{"api":"b","tier":"gold","status":"approved"}]}`,
			`{"name":"T","status":"suspended"}`},
		{"switches", "night", `{"api":"*","operation":"*","off":true,"reason":"night","from":"2026-11-21T22:00:00.1234567-05:00","retryAfter":"90s"}`,
			`{"api":"*","off":true,"reason":"night","from":"2026-11-22T03:00:00.1234567Z","retryAfter":"1m30s"}`, `{"api":"*"}`},
	} {
		if !apply(t, r[c.resource], c.id, c.spec) {
			t.Errorf("%s %s: the first apply changed nothing", c.resource, c.id)
		}
		if apply(t, r[c.resource], c.id, c.spec) || apply(t, r[c.resource], c.id, c.same) {
			t.Errorf("%s %s: an equal spec changed something", c.resource, c.id)
		}
		// What is read back can be applied as it is.
		v, err := r[c.resource].Get(t.Context(), c.id)
		if err != nil {
			t.Fatal(err)
		}
		if apply(t, r[c.resource], c.id, string(v.(admin.Entity).Spec)) {
			t.Errorf("%s %s: reading back and applying changed something", c.resource, c.id)
		}
		if !apply(t, r[c.resource], c.id, c.other) {
			t.Errorf("%s %s: another spec changed nothing", c.resource, c.id)
		}
		apply(t, r[c.resource], c.id, c.spec)
	}
	if err := s.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w := s.Snapshot().Switched(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC), access.Subject{API: "anything"}); w == nil || w.ID != "night" {
		t.Errorf("a switch of everything: %+v", w)
	}
	for name, want := range map[string]int{"tiers": 1, "systems": 3, "clients": 1, "switches": 1} {
		if list, err := r[name].List(t.Context()); err != nil || len(list) != want {
			t.Errorf("%s: %v, %v", name, list, err)
		}
	}
}

func TestReferencesAreKept(t *testing.T) {
	s, _ := newStore(t, databasetest.New(t, access.Migrations))
	if err := s.Seed(t.Context(), seeds); err != nil {
		t.Fatal(err)
	}
	r := resources(s)
	put := func(resource, id, spec string) error {
		_, err := r[resource].Apply(t.Context(), id, json.RawMessage(spec))
		return err
	}
	for name, c := range map[string]struct {
		err  error
		kind problem.Kind
	}{
		"a tier in use":          {r["tiers"].Delete(t.Context(), "default"), problem.Conflict},
		"a bound system":         {r["systems"].Delete(t.Context(), "TIENDA"), problem.Conflict},
		"a system in other case": {put("systems", "tienda", `{}`), problem.Conflict},
		"a system's odd name":    {put("systems", "TIENDÄ", `{}`), problem.Invalid},
		"an unknown tier":        {put("clients", "x", `{"name":"X","contracts":[{"api":"a","tier":"none"}]}`), problem.Conflict},
		"an unknown system":      {put("clients", "x", `{"name":"X","systems":["none"]}`), problem.Conflict},
		"nobody":                 {r["clients"].Delete(t.Context(), "nobody"), problem.NotFound},
	} {
		if !errors.Is(c.err, c.kind) {
			t.Errorf("%s: %v, want %v", name, c.err, c.kind)
		}
	}
	if _, err := r["clients"].Get(t.Context(), "x"); !errors.Is(err, problem.NotFound) {
		t.Errorf("a refused client left something: %v", err)
	}
	if err := r["clients"].Delete(t.Context(), "store"); err != nil {
		t.Fatal(err)
	}
	if err := r["tiers"].Delete(t.Context(), "default"); err != nil {
		t.Fatal(err)
	}
}

// hearer is a log handler that closes heard at the first warning.
type hearer struct {
	slog.Handler
	once  *sync.Once
	heard chan struct{}
}

func (h hearer) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn && strings.Contains(r.Message, "the last one stays") {
		h.once.Do(func() { close(h.heard) })
	}
	return h.Handler.Handle(ctx, r)
}

func TestAnUnreachableDatabaseKeepsTheLastSnapshot(t *testing.T) {
	server := databasetest.NewServer(t, access.Migrations)
	ear := hearer{databasetest.Logger(t).Handler(), new(sync.Once), make(chan struct{})}
	reg := prometheus.NewPedanticRegistry()
	s := access.New(server.DB, slog.New(ear), reg)
	if err := s.Seed(t.Context(), seeds); err != nil {
		t.Fatal(err)
	}
	run(t, s)
	server.Stop()
	<-ear.heard // the poll has met the absence
	if _, ok := s.Snapshot().Client("store"); !ok {
		t.Fatal("the snapshot was lost with the database")
	}
	if err := s.Load(t.Context()); !errors.Is(err, problem.Unavailable) {
		t.Fatalf("load: %v", err)
	}
	server.Start()
	systems := resources(s)["systems"]
	for { // connections of before may have to fail first
		_, err := systems.Apply(t.Context(), "MAX", json.RawMessage(`{}`))
		if err == nil {
			break
		}
		if !errors.Is(err, problem.Unavailable) {
			t.Fatal(err)
		}
	}
	wait(t, s, func(s *access.Snapshot) bool { _, ok := s.System("MAX"); return ok })
	if age := gauge(t, reg, "access_snapshot_age_seconds"); age < 0 {
		t.Errorf("age %v", age)
	}
}
