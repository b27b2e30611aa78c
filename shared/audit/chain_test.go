package audit

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/audit/sql"
	"puente/shared/database"
	"puente/shared/database/databasetest"
	"puente/shared/journal"
)

// kept stores a chain of perDay records on each of the days before today, counted back from the
// oldest: the loader can only do so today.
func kept(t *testing.T, db *database.DB, instance string, perDay int, daysAgo ...int) {
	t.Helper()
	ctx := t.Context()
	today, err := db.Today(ctx)
	if err != nil {
		t.Fatal(err)
	}
	q := sql.New(db)
	hash, sequence := genesis(instance), int64(0)
	if err := q.StartChain(ctx, sql.StartChainParams{Instance: instance, Label: "label of " + instance, Hash: hash}); err != nil {
		t.Fatal(err)
	}
	for _, ago := range daysAgo {
		day := today.AddDate(0, 0, -ago)
		if err := days.Create(ctx, db, day); err != nil {
			t.Fatal(err)
		}
		rows := link(nil, instance, day, sequence, hash, entries(day, sequence, perDay))
		err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error { return copyRows(ctx, tx, rows) })
		if err != nil {
			t.Fatal(err)
		}
		first, last := rows[0], rows[perDay-1]
		sequence, hash = last.sequence, last.hash
		if err := q.AnchorDay(ctx, sql.AnchorDayParams{
			Instance: instance, Day: day, FirstSequence: first.sequence, FirstPrevious: first.previous, LastSequence: sequence, LastHash: hash,
		}); err != nil {
			t.Fatal(err)
		}
		if err := q.MoveChain(ctx, sql.MoveChainParams{Instance: instance, Sequence: sequence, Hash: hash, Day: day}); err != nil {
			t.Fatal(err)
		}
	}
}

// entries are n records of a day, of which each has a phone number and a text that is only its own.
func entries(day time.Time, after int64, n int) []entry {
	all := make([]entry, n)
	for i := range all {
		number := after + int64(i) + 1
		all[i] = entry{
			mark: ended, id: fmt.Sprintf("r%d", number), kind: Request, started: day.Add(time.Duration(i) * time.Minute), layer: "xapi", api: "portabilities",
			client: "tienda", correlation: fmt.Sprintf("c%d", number), status: 200, outcome: "ok",
			address: "192.0.2.7", detail: "secret detail", keys: fmt.Sprintf(`[{"key":"phone","value":"******%04d"}]`, number),
			request: fmt.Sprintf(`{"secret":%d}`, number), response: `{"secret":true}`,
		}
	}
	return all
}

// verified is the report, and its faults in one text.
func verified(t *testing.T, db *database.DB) (Report, string) {
	t.Helper()
	report, err := Verify(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	var faults []string
	for _, c := range report.Chains {
		if c.Fault != "" {
			faults = append(faults, c.Instance+": "+c.Fault)
		}
	}
	if report.Intact != (faults == nil) {
		t.Errorf("intact %t with faults %q", report.Intact, faults)
	}
	return report, strings.Join(faults, "; ")
}

// Two chains of three days with three records each: a's records are 1–3, 4–6 and 7–9.
func TestVerifyNamesTheFirstRecordThatIsNotAsItWas(t *testing.T) {
	for name, test := range map[string]struct{ tamper, fault string }{
		"nothing":                   {`select`, ``},
		"public field":              {`update audit.records set status = 500 where instance = 'a' and sequence in (5, 8)`, `a: record 5 (r5) was altered`},
		"time":                      {`update audit.records set started = started + interval '1 microsecond' where instance = 'a' and sequence = 2`, `a: record 2 (r2) was altered`},
		"text moved to a neighbour": {`update audit.records set client = '', system = client where instance = 'a' and sequence = 2`, `a: record 2 (r2) was altered`},
		"personal field":            {`update audit.records set request = '{}' where instance = 'a' and sequence = 5`, `a: record 5 (r5): a personal field was altered`},
		"search key":                {`update audit.records set phone = '******9999' where instance = 'a' and sequence = 5`, `a: record 5 (r5): a personal field was altered`},
		"salt":                      {`update audit.records set salt = '\x00' where instance = 'a' and sequence = 1`, `a: record 1 (r1): a personal field was altered`},
		"half erased":               {`update audit.records set salt = null, erased = now() where instance = 'a' and sequence = 1`, `a: record 1 (r1): a personal field was altered`},
		"first record deleted":      {`delete from audit.records where instance = 'a' and sequence = 1`, `a: record 1 is missing`},
		"record deleted":            {`delete from audit.records where instance = 'a' and sequence = 5`, `a: record 5 is missing`},
		"first of a day deleted":    {`delete from audit.records where instance = 'a' and sequence = 4`, `a: record 4 is missing`},
		"last of a day deleted":     {`delete from audit.records where instance = 'a' and sequence = 6`, `a: record 6 is missing`},
		"last record deleted":       {`delete from audit.records where instance = 'a' and sequence = 9`, `a: record 9 is missing`},
		"day deleted":               {`delete from audit.records where instance = 'a' and sequence between 4 and 6`, `a: record 4 is missing`},
		"day and anchor deleted": {`with gone as (delete from audit.records where instance = 'a' and sequence between 4 and 6 returning day)
			delete from audit.anchors where instance = 'a' and day in (select day from gone)`, `a: record 4 is missing`},
		"first day and anchor deleted": {`with gone as (delete from audit.records where instance = 'a' and sequence <= 3 returning day)
			delete from audit.anchors where instance = 'a' and day in (select day from gone)`, `a: record 1 is missing`},
		"last day and anchor deleted": {`with gone as (delete from audit.records where instance = 'a' and sequence >= 7 returning day)
			delete from audit.anchors where instance = 'a' and day in (select day from gone)`, `a: record 7 is missing`},
		"all records deleted": {`delete from audit.records where instance = 'a'`, `a: record 1 is missing`},
		"last anchor deleted": {`delete from audit.anchors where instance = 'a' and last_sequence = 9`, `a: record 7 (r7) stands on`},
		"anchor altered":      {`update audit.anchors set last_hash = '\x00' where instance = 'a' and last_sequence = 6`, `a: record 6 (r6) is not the one that the anchor of`},
		"head altered":        {`update audit.anchors set first_previous = '\x00' where instance = 'a' and first_sequence = 4`, `a: the anchor of`},
		"chain's end altered": {`update audit.chains set hash = '\x00' where instance = 'a'`, `a: record 9 (r9) is not the one at the chain's end`},
		"chain's end deleted": {`delete from audit.chains where instance = 'a'`, `a: the chain's end is missing`},
		"record put in":       {`insert into audit.records select (jsonb_populate_record(r, '{"sequence": 10}')).* from audit.records r where instance = 'a' and sequence = 9`, `a: record 10 (r9) was altered`},
		"both chains": {`update audit.records set code = 'X' where sequence = 8`,
			`a: record 8 (r8) was altered; b: record 8 (r8) was altered`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := databasetest.New(t, Migrations)
			kept(t, db, "a", 3, 3, 2, 1)
			kept(t, db, "b", 3, 4, 2, 0)
			if _, err := db.Exec(t.Context(), test.tamper); err != nil {
				t.Fatal(err)
			}
			if _, fault := verified(t, db); !strings.HasPrefix(fault, test.fault) || (fault == "") != (test.fault == "") {
				t.Errorf("fault %q, want %q", fault, test.fault)
			}
		})
	}
}

// Who alters a record and computes its hash anew is given away by what the next was linked to, or by
// the anchor.
func TestVerifyNamesARecordThatWasReplacedWithItsHash(t *testing.T) {
	for _, sequence := range []int64{1, 2, 3, 9} {
		db := databasetest.New(t, Migrations)
		kept(t, db, "a", 3, 3, 2, 1)
		rows, err := db.Query(t.Context(), "select "+selected+" from audit.records where sequence = $1", sequence)
		if err != nil {
			t.Fatal(err)
		}
		l, err := pgx.CollectExactlyOneRow(rows, scan)
		if err != nil {
			t.Fatal(err)
		}
		l.outcome = "server"
		if _, err := db.Exec(t.Context(), "update audit.records set outcome = $1, hash = $2 where sequence = $3", l.outcome, l.appendSum(nil), sequence); err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("a: record %d (r%d) is not the one that ", sequence, sequence)
		if _, fault := verified(t, db); !strings.HasPrefix(fault, want) {
			t.Errorf("record %d: fault %q", sequence, fault)
		}
	}
}

func TestErasedRecordsVerify(t *testing.T) {
	db := databasetest.New(t, Migrations)
	kept(t, db, "a", 3, 2, 1)
	for _, q := range []Query{{Correlation: "c2"}, {Phone: "******0005"}} {
		if n, err := Erase(t.Context(), db, q); err != nil || n != 1 {
			t.Fatalf("%+v: erased %d, %v", q, n, err)
		}
	}
	if _, err := Erase(t.Context(), db, Query{Client: "tienda"}); err == nil {
		t.Error("erased by client alone")
	}

	report, fault := verified(t, db)
	if fault != "" || report.Records != 6 || report.Erased != 2 {
		t.Errorf("%+v", report)
	}
	rows, err := Show(t.Context(), db, "c2")
	if err != nil || len(rows) != 1 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if r := rows[0]; r.Erased == nil || r.Outcome != "ok" || r.Address+r.Detail+string(r.Keys)+string(r.Request)+string(r.Response) != "" {
		t.Errorf("shown: %+v", r)
	}
	var left int
	if err := db.QueryRow(t.Context(), "select count(*) from audit.records r where erased is not null and r::text ~ 'secret|192\\.0|\\*'").Scan(&left); err != nil || left != 0 {
		t.Errorf("%d erased records still hold something personal, %v", left, err)
	}
}

func TestRetentionDropsWholeDaysAndKeepsTheirAnchors(t *testing.T) {
	ctx := t.Context()
	db := databasetest.New(t, Migrations)
	kept(t, db, "a", 3, 12, 11, 10, 1)
	kept(t, db, "quiet", 2, 30, 20)
	j, err := journal.Open(t.TempDir(), journal.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	l := New(j, db, Config{Retention: 10 * 24 * time.Hour}, "replica", databasetest.Logger(t), prometheus.NewRegistry())
	if err := l.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := l.keepDays(ctx); err != nil {
			t.Fatal(err)
		}
	}

	report, fault := verified(t, db)
	if fault != "" || report.Records != 6 {
		t.Errorf("fault %q, %d records, want those of the two days kept", fault, report.Records)
	}
	var anchors, tomorrow int
	today, err := db.Today(ctx)
	if err != nil {
		t.Fatal(err)
	}
	err = db.QueryRow(ctx, "select (select count(*) from audit.anchors), (select count(*) from pg_class where oid = to_regclass($1))",
		"audit.records_"+today.AddDate(0, 0, 1).Format("20060102")).Scan(&anchors, &tomorrow)
	if err != nil || anchors != 6 || tomorrow != 1 {
		t.Errorf("%d anchors, want 6; tomorrow's partition: %d; %v", anchors, tomorrow, err)
	}
	for _, c := range report.Chains {
		if want := map[string]int{"a": 11, "quiet": 20}[c.Instance]; want > 0 && c.Dropped != date(today.AddDate(0, 0, -want)) {
			t.Errorf("%s: dropped to %q", c.Instance, c.Dropped)
		}
	}

	// Retention excuses only the days that it took.
	if _, err := db.Exec(ctx, "delete from audit.records where sequence = 7"); err != nil {
		t.Fatal(err)
	}
	if _, fault := verified(t, db); fault != "a: record 7 is missing" {
		t.Errorf("fault %q", fault)
	}
}

func TestSearch(t *testing.T) {
	db := databasetest.New(t, Migrations)
	kept(t, db, "a", 3, 2, 1)
	ctx := context.Background()
	if _, err := db.Exec(ctx, "update audit.records set code = 'ERROR_06' where sequence in (2, 4); update audit.records set kind = 'security' where sequence = 3"); err != nil {
		t.Fatal(err)
	}
	today, err := db.Today(ctx)
	if err != nil {
		t.Fatal(err)
	}
	yesterday := today.AddDate(0, 0, -1)
	for _, test := range []struct {
		name string
		q    Query
		want string
	}{
		{"everything, oldest first", Query{}, "1 2 3 4 5 6"},
		{"the newest", Query{Limit: 2}, "5 6"},
		{"correlation", Query{Correlation: "c3"}, "3"},
		{"client", Query{Client: "tienda"}, "1 2 3 4 5 6"},
		{"another client", Query{Client: "miEtb"}, ""},
		{"code", Query{Code: "ERROR_06"}, "2 4"},
		{"phone", Query{Phone: "******0006"}, "6"},
		{"kind", Query{Kind: Security}, "3"},
		{"from", Query{From: yesterday.Add(time.Minute)}, "5 6"},
		{"until", Query{Until: yesterday.Add(time.Minute)}, "1 2 3 4"},
		{"between", Query{Client: "tienda", From: yesterday, Until: yesterday.Add(time.Minute)}, "4"},
		{"what no index takes", Query{Client: strings.Repeat("é\xff\x00", 9999)}, ""},
	} {
		rows, err := Search(ctx, db, test.q)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		var got []string
		for _, r := range rows {
			got = append(got, fmt.Sprint(r.Sequence))
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: %v, want %s", test.name, got, test.want)
		}
	}
}

func TestConfigValidate(t *testing.T) {
	for _, test := range []struct {
		cfg Config
		ok  bool
	}{{Config{}, true}, {Config{Retention: time.Hour, FlushEvery: time.Second}, true}, {Config{Retention: -1}, false}, {Config{FlushEvery: -1}, false}} {
		if err := test.cfg.Validate(); (err == nil) != test.ok {
			t.Errorf("%+v: %v", test.cfg, err)
		}
	}
}
