package audit

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"puente/shared/audit/sql"
	"puente/shared/database/databasetest"
	"puente/shared/journal"
)

// Whoever verifies the chains daily is alerted by the metrics.
func TestVerifyShowsInTheMetrics(t *testing.T) {
	db := databasetest.New(t, Migrations)
	kept(t, db, "a", 3, 2, 1)
	kept(t, db, "b", 3, 1)
	j, err := journal.Open(t.TempDir(), journal.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	l := New(j, db, Config{}, "replica", databasetest.Logger(t), prometheus.NewRegistry())
	verify := func(broken float64) {
		t.Helper()
		if _, err := l.Verify(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := testutil.ToFloat64(l.metrics.broken); got != broken {
			t.Errorf("%v chains are broken, want %v", got, broken)
		}
	}
	if testutil.ToFloat64(l.metrics.verified) != 0 {
		t.Error("verified before anybody asked")
	}
	verify(0)
	if testutil.ToFloat64(l.metrics.verified) == 0 {
		t.Error("not verified")
	}
	if _, err := db.Exec(t.Context(), "update audit.records set status = 500 where instance = 'b' and sequence = 2"); err != nil {
		t.Fatal(err)
	}
	verify(1)
}

// Of the processes that share a database one verifies the chains, once a day, and all show what was found.
func TestChainsAreVerifiedDaily(t *testing.T) {
	db := databasetest.New(t, Migrations)
	kept(t, db, "c", 3, 2, 1)
	replicas := make([]*Log, 2)
	for i := range replicas {
		j, err := journal.Open(t.TempDir(), journal.Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		replicas[i] = New(j, db, Config{}, "replica", databasetest.Logger(t), prometheus.NewRegistry())
	}
	exec := func(statement string) {
		t.Helper()
		if _, err := db.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	look := func(verified bool, broken float64) {
		t.Helper()
		for i, l := range replicas {
			if err := l.watch(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := testutil.ToFloat64(l.metrics.verified) > 0; got != verified {
				t.Errorf("replica %d: verified is %t", i, got)
			}
			if got := testutil.ToFloat64(l.metrics.broken); got != broken {
				t.Errorf("replica %d: %v chains are broken, want %v", i, got, broken)
			}
		}
	}
	exec("update audit.verification set begun = now(), alive = now()") // by one that may be there
	look(false, 0)
	exec("update audit.verification set alive = now() - interval '6 minutes'")
	look(true, 0)
	exec("update audit.records set status = 500 where instance = 'c' and sequence = 2")
	look(true, 0) // not yet a day
	exec("update audit.verification set ended = now() - interval '25 hours'")
	look(true, 1)
	if err := sql.New(db).EndVerification(t.Context(), sql.EndVerificationParams{Begun: time.Now().Add(-time.Hour)}); err != nil { // of one that began before
		t.Fatal(err)
	}
	look(true, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	exec("update audit.verification set ended = now() - interval '25 hours', begun = now()")
	if err := replicas[0].verifyAs(ctx, time.Now()); err == nil {
		t.Error("verified after the end")
	}
	look(true, 1) // the next one does
}
