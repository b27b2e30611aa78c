package audit

import (
	"strings"
	"testing"

	"puente/shared/database/databasetest"
)

// A chain of three days with three records each: 1–3, 4–6 and 7–9.
func TestVerifyNamesAnAnchorThatIsNotAsItWas(t *testing.T) {
	for name, test := range map[string]struct{ tamper, fault string }{
		"first beyond the day":  {`update audit.anchors set first_sequence = 77 where first_sequence = 4`, `the anchor of`},
		"first within the day":  {`update audit.anchors set first_sequence = 5 where first_sequence = 4`, `the anchor of`},
		"first before the day":  {`update audit.anchors set first_sequence = 3 where first_sequence = 4`, `the anchor of`},
		"last within the day":   {`update audit.anchors set last_sequence = 5 where first_sequence = 4`, `record 6 (r6) is not the one that the anchor of`},
		"last beyond the day":   {`update audit.anchors set last_sequence = 7 where first_sequence = 4`, `record 7 is missing`},
		"one put in":            {`insert into audit.anchors select instance, day + 30, 10, last_hash, 9, last_hash from audit.anchors where last_sequence = 9`, `the anchor of`},
		"one put in and beyond": {`insert into audit.anchors select instance, day + 30, 10, last_hash, 12, last_hash from audit.anchors where last_sequence = 9`, `record 10 is missing`},
		"marked as dropped over altered records": {`with marked as (update audit.anchors set dropped = now() where first_sequence = 1)
			update audit.records set status = 500 where sequence = 2`, `record 2 (r2) was altered`},
		"marked as dropped over some of its records": {`with marked as (update audit.anchors set dropped = now() where first_sequence = 1)
			delete from audit.records where sequence = 2`, `record 2 is missing`},
		"marked as dropped, not dropped yet": {`update audit.anchors set dropped = now() where first_sequence = 1`, ``},
		"end moved back":                     {`update audit.chains set sequence = 8`, `record 9 (r9) is not the one at the chain's end`},
		"end moved on":                       {`update audit.chains set sequence = 10`, `record 10 is missing`},
		"salt of another length":             {`update audit.records set salt = substr(salt, 1, 15) where sequence = 4`, `record 4 (r4): a personal field was altered`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := databasetest.New(t, Migrations)
			kept(t, db, "a", 3, 3, 2, 1)
			if _, err := db.Exec(t.Context(), test.tamper); err != nil {
				t.Fatal(err)
			}
			if _, fault := verified(t, db); !strings.HasPrefix(strings.TrimPrefix(fault, "a: "), test.fault) || (fault == "") != (test.fault == "") {
				t.Errorf("fault %q, want %q", fault, test.fault)
			}
		})
	}
}
