package tvvalidation

import (
	"context"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"puente/contracts/papi/tvvalidation"
	"puente/contracts/sapi/tvplatforms"
	"puente/shared/database/databasetest"
	"puente/shared/hop"
	"puente/shared/problem"
)

var sample = tvvalidation.Request{Connection: phone}

// as is ctx on behalf of a client and system.
func as(ctx context.Context, client, system string) context.Context {
	return hop.WithPrincipal(ctx, hop.Principal{Client: client, System: system})
}

func verified(v tvvalidation.Verification) string {
	return lights(v.Channels, v.Services, v.Devices, v.Subscriber)
}

// The source document's sample is answered, recorded, and found again by whom it belongs to.
func TestValidate(t *testing.T) {
	w := newWorld(t)
	w.sample()
	p := start(t, w)
	max := as(t.Context(), "chatbot", "MAX")
	before := p.now()
	out, err := p.Validate(max, sample)
	if err != nil {
		t.Fatal(err)
	}
	if verified(out) != "GRGG" || out.Account != account || out.Technology != "FTTH" || out.Connection != phone || out.At.Before(before) {
		t.Errorf("%+v", out)
	}
	for _, c := range []tvvalidation.Check{out.Channels, out.Services, out.Devices, out.Subscriber} {
		if c.AskedAt.Before(before) || out.At.Before(c.AskedAt) {
			t.Errorf("asked at %v, between %v and %v", c.AskedAt, before, out.At)
		}
	}
	if want := (tvvalidation.Check{AskedAt: out.Services.AskedAt, Semaphore: tvvalidation.Red, Expected: []string{"DVR", "UHD"}, Found: []string{"DVR", "OTT"}}); !reflect.DeepEqual(out.Services, want) {
		t.Errorf("services %+v", out.Services)
	}
	found, err := p.QueryVerification(max, tvvalidation.IDQuery{ID: out.ID})
	if err != nil || !reflect.DeepEqual(found, out) {
		t.Errorf("found %+v %v\nwant  %+v", found, err, out)
	}
	for name, query := range map[string]func() (tvvalidation.Verification, error){
		"other client": func() (tvvalidation.Verification, error) {
			return p.QueryVerification(as(t.Context(), "kiosk", "MAX"), tvvalidation.IDQuery{ID: out.ID})
		},
		"other system": func() (tvvalidation.Verification, error) {
			return p.QueryVerification(as(t.Context(), "chatbot", "MiETB"), tvvalidation.IDQuery{ID: out.ID})
		},
		"other id": func() (tvvalidation.Verification, error) {
			return p.QueryVerification(max, tvvalidation.IDQuery{ID: uuid.Must(uuid.NewV7()).String()})
		},
		"no version 7": func() (tvvalidation.Verification, error) {
			return p.QueryVerification(max, tvvalidation.IDQuery{ID: uuid.NewString()})
		},
		"no id": func() (tvvalidation.Verification, error) {
			return p.QueryVerification(max, tvvalidation.IDQuery{ID: "1"})
		},
	} {
		if _, err := query(); code(err) != "not_found" {
			t.Errorf("%s: %v", name, err)
		}
	}
	var row string
	if err := p.db.QueryRow(t.Context(), `select v::text from tvvalidation.verifications v`).Scan(&row); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(row, "chatbot,MAX,CS-905967,FTTH,GREEN,RED,GREEN,GREEN") || strings.Contains(row, phone) || strings.Contains(row, "001A2B3C4D5E") {
		t.Errorf("row %s", row)
	}
}

// One platform that cannot be asked is yellow, whatever is the matter with it, and costs the others nothing.
func TestOnePlatformAway(t *testing.T) {
	db, ring := databasetest.New(t, API.Migrations...), testRing(t)
	const good = "GRGG"
	for aspect, platform := range platforms {
		for _, what := range []deed{fails, panics, hangs, ignores, refuses} {
			t.Run(string(platform)+" "+string(what), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				w.sample()
				w.set(string(platform), what)
				p := w.process(t, db, ring)
				out, err := p.Validate(within(t, time.Second), sample)
				if want := good[:aspect] + "Y" + good[aspect+1:]; err != nil || verified(out) != want {
					t.Errorf("%s %v, want %s", verified(out), err, want)
				}
				if _, err := p.QueryVerification(t.Context(), tvvalidation.IDQuery{ID: out.ID}); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// Whoever comes with little time left is answered within it.
func TestLittleTimeLeft(t *testing.T) {
	w := newWorld(t)
	w.sample()
	p := start(t, w)
	if err := p.keepDays(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, platform := range platforms[1:] {
		w.set(string(platform), ignores)
	}
	ctx := within(t, time.Second)
	if out, err := p.Validate(ctx, sample); err != nil || verified(out) != "GYYY" || ctx.Err() != nil {
		t.Errorf("%s %v, %v", verified(out), err, ctx.Err())
	}
	w.set(string(platforms[0]), hangs)
	ctx = within(t, time.Second)
	if _, err := p.Validate(ctx, sample); code(err) != "ERROR_19" || ctx.Err() != nil {
		t.Errorf("%v, %v", err, ctx.Err())
	}
	w.set("devices", ignores)
	ctx = within(t, time.Second)
	if _, err := p.Validate(ctx, sample); code(err) != "ERROR_18" || ctx.Err() != nil {
		t.Errorf("%v, %v", err, ctx.Err())
	}
	if _, err := p.Validate(within(t, 0), sample); code(err) != "ERROR_07" {
		t.Errorf("no time at all: %v", err)
	}
}

// Whoever goes away learns nothing, and is not counted as refused.
func TestValidateCallerGoesAway(t *testing.T) {
	for _, at := range []string{"service", "devices", "CHANNELS"} {
		w := newWorld(t)
		w.sample()
		p := start(t, w)
		ctx, leave := context.WithCancel(t.Context())
		w.then[at] = leave
		for _, platform := range platforms {
			w.set(string(platform), hangs)
		}
		if _, err := p.Validate(ctx, sample); problem.Leaving(ctx, err) == nil || code(problem.Leaving(ctx, err)) != "abandoned" {
			t.Errorf("at %s: %v", at, err)
		}
	}
}

// A verification that cannot be recorded is answered all the same.
func TestUnrecorded(t *testing.T) {
	w := newWorld(t)
	w.sample()
	p := start(t, w)
	if _, err := p.db.Exec(t.Context(), `alter table tvvalidation.verifications rename to elsewhere`); err != nil {
		t.Fatal(err)
	}
	out, err := p.Validate(t.Context(), sample)
	if err != nil || verified(out) != "GRGG" {
		t.Errorf("%+v %v", out, err)
	}
	if n := testutil.ToFloat64(p.metrics.unrecorded); n != 1 {
		t.Errorf("counted %v", n)
	}
}

// A hundred at once share the queries of the inventory, and each has lists of its own.
func TestCopiesAtOnce(t *testing.T) {
	w := newWorld(t)
	w.sample()
	p := start(t, w)
	cfg := p.cfg
	cfg.Cache.Lifetime = time.Minute
	cached := newProcess(cfg, p.ring, p.db, p.log)
	cached.inventory, cached.platforms, cached.tables = p.inventory, p.platforms, p.tables
	want, err := p.QueryService(t.Context(), sample)
	if err != nil {
		t.Fatal(err)
	}
	before := w.called("channels")
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			got, err := cached.QueryService(t.Context(), sample)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%+v %v", got, err)
			}
			for _, list := range [][]string{got.Channels, got.Services, got.Devices} {
				list[0] = "spoilt"
			}
			out, err := cached.Validate(t.Context(), sample)
			if err != nil || verified(out) != "GRGG" {
				t.Errorf("%+v %v", out, err)
			}
			for _, c := range []tvvalidation.Check{out.Channels, out.Services, out.Devices, out.Subscriber} {
				c.Expected[0], c.Found[0] = "spoilt", "spoilt"
			}
		})
	}
	all.Wait()
	if n := w.called("channels") - before; n != 1 {
		t.Errorf("the inventory was asked %d times", n)
	}
	if n := testutil.ToFloat64(cached.metrics.views.WithLabelValues("cache")); n != 199 {
		t.Errorf("%v from the cache", n)
	}
}

// Who goes away while all wait for the same view does not take it with it.
func TestSharedViewOutlivesItsCaller(t *testing.T) {
	w := newWorld(t)
	w.sample()
	p := start(t, w)
	cfg := p.cfg
	cfg.Cache.Lifetime = time.Minute
	cached := newProcess(cfg, p.ring, p.db, p.log)
	cached.inventory, cached.platforms, cached.tables = p.inventory, p.platforms, p.tables
	ctx, leave := context.WithCancel(t.Context())
	var other sync.WaitGroup
	w.next["devices"] = []deed{hangs}
	w.then["devices"] = func() {
		joined := make(chan struct{})
		other.Go(func() {
			close(joined)
			if _, err := cached.QueryService(t.Context(), sample); err != nil {
				t.Error(err)
			}
		})
		<-joined
		leave()
	}
	if _, err := cached.QueryService(ctx, sample); err == nil || w.called("service") > 2 {
		t.Errorf("%v", err)
	}
	other.Wait()
}

// What failed is asked for again; what did not is not, until a fresh view is there.
func TestCache(t *testing.T) {
	w := newWorld(t)
	w.sample()
	p := start(t, w)
	cfg := p.cfg
	cfg.Cache.Lifetime = time.Minute
	cached := newProcess(cfg, p.ring, p.db, p.log)
	cached.inventory, cached.platforms, cached.tables = p.inventory, p.platforms, p.tables
	w.set("devices", fails)
	for range 2 {
		if _, err := cached.QueryService(t.Context(), sample); code(err) != "ERROR_18" {
			t.Errorf("%v", err)
		}
	}
	delete(w.does, "devices")
	for range 2 {
		if _, err := cached.QueryService(t.Context(), sample); err != nil {
			t.Error(err)
		}
	}
	if n := w.called("devices"); n != 3 {
		t.Errorf("asked %d times", n)
	}
	l := w.lines[phone]
	l.channels = nil
	w.lines[phone] = l
	if _, err := cached.freshView(t.Context(), phone); err != nil {
		t.Fatal(err)
	}
	if got, err := cached.QueryService(t.Context(), sample); err != nil || len(got.Channels) > 0 || w.called("devices") != 4 {
		t.Errorf("%+v %v", got, err)
	}
}

// QueryService speaks the inventory's codes, and needs no table.
func TestQueryService(t *testing.T) {
	w := newWorld(t)
	w.sample()
	l := w.lines[phone]
	l.State, l.channels, l.services, l.decos = "SUSPENDED", []string{"CAN-NEW", "CAN-HBO", "CAN-NEW"}, nil, []string{"00-1a-2b-3c-4d-5e", "00:1A:2B:3C:4D:5E"}
	w.lines[phone] = l
	p := start(t, w)
	p.tables = &tables{}
	got, err := p.QueryService(t.Context(), sample)
	want := tvvalidation.Service{
		Connection: phone, Account: account, Technology: "FTTH", State: "SUSPENDED", SubscriberState: "1",
		Channels: []string{"CAN-HBO", "CAN-NEW"}, Services: []string{}, Devices: []string{"001A2B3C4D5E"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v %v", got, err)
	}
	for _, call := range []func() error{
		func() error { _, err := p.QueryService(t.Context(), tvvalidation.Request{}); return err },
		func() error { _, err := p.Validate(t.Context(), tvvalidation.Request{}); return err },
	} {
		if err := call(); code(err) != "invalid" {
			t.Errorf("no connection: %v", err)
		}
	}
	if n := w.called(string(tvplatforms.PlatformChannels)); n != 0 {
		t.Error("a platform was asked")
	}
}

// Verifications go with their days, and there is room for the next ones.
func TestDaysOfVerifications(t *testing.T) {
	w := newWorld(t)
	w.sample()
	p := start(t, w)
	today, err := p.db.Today(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.makeDays(t.Context(), today.AddDate(0, 0, -92)); err != nil {
		t.Fatal(err)
	}
	if err := p.prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	var first, last string
	var n int
	if err := p.db.QueryRow(t.Context(), `select min(relname), max(relname), count(*) from pg_class where relname ~ '^verifications_\d{8}$'`).Scan(&first, &last, &n); err != nil {
		t.Fatal(err)
	}
	if n != 6 || first != "verifications_"+today.AddDate(0, 0, -90).Format("20060102") || last != "verifications_"+today.AddDate(0, 0, ahead).Format("20060102") {
		t.Errorf("%d days from %s to %s", n, first, last)
	}
}
