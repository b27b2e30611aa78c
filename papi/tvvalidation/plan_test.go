package tvvalidation

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"puente/contracts/papi/tvvalidation"
	"puente/contracts/sapi/tvplatforms"
	"puente/shared/database/databasetest"
)

// What a request costs does not grow with what was verified and normalized before, nor does what the jobs
// do. The tables of decodes have six rows at most.
func TestPlansLast(t *testing.T) {
	w := newWorld(t)
	w.sample()
	db := databasetest.NewSession(t, API.Migrations...)
	p := w.process(t, db, testRing(t))
	if err := p.keepDays(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := 0
	use := func() {
		n++
		v, err := p.Validate(t.Context(), sample)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.QueryVerification(t.Context(), tvvalidation.IDQuery{ID: v.ID}); err != nil {
			t.Fatal(err)
		}
		w.hold(tvplatforms.PlatformServices)
		in := keyed(fmt.Sprint(n))
		first, err := p.Normalize(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Normalize(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		if _, err := p.QueryNormalization(t.Context(), tvvalidation.IDQuery{ID: first.ID}); err != nil {
			t.Fatal(err)
		}
		last, _, err := p.alone(t.Context(), account)
		if err != nil {
			t.Fatal(err)
		}
		died, err := p.newRun(account, last)
		if err != nil {
			t.Fatal(err)
		}
		died.out = first
		died.out.State = tvvalidation.NormalizationRunning
		p.worktime = -time.Minute
		if started, err := p.start(t.Context(), p.request(t.Context(), keyed(fmt.Sprint("died ", n))), &died); !started || err != nil {
			t.Fatal(err)
		}
		p.worktime = sla
		if err := p.resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		testutil.ToFloat64(p.overdue())
		if err := p.pruneNormalizations(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	databasetest.WantLastingPlans(t, db, "tvvalidation", use, `
		with verified as (
			insert into tvvalidation.verifications
			select gen_random_uuid(), (now() at time zone 'utc')::date, now(), 'chatbot', 'MAX', 'CS-' || i, 'FTTH', 'GREEN', 'RED', 'GREEN', 'GREEN', 'sealed' from generate_series(1, 20000) as i
		)
		insert into tvvalidation.normalizations (id, key, asked, client, system, channel, correlation, account, technology, acts, state, result, token, ends_at, ended_at)
		select gen_random_uuid(), sha256(i::text::bytea), 'asked', 'chatbot', 'MAX', 'whatsapp', 'C', sha256(i::text::bytea), 'FTTH', true,
			case when i % 100 = 0 then 'RUNNING' else 'DONE' end, 'sealed', 'token', now() + interval '1 hour', case when i % 100 = 0 then null else now() end from generate_series(1, 20000) as i`)
}
