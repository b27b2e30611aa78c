package audit

import (
	"fmt"
	"io"
	"reflect"
	"testing"
	"testing/iotest"
	"time"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"puente/shared/audit/sql"
	"puente/shared/database/databasetest"
)

// Every column is stored as it is read back, whatever is in it.
func TestRowsAreStoredAsTheyAre(t *testing.T) {
	db := databasetest.New(t, Migrations)
	today, err := db.Today(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := sql.New(db).StartChain(t.Context(), sql.StartChainParams{Instance: "a", Label: "a", Hash: genesis("a")}); err != nil {
		t.Fatal(err)
	}
	if err := days.Create(t.Context(), db, today); err != nil {
		t.Fatal(err)
	}
	sequence := int64(0)
	rapid.Check(t, func(t *rapid.T) {
		var all []entry
		for range rapid.IntRange(1, 3).Draw(t, "records") {
			e, err := parseEntry(appendEntry(nil, ended, anyRecord(t)))
			if err != nil {
				t.Fatal(err)
			}
			e.started = rapid.SampledFrom([]time.Time{e.started, earliest, latest, time.UnixMicro(-1).UTC()}).Draw(t, "started")
			e.keys = rapid.SampledFrom([]string{e.keys, `[{"key":"phone","value":"******0019"}]`}).Draw(t, "keys")
			e.mark = 0 // is not stored
			all = append(all, e)
		}
		rows := link(nil, "a", today, sequence, genesis("a"), all)
		if err := pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) error { return copyRows(t.Context(), tx, rows) }); err != nil {
			t.Fatal(err)
		}
		found, err := db.Query(t.Context(), "select "+selected+" from audit.records where sequence > $1 order by sequence", sequence)
		if err != nil {
			t.Fatal(err)
		}
		got, err := pgx.CollectRows(found, func(row pgx.CollectableRow) (linked, error) { return scan(row) })
		if err != nil || !reflect.DeepEqual(got, rows) {
			t.Fatalf("stored\n%+v, %v, want\n%+v", got, err, rows)
		}
		sequence += int64(len(rows))
	})
}

func TestRowsReadTheSameInAnyPieces(t *testing.T) {
	rows := link(nil, "a", time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC), 0, genesis("a"), entries(time.Now(), 0, 20))
	whole, err := io.ReadAll(&copied{rows: rows, left: copyHead})
	if err != nil {
		t.Fatal(err)
	}
	if err := iotest.TestReader(&copied{rows: rows, left: copyHead}, whole); err != nil {
		t.Error(err)
	}
}

func TestPhoneAmongTheKeys(t *testing.T) {
	for keys, want := range map[string]string{
		``: "", `[]`: "", `[{"key":"numOrder","value":"phone"}]`: "",
		`[{"key":"numOrder","value":"1"},{"key":"phone","value":"******0019"}]`: "******0019",
		`[{"key":"phone","value":""}]`:                                          "", `[{"key":"phone","value":"a\"b"}]`: `a"b`,
		`[{"key":"x","value":"{\"key\":\"phone\",\"value\":\"1\"}"}]`: "",
		`[{"value":"******0019","key":"phone"}]`:                      "******0019", `[{"key":"\u0070hone","value":"1"}]`: "1", `phone`: "",
	} {
		got := (&entry{keys: keys}).phone()
		if shown := fmt.Sprint(got == nil); got != nil && *got != want || got == nil && want != "" {
			t.Errorf("%s: nil %s, want %q", keys, shown, want)
		}
	}
}
