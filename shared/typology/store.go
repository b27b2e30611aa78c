package typology

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/admin"
	"puente/shared/database"
	"puente/shared/problem"
	"puente/shared/snapshot"
	"puente/shared/typology/sql"
)

//go:embed sql/migrations/*.sql
var files embed.FS

// Migrations are those of schema typology.
var Migrations = database.Migrations{Schema: "typology", FS: database.Files(files)}

// Store keeps the snapshot in step with the table. Before the first Load the built-in texts hold.
type Store struct {
	*snapshot.Follower[*Snapshot]
	db *database.DB
}

// New makes a store.
func New(db *database.DB, log *slog.Logger, reg prometheus.Registerer) *Store {
	s := &Store{db: db}
	s.Follower = snapshot.New(snapshot.Source[*Snapshot]{
		Name: "typology", Channel: "typology_changed", Empty: &Snapshot{},
		Version: func(ctx context.Context) (int64, error) { return sql.New(db).Version(ctx) }, Read: s.read,
	}, db, log, reg)
	return s
}

// read takes the table at one moment.
func (s *Store) read(ctx context.Context) (next *Snapshot, err error) {
	err = s.db.AtOneMoment(ctx, func(tx pgx.Tx) error {
		q := sql.New(tx)
		number, err := q.Version(ctx)
		if err != nil {
			return err
		}
		rows, err := q.ListTexts(ctx)
		if err != nil {
			return err
		}
		next = &Snapshot{version: number, texts: make(map[key]problem.Text, len(rows))}
		for _, row := range rows {
			if row.Enabled {
				next.texts[key{row.Api, strings.ToLower(row.System), row.Code}] = problem.Text{
					Status: int(row.HttpStatus), Detail: row.ErrorDetailCode, Message: row.ErrorMessage, User: row.ErrorMessageUser,
				}
			}
		}
		return nil
	})
	return next, err
}

// Seed adds the declared texts of APIs, by contract name, for any system. What is there already stays as
// operators made it.
func Seed(ctx context.Context, db *database.DB, declared map[string]*Declaration) error {
	err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		q := sql.New(tx)
		rows, err := q.ListTexts(ctx)
		if err != nil {
			return err
		}
		there := make(map[key]bool, len(rows))
		for _, row := range rows {
			there[key{row.Api, row.System, row.Code}] = true
		}
		for _, api := range slices.Sorted(maps.Keys(declared)) { // one order, so that two starts wait for each other in it
			for _, t := range declared[api].Texts {
				if there[key{api, anything, t.Code}] { // a statement that changes nothing counts as a change, too
					continue
				}
				err := q.SeedText(ctx, sql.SeedTextParams{
					Api: api, Code: t.Code, HttpStatus: int32(t.Status), ErrorDetailCode: t.Detail, ErrorMessage: t.Message, ErrorMessageUser: t.User,
				})
				if err != nil {
					return fmt.Errorf("typology: seed %s %s: %w", api, t.Code, err)
				}
			}
		}
		return nil
	})
	return database.Problem(err)
}

// Resource makes the texts administrable, by operators.
func Resource(s *Store) admin.Resource {
	r := admin.Of("typologies", "Typology", admin.Collection[Spec]{List: s.list, Get: s.get, Put: s.put, Delete: s.delete})
	r.Role = admin.Operator
	return r
}

func (s *Store) list(ctx context.Context) ([]admin.Named[Spec], error) {
	rows, err := sql.New(s.db).ListTexts(ctx)
	if err != nil {
		return nil, database.Problem(err)
	}
	all := make([]admin.Named[Spec], len(rows))
	for i, row := range rows {
		all[i] = admin.Named[Spec]{ID: row.Api + ":" + row.System + ":" + row.Code, Spec: specOf(row)}
	}
	return all, nil
}

func specOf(row sql.TypologyText) Spec {
	return Spec{
		API: row.Api, System: row.System, Code: row.Code, HTTPStatus: int(row.HttpStatus),
		ErrorDetailCode: row.ErrorDetailCode, ErrorMessage: row.ErrorMessage, ErrorMessageUser: row.ErrorMessageUser, Enabled: &row.Enabled,
	}
}

func (s *Store) get(ctx context.Context, id string) (Spec, error) {
	var of Spec
	if of.Identify(id) != nil {
		return Spec{}, problem.NotFound
	}
	row, err := sql.New(s.db).GetText(ctx, sql.GetTextParams{Api: of.API, System: of.System, Code: of.Code})
	if errors.Is(err, pgx.ErrNoRows) {
		return Spec{}, &problem.Error{Kind: problem.NotFound}
	}
	return specOf(row), database.Problem(err)
}

func (s *Store) put(ctx context.Context, _ string, spec Spec) error {
	err := sql.New(s.db).PutText(ctx, sql.PutTextParams{
		Api: spec.API, System: spec.System, Code: spec.Code, HttpStatus: int32(spec.HTTPStatus),
		ErrorDetailCode: spec.ErrorDetailCode, ErrorMessage: spec.ErrorMessage, ErrorMessageUser: spec.ErrorMessageUser, Enabled: *spec.Enabled,
	})
	var said *pgconn.PgError
	if errors.As(err, &said) && said.Code == "23505" { // unique violation
		return &problem.Error{Kind: problem.Conflict, Detail: "another one has this system, in other case", Err: err}
	}
	return database.Problem(err)
}

func (s *Store) delete(ctx context.Context, id string) error {
	var of Spec
	if of.Identify(id) != nil {
		return problem.NotFound
	}
	n, err := sql.New(s.db).DeleteText(ctx, sql.DeleteTextParams{Api: of.API, System: of.System, Code: of.Code})
	if err == nil && n == 0 {
		return &problem.Error{Kind: problem.NotFound}
	}
	return database.Problem(err)
}
