package tvvalidation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/go-json-experiment/json"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"puente/contracts/papi/tvvalidation"
	"puente/papi/tvvalidation/sql"
	"puente/shared/admin"
	"puente/shared/database"
	"puente/shared/problem"
	"puente/shared/snapshot"
)

// tables are the decode and filter tables as they were at one moment. They never change.
type tables struct {
	version int64
	rows    map[tableKey]table
}

type tableKey struct {
	technology tvvalidation.Technology
	kind       kind
}

// table is a row, or what keeps it from being worked by.
type table struct {
	rules
	broken []problem.Field
	unread error
}

// Version is the number of the state that the snapshot shows; zero: nothing was loaded yet.
func (t *tables) Version() int64 { return t.version }

// errUnread says that nobody knows what a table holds, where any other error says what is wrong with it.
var errUnread = errors.New("could not be read")

// find is a table that can be worked by. Its errors name it.
func (t *tables) find(technology tvvalidation.Technology, kind kind) (*rules, error) {
	id := (&TVTable{Technology: technology, Kind: kind}).id()
	found, ok := t.rows[tableKey{technology, kind}]
	switch {
	case t.version == 0:
		return nil, fmt.Errorf("table %s: %w: none was loaded yet", id, errUnread)
	case !ok:
		return nil, fmt.Errorf("table %s: there is none", id)
	case found.unread != nil:
		return nil, fmt.Errorf("table %s: %w: %w", id, errUnread, found.unread)
	case found.broken != nil:
		return nil, fmt.Errorf("table %s: %v", id, found.broken)
	}
	return &found.rules, nil
}

// store keeps the snapshot in step with the tables.
type store struct {
	*snapshot.Follower[*tables]
	db *database.DB
}

func newStore(db *database.DB, log *slog.Logger, reg prometheus.Registerer) *store {
	s := &store{db: db}
	s.Follower = snapshot.New(snapshot.Source[*tables]{
		Name: "tvtables", Channel: "tvtables_changed", Empty: &tables{},
		Version: func(ctx context.Context) (int64, error) { return sql.New(db).Version(ctx) }, Read: s.read,
	}, db, log, reg)
	return s
}

// read takes the tables at one moment. What is wrong with a row concerns only who needs it.
func (s *store) read(ctx context.Context) (next *tables, err error) {
	err = s.db.AtOneMoment(ctx, func(tx pgx.Tx) error {
		q := sql.New(tx)
		number, err := q.Version(ctx)
		if err != nil {
			return err
		}
		rows, err := q.ListTables(ctx)
		if err != nil {
			return err
		}
		next = &tables{version: number, rows: make(map[tableKey]table, len(rows))}
		for _, row := range rows {
			var t table
			if t.rules, t.unread = readRules(row.Spec); t.unread == nil {
				t.broken = t.rules.broken()
			}
			next.rows[tableKey{tvvalidation.Technology(row.Technology), kind(row.Kind)}] = t
		}
		return nil
	})
	return next, err
}

func readRules(spec []byte) (r rules, err error) {
	if len(spec) == 0 || spec[0] != '{' { // null would be read as no rules
		return r, errors.New("is no object")
	}
	return r, json.Unmarshal(spec, &r, json.RejectUnknownMembers(true))
}

// resource makes the tables administrable, by operators.
func (s *store) resource() admin.Resource {
	r := admin.Of("tvtables", "TVTable", admin.Collection[TVTable]{List: s.list, Get: s.get, Put: s.put, Delete: s.delete})
	r.Role = admin.Operator
	return r
}

func (s *store) list(ctx context.Context) ([]admin.Named[TVTable], error) {
	rows, err := sql.New(s.db).ListTables(ctx)
	if err != nil {
		return nil, database.Problem(err)
	}
	all := make([]admin.Named[TVTable], len(rows))
	for i, row := range rows {
		t := TVTable{Technology: tvvalidation.Technology(row.Technology), Kind: kind(row.Kind)}
		t.read(row.Spec)
		all[i] = admin.Named[TVTable]{ID: t.id(), Spec: t}
	}
	return all, nil
}

// read reads a row. One that cannot be read is shown as such: it is to be repaired by applying another.
func (t *TVTable) read(spec []byte) {
	var err error
	if t.rules, err = readRules(spec); err != nil {
		t.rules, t.Unreadable = rules{}, true
	}
}

func (s *store) get(ctx context.Context, id string) (t TVTable, err error) {
	if t.Identify(id) != nil {
		return t, problem.NotFound
	}
	spec, err := sql.New(s.db).GetTable(ctx, sql.GetTableParams{Technology: string(t.Technology), Kind: string(t.Kind)})
	if errors.Is(err, pgx.ErrNoRows) {
		return t, &problem.Error{Kind: problem.NotFound}
	}
	if err == nil {
		t.read(spec)
	}
	return t, database.Problem(err)
}

func (s *store) put(ctx context.Context, _ string, t TVTable) error {
	spec, err := json.Marshal(t.rules, json.Deterministic(true))
	if err != nil {
		return err
	}
	if err := sql.New(s.db).PutTable(ctx, sql.PutTableParams{Technology: string(t.Technology), Kind: string(t.Kind), Spec: spec}); err != nil {
		return database.Problem(err)
	}
	s.refresh(ctx)
	return nil
}

func (s *store) delete(ctx context.Context, id string) error {
	var t TVTable
	if t.Identify(id) != nil {
		return problem.NotFound
	}
	n, err := sql.New(s.db).DeleteTable(ctx, sql.DeleteTableParams{Technology: string(t.Technology), Kind: string(t.Kind)})
	if err == nil && n == 0 {
		return &problem.Error{Kind: problem.NotFound}
	}
	if err != nil {
		return database.Problem(err)
	}
	s.refresh(ctx)
	return nil
}

// refresh has this process work by a change once its operator was told that it was made. Where that
// fails the follower finds the change, as it does in the others.
func (s *store) refresh(ctx context.Context) { _ = s.Load(ctx) }
