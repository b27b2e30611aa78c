package access

import (
	"context"
	"embed"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/access/sql"
	"puente/shared/database"
	"puente/shared/snapshot"
)

//go:embed sql/migrations/*.sql
var files embed.FS

// Migrations are those of schema access.
var Migrations = database.Migrations{Schema: "access", FS: database.Files(files)}

// Store keeps the snapshot in step with the tables. Before the first Load it is empty, so that nobody
// is let in.
type Store struct {
	*snapshot.Follower[*Snapshot]
	db *database.DB
}

// New makes a store.
func New(db *database.DB, log *slog.Logger, reg prometheus.Registerer) *Store {
	s := &Store{db: db}
	s.Follower = snapshot.New(snapshot.Source[*Snapshot]{
		Name: "access", Channel: "access_changed", Empty: &Snapshot{},
		Version: func(ctx context.Context) (int64, error) { return sql.New(db).Version(ctx) }, Read: s.read,
	}, db, log, reg)
	return s
}

// read takes all tables at one moment.
func (s *Store) read(ctx context.Context) (next *Snapshot, err error) {
	err = reading(ctx, s.db, func(q *sql.Queries) error {
		number, err := q.Version(ctx)
		if err != nil {
			return err
		}
		var e Entities
		if e.Tiers, err = readTiers(ctx, q, nil); err != nil {
			return err
		}
		if e.Systems, err = readSystems(ctx, q, nil); err != nil {
			return err
		}
		if e.Clients, err = readClients(ctx, q, nil); err != nil {
			return err
		}
		if e.Switches, err = readSwitches(ctx, q, nil); err != nil {
			return err
		}
		next, err = newSnapshot(number, e)
		return err
	})
	return next, err
}
