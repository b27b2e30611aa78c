package audit

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

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
