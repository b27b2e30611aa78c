// Package clock is business time: the machine's, by which renewals and expiries are due. A demo may
// move it, so that what happens next month can be seen today: by an offset in PostgreSQL, which every
// process of the demo follows within a second. Any other program keeps the machine's time, whatever the
// database says.
package clock

import (
	"context"
	"embed"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/clock/sql"
	"puente/shared/database"
	"puente/shared/problem"
	"puente/shared/snapshot"
)

//go:embed sql/migrations/*.sql
var files embed.FS

// Migrations are those of schema clock.
var Migrations = database.Migrations{Schema: "clock", FS: database.Files(files)}

// Clock tells business time. The zero Clock, and a nil one, is the machine's.
type Clock struct {
	*snapshot.Follower[*shift] // nil: not to be moved
	db                         *database.DB
}

// shift is a state of the table.
type shift struct {
	number int64
	by     time.Duration
}

// Version implements snapshot.Versioned.
func (s *shift) Version() int64 { return s.number }

// New makes the clock of a demo. Until the first Load it tells the machine's time.
func New(db *database.DB, log *slog.Logger, reg prometheus.Registerer) *Clock {
	read := func(ctx context.Context) (*shift, error) {
		row, err := sql.New(db).Shift(ctx)
		return &shift{row.Number, time.Duration(row.Micros) * time.Microsecond}, database.Problem(err)
	}
	return &Clock{db: db, Follower: snapshot.New(snapshot.Source[*shift]{
		Name: "clock", Channel: "clock_changed", Empty: &shift{}, Read: read,
		Version: func(ctx context.Context) (int64, error) { return sql.New(db).Version(ctx) },
	}, db, log, reg)}
}

// Now is business time.
func (c *Clock) Now() time.Time {
	if c == nil || c.Follower == nil {
		return time.Now()
	}
	return time.Now().Add(c.Snapshot().by)
}

// Offset is by how much business time is moved now.
func (c *Clock) Offset(ctx context.Context) (time.Duration, error) {
	row, err := sql.New(c.db).Shift(ctx)
	return time.Duration(row.Micros) * time.Microsecond, database.Problem(err)
}

// furthest is how far business time may be moved.
const furthest = 10 * 365 * 24 * time.Hour

// SetOffset moves business time, to the microsecond. When it returns, this process has the new time;
// the others have it within a second.
func (c *Clock) SetOffset(ctx context.Context, by time.Duration) error {
	if by.Abs() > furthest {
		return &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: "offset", Rule: fmt.Sprintf("must be at most %v either way", furthest)}}}
	}
	if err := sql.New(c.db).Move(ctx, by.Microseconds()); err != nil {
		return database.Problem(err)
	}
	return c.Load(ctx)
}

// Heed warns of a database in which a demo moved business time: the program at hand, which is none,
// keeps the machine's. What the demo dated ahead is not due before its time.
func Heed(ctx context.Context, db *database.DB, log *slog.Logger) error {
	row, err := sql.New(db).Shift(ctx)
	if err == nil && row.Micros != 0 {
		log.WarnContext(ctx, "a demo moved business time in this database; it is not followed here", "offset", time.Duration(row.Micros)*time.Microsecond)
	}
	return database.Problem(err)
}
