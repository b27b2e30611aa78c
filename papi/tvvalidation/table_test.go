package tvvalidation

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"puente/contracts/papi/tvvalidation"
	"puente/shared/database"
	"puente/shared/database/databasetest"
	"puente/shared/problem"
)

func TestTableConsistency(t *testing.T) {
	long := strings.Repeat("x", 65)
	for name, c := range map[string]struct {
		rules rules
		want  []string // paths
	}{
		"empty":    {rules{}, nil},
		"good":     {rules{Decodes: map[string]string{"A": "1", "B": "2"}, Filters: filters{MSS: []string{"C"}, Platform: []string{"3"}}}, nil},
		"longest":  {rules{Decodes: map[string]string{long[1:]: long[1:]}}, nil},
		"one code": {rules{Decodes: map[string]string{"A": "1", "B": "1", "C": "1"}}, []string{"decodes.B", "decodes.C"}},
		"both":     {rules{Decodes: map[string]string{"A": "1"}, Filters: filters{MSS: []string{"B", "A"}}}, []string{"filters.mss[1]"}},
		"target":   {rules{Decodes: map[string]string{"A": "1"}, Filters: filters{Platform: []string{"1"}}}, []string{"filters.platform[0]"}},
		"the inventory's code may be filtered on the platform": {rules{Decodes: map[string]string{"A": "1"}, Filters: filters{Platform: []string{"A"}, MSS: []string{"1"}}}, nil},
		"forms": {rules{Decodes: map[string]string{"": "1", " A": "2", "B": "", "C": "3 ", long: "4", "D": "\x00"}, Filters: filters{MSS: []string{" "}, Platform: []string{""}}},
			[]string{"decodes.", "decodes. A", "decodes.B", "decodes.C", "decodes.D", "decodes." + long, "filters.mss[0]", "filters.platform[0]", "filters.platform[0]"}},
	} {
		var paths []string
		for _, f := range c.rules.broken() {
			paths = append(paths, f.Path)
		}
		if !slices.Equal(paths, c.want) {
			t.Errorf("%s: %q, want %q", name, paths, c.want)
		}
	}
}

// followed is a store that follows the database until the test ends.
func followed(t *testing.T, db *database.DB) *store {
	s := newStore(db, databasetest.Logger(t), prometheus.NewPedanticRegistry())
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	return s
}

// await returns once find of FTTH's channels is as want says.
func await(t *testing.T, s *store, want func(*rules, error) bool) {
	t.Helper()
	for {
		changed := s.Changed()
		if want(s.Snapshot().find(tvvalidation.TechnologyFTTH, kindChannels)) {
			return
		}
		select {
		case <-changed:
		case <-t.Context().Done():
			t.Fatal("the table never came to be so")
		}
	}
}

// Two stores on one database, as two replicas have: who edits works by it at once, and the other follows.
func TestTableEditedByOneReadByAnother(t *testing.T) {
	db := databasetest.New(t, API.Migrations...)
	mine, other := newStore(db, databasetest.Logger(t), prometheus.NewRegistry()), followed(t, db)
	if _, err := mine.Snapshot().find(tvvalidation.TechnologyFTTH, kindChannels); !errors.Is(err, errUnread) {
		t.Errorf("before the first load: %v", err)
	}
	r := mine.resource()
	const id = "FTTH:channels"
	for _, c := range []struct {
		spec    string
		changed bool
		target  string
	}{
		{`{"decodes":{"CAN-HBO":"HBO"},"filters":{"mss":["B","A","B"],"platform":[]}}`, true, "HBO"},
		{`{"kind":"CHANNELS","decodes":{"CAN-HBO":"HBO"},"filters":{"mss":["A","B"]}}`, false, "HBO"},
		{`{"decodes":{"CAN-HBO":"HBO2"}}`, true, "HBO2"},
		{`{}`, true, ""},
	} {
		changed, err := r.Apply(t.Context(), id, json.RawMessage(c.spec))
		if err != nil || changed != c.changed {
			t.Fatalf("%s: changed %v, %v", c.spec, changed, err)
		}
		found, err := mine.Snapshot().find(tvvalidation.TechnologyFTTH, kindChannels)
		if err != nil || found.Decodes["CAN-HBO"] != c.target {
			t.Errorf("%s: %+v %v", c.spec, found, err)
		}
		await(t, other, func(found *rules, err error) bool { return err == nil && found.Decodes["CAN-HBO"] == c.target })
	}
	if all, err := r.List(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("list %v %v", all, err)
	}
	if err := r.Delete(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	await(t, other, func(_ *rules, err error) bool { return err != nil && !errors.Is(err, errUnread) })
	for _, missing := range []string{id, "nothing"} {
		if err := r.Delete(t.Context(), missing); !errors.Is(err, problem.NotFound) {
			t.Errorf("delete %s: %v", missing, err)
		}
		if _, err := r.Get(t.Context(), missing); !errors.Is(err, problem.NotFound) {
			t.Errorf("get %s: %v", missing, err)
		}
	}
}

func TestTableRefused(t *testing.T) {
	r := newStore(databasetest.New(t, API.Migrations...), databasetest.Logger(t), prometheus.NewRegistry()).resource()
	for _, c := range [][3]string{
		{"FTTH", `{}`, "id"}, {"LTE:channels", `{}`, "id"}, {"FTTH:CHANNELS", `{}`, "id"}, {"FTTH:devices", `{}`, "id"},
		{"FTTH:channels", `{"technology":"HFC"}`, "technology"}, {"FTTH:channels", `{"kind":"SERVICES"}`, "kind"},
		{"FTTH:channels", `{"decodes":{"A":"1","B":"1"}}`, "decodes.B"}, {"FTTH:channels", `{"filters":{"mss":[""]}}`, "filters.mss[0]"},
		{"FTTH:channels", `{"unreadable":true}`, "unreadable"}, {"FTTH:channels", `{"decodes":{"A":1}}`, "decodes.A"}, {"FTTH:channels", `{"x":1}`, "x"},
	} {
		_, err := r.Apply(t.Context(), c[0], json.RawMessage(c[1]))
		if e := problem.Of(err); e == nil || e.Kind != problem.Invalid || len(e.Fields) != 1 || e.Fields[0].Path != c[2] {
			t.Errorf("%s %s: %v", c[0], c[1], err)
		}
	}
}

// What somebody wrote past the checks spoils nothing but its own table, and can be repaired.
func TestTableCorrupt(t *testing.T) {
	db := databasetest.New(t, API.Migrations...)
	s := newStore(db, databasetest.Logger(t), prometheus.NewRegistry())
	r := s.resource()
	for _, id := range []string{"FTTH:channels", "FTTH:services"} {
		if _, err := r.Apply(t.Context(), id, json.RawMessage(`{"decodes":{"A":"1"}}`)); err != nil {
			t.Fatal(err)
		}
	}
	for spec, unread := range map[string]bool{
		`null`: true, `[]`: true, `"x"`: true, `{"decodes":5}`: true, `{"decode":{}}`: true,
		`{"decodes":{"A":"1","B":"1"}}`: false, `{"decodes":{"A":""}}`: false, `{"decodes":{"A":"1"},"filters":{"mss":["A"]}}`: false,
	} {
		if _, err := db.Exec(t.Context(), `update tvvalidation.tables set spec = $1::text::jsonb where kind = 'CHANNELS'`, spec); err != nil {
			t.Fatal(err)
		}
		if err := s.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, err := s.Snapshot().find(tvvalidation.TechnologyFTTH, kindChannels)
		if err == nil || errors.Is(err, errUnread) != unread || !strings.Contains(err.Error(), "FTTH:channels") {
			t.Errorf("%s: %v", spec, err)
		}
		if _, err := s.Snapshot().find(tvvalidation.TechnologyFTTH, kindServices); err != nil {
			t.Errorf("%s: the other table: %v", spec, err)
		}
		if changed, err := r.Apply(t.Context(), "FTTH:channels", json.RawMessage(`{}`)); err != nil || !changed {
			t.Errorf("%s is not repaired: %v %v", spec, changed, err)
		}
	}
}
