package ratelimit

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"puente/shared/config"
)

func newRegistry() *prometheus.Registry { return prometheus.NewRegistry() }

// After a loss a replica that admitted nothing itself knows only its share, until the others had
// the time to tell what they admitted.
func TestAfterALossAReplicaAdmitsItsShareLessWhatItAdmitted(t *testing.T) {
	f := onMiniredis(t, 2)
	defer f.close()
	l := limit("client", 100, time.Minute)
	for i := range 60 {
		if !f.limiters[0].Take(ctx, l).Allowed {
			t.Fatal("call ", i)
		}
	}
	f.mini.FlushAll()
	for i := range 3 {
		if d := f.limiters[0].Take(ctx, l); d.Allowed || !d.Degraded {
			t.Fatalf("60 admitted, share 50: %+v", d)
		}
		if d := f.limiters[1].Take(ctx, l); !d.Allowed || !d.Degraded || d.Remaining != 49-i {
			t.Fatalf("%+v", d)
		}
	}
	for range 10 {
		f.pass(visits)
		f.visit()
	}
	if d := f.limiters[1].Take(ctx, l); d.Degraded || d.Remaining != 100-64 {
		t.Errorf("63 admitted before: %+v", d)
	}
}

// A report that was heard but not acknowledged is sent again, and counted once.
func TestReportsCountOnce(t *testing.T) {
	f := onMiniredis(t, 1)
	defer f.close()
	l := limit("client", 100, time.Minute)
	r, s := f.limiters[0].remote, f.limiters[0].remote.shards[0]
	f.mini.SetError("away")
	for range 7 {
		f.limiters[0].Take(ctx, l)
	}
	f.mini.SetError("")
	h := f.limiters[0].windows.hold([]Limit{l}, f.limiters[0].clock.now())
	w := h.windows[0]
	h.release()
	for range 3 { // the first report holds what was known when it was first sent: one
		c := newCall(s, r.replica, false, 1)
		c.birth, c.args[0] = s.recovery.birth, s.recovery.birth
		c.add(w, 0, 0, 0, r.nextReport)
		if v, err := takeScript.Run(ctx, r.client, c.keys, c.args...).Int64Slice(); err != nil || v[3] != 1 {
			t.Fatal(v, err)
		}
		c.end(h)
	}
	f.visit()
	f.visit()
	if d := f.limiters[0].Take(ctx, l); d.Degraded || d.Remaining != 92 {
		t.Errorf("%+v", d)
	}
}

// A call that Redis runs after its caller stopped waiting counts nothing.
func TestLateCallsCountNothing(t *testing.T) {
	f := onMiniredis(t, 1)
	defer f.close()
	l := limit("client", 100, time.Minute)
	f.mini.SetTime(f.now().Add(11 * time.Second)) // as if the call had lain in a queue
	if d := f.limiters[0].Take(ctx, l); !d.Allowed || !d.Degraded {
		t.Fatalf("%+v", d)
	}
	f.mini.SetTime(f.now())
	f.visit()
	if d := f.limiters[0].Take(ctx, l); d.Degraded || d.Remaining != 98 {
		t.Errorf("%+v", d)
	}
}

func TestLeasesSaveCalls(t *testing.T) {
	f := onMiniredis(t, 1)
	defer f.close()
	large, small := limit("large", 100_000, time.Minute), limit("small", 999, time.Minute)
	for name, c := range map[string]struct {
		limits []Limit
		calls  int // to Redis, of 1000
	}{
		"large":           {[]Limit{large}, 5},
		"none below 1000": {[]Limit{small}, 0},
		"one is small":    {[]Limit{large, small}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			before := scripts(f)
			for range 900 {
				f.limiters[0].Take(ctx, c.limits...)
			}
			n := scripts(f) - before
			if c.calls > 0 && n != c.calls {
				t.Errorf("%d calls to Redis, want %d", n, c.calls)
			}
			f.pass(2 * time.Minute)
		})
	}
}

// scripts is how many scripts took something.
func scripts(f *fleet) int {
	n, err := testutil.GatherAndCount(f.registry, "ratelimit_redis_duration_seconds")
	if err != nil || n == 0 {
		return 0
	}
	families, _ := f.registry.Gather()
	for _, m := range families {
		if m.GetName() == "ratelimit_redis_duration_seconds" {
			return int(m.GetMetric()[0].GetHistogram().GetSampleCount())
		}
	}
	return 0
}

// A lease ends with its slot; what was left of it is given back by the next call.
func TestLeasesEndWithTheirSlot(t *testing.T) {
	f := onMiniredis(t, 2)
	defer f.close()
	l := limit("large", 10_000, time.Minute)
	first := f.limiters[0].Take(ctx, l)
	if first.Remaining != 9999 {
		t.Fatalf("%+v", first)
	}
	if d := f.limiters[1].Take(ctx, l); d.Remaining != 10_000-2-20 {
		t.Errorf("the other replica does not see the lease of 20: %+v", d)
	}
	f.pass(time.Second)
	before := scripts(f)
	if d := f.limiters[0].Take(ctx, l); d.Remaining != 10_000-3-20 || scripts(f) != before+1 {
		t.Errorf("%+v", d)
	}
	if d := f.limiters[1].Take(ctx, l); d.Remaining != 10_000-4-20 {
		t.Errorf("%+v", d)
	}
}

func TestNoLeaseInTheLastFifth(t *testing.T) {
	f := onMiniredis(t, 1)
	defer f.close()
	l := limit("large", 1000, time.Minute)
	for range 801 {
		f.limiters[0].Take(ctx, l)
	}
	before := scripts(f)
	for i := range 199 {
		if d := f.limiters[0].Take(ctx, l); !d.Allowed || d.Remaining != 198-i {
			t.Fatalf("%d: %+v", i, d)
		}
	}
	if n := scripts(f) - before; n != 199 {
		t.Errorf("%d of 199 calls asked Redis", n)
	}
	if f.limiters[0].Take(ctx, l).Allowed {
		t.Error("above the limit")
	}
}

func TestMetrics(t *testing.T) {
	f := onMiniredis(t, 1)
	defer f.close()
	a, b := Limit{"a", "k", 5, time.Minute}, Limit{"b", "k", 1, time.Hour}
	f.limiters[0].Take(ctx, a, b)
	f.limiters[0].Take(ctx, a, b)
	f.mini.SetError("away")
	f.limiters[0].Take(ctx, a)
	f.limiters[0].Take(ctx, b)
	want := `
# HELP ratelimit_decisions_total Decisions by policy: allowed, refused; local_allowed and local_refused by this replica's share while Redis is away.
# TYPE ratelimit_decisions_total counter
ratelimit_decisions_total{policy="a",result="allowed"} 1
ratelimit_decisions_total{policy="a",result="local_allowed"} 1
ratelimit_decisions_total{policy="a",result="local_refused"} 0
ratelimit_decisions_total{policy="a",result="refused"} 0
ratelimit_decisions_total{policy="b",result="allowed"} 1
ratelimit_decisions_total{policy="b",result="local_allowed"} 0
ratelimit_decisions_total{policy="b",result="local_refused"} 1
ratelimit_decisions_total{policy="b",result="refused"} 1
`
	if err := testutil.GatherAndCompare(f.registry, strings.NewReader(want), "ratelimit_decisions_total"); err != nil {
		t.Error(err)
	}
}

// On a Cluster keys lie in different hash slots: limits under one key are still one call, others
// are taken one after the other and given back where a later one refuses.
func TestCluster(t *testing.T) {
	binary := redisBinary(t)
	if binary == "" {
		t.Log("no redis-server here: no cluster either")
		return
	}
	s := startRedis(t, binary, "--cluster-enabled", "yes")
	if err := s.client.Do(ctx, "CLUSTER", "ADDSLOTSRANGE", 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	for range 5000 {
		if info, _ := s.client.ClusterInfo(ctx).Result(); strings.Contains(info, "cluster_state:ok") {
			break
		}
		<-time.After(2 * time.Millisecond)
	}
	f := &fleet{now: time.Now, pass: s.pass, registry: newRegistry()}
	l := f.join(t, "redis+cluster://127.0.0.1:"+s.port, 1)
	defer l.Close()
	f.limiters = append(f.limiters, l)
	if l.State() != "shared" {
		t.Fatal(l.State())
	}
	wide := limit("wide", 100, time.Hour)
	for i := range 20 {
		narrow := limit(fmt.Sprint("narrow", i), 1, time.Hour)
		if d := l.Take(ctx, wide, narrow); !d.Allowed || d.Degraded {
			t.Fatalf("%+v", d)
		}
		if d := l.Take(ctx, wide, narrow); d.Allowed || d.Degraded || d.Limit != narrow {
			t.Fatalf("%+v", d)
		}
	}
	f.visit()
	if d := l.Take(ctx, wide); d.Remaining != 100-21 {
		t.Errorf("refused calls were not given back: %+v", d)
	}
	before := scripts(f)
	l.Take(ctx, limit("k", 10, time.Minute), limit("k", 10, time.Hour))
	if n := scripts(f) - before; n != 1 {
		t.Errorf("%d calls for one key", n)
	}
}

func TestConfig(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		want string
	}{
		{Config{}, ""},
		{Config{URL: config.NewSecret("redis://user:secret@127.0.0.1:6379/2")}, ""},
		{Config{URL: config.NewSecret("rediss://127.0.0.1")}, ""},
		{Config{URL: config.NewSecret("redis+cluster://a:1?addr=b:2"), Replicas: 3}, ""},
		{Config{URL: config.NewSecret("redis+sentinel://a:1?master_name=m")}, ""},
		{Config{URL: config.NewSecret("redis+sentinel://a:1")}, "url: must be"},
		{Config{URL: config.NewSecret("http://secret@a")}, "url: must be"},
		{Config{URL: config.NewSecret("redis://secret:%zz@a")}, "url: not a URL"},
		{Config{URL: config.NewSecret("rediss://a"), CA: "/nowhere"}, "ca: open /nowhere"},
		{Config{Replicas: -1, Wait: time.Minute, MaxKeys: -1}, "replicas must be at least 1\nwait must be between 1ms and 50ms\nmaxKeys must not be negative"},
	} {
		err := c.cfg.Validate()
		switch {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)):
			t.Errorf("%+v: %v, want %q", c.cfg, err, c.want)
		case err != nil && strings.Contains(err.Error(), "secret"):
			t.Errorf("%v shows the password", err)
		}
	}
}

// A Redis that is away at the start is no error, and a request that is given up waits for nobody.
func TestStartWithoutRedis(t *testing.T) {
	l, err := New(Config{URL: config.NewSecret("redis://127.0.0.1:1"), Replicas: 4}, quiet, newRegistry())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if d := l.Take(gone, limit("client", 8, time.Minute)); !d.Allowed || !d.Degraded || d.Remaining != 1 || l.State() != "degraded" {
		t.Errorf("%s %+v", l.State(), d)
	}
}
