package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"puente/shared/database"
	"puente/shared/problem"
)

// Destination is one that has something pending or dead, or is paused.
type Destination struct {
	Name    string     `json:"name"`
	Paused  *time.Time `json:"paused,omitzero"` // since
	Reason  string     `json:"reason,omitzero"` // of the pause
	Heads   int64      `json:"heads"`           // keys that wait for it; counted up to 10000
	Dead    int64      `json:"dead"`            // counted up to 10000
	NextDue *time.Time `json:"nextDue,omitzero"`
}

const pauseDestination = `
	insert into outbox.destinations (stream, name, paused_at, reason) values ($1, $2, $3, $4)
	on conflict (stream, name) do update set
		reason = case when destinations.paused_at is null then excluded.reason else destinations.reason end,
		paused_at = coalesce(destinations.paused_at, excluded.paused_at)`

// PauseDestination has nothing more sent to a destination until it is resumed; what is being sent
// goes on. A destination that is paused stays so, with its reason.
func (o *Outbox) PauseDestination(ctx context.Context, db *database.DB, stream, destination, reason string) error {
	if _, err := db.Exec(ctx, pauseDestination, stream, destination, o.now(), reason); err != nil {
		return fmt.Errorf("outbox: pause %s: %w", destination, database.Problem(err))
	}
	return nil
}

const resumeDestination = `
	with resumed as (
		update outbox.destinations set paused_at = null, reason = '' where stream = $1 and name = $2 and paused_at is not null
		returning stream
	)
	select pg_notify($3, stream) from resumed`

// ResumeDestination ends a pause. What waits goes on where it was in its schedule.
func (o *Outbox) ResumeDestination(ctx context.Context, db *database.DB, stream, destination string) error {
	if _, err := db.Exec(ctx, resumeDestination, stream, destination, Channel); err != nil {
		return fmt.Errorf("outbox: resume %s: %w", destination, database.Problem(err))
	}
	return nil
}

// namesOf goes from name to name in both partial indexes, so that it costs by destinations.
const namesOf = `
	with recursive heads as (
		(select e.destination from outbox.events e where e.stream = $1 and e.head order by e.destination limit 1)
		union all
		select (select e.destination from outbox.events e where e.stream = $1 and e.head and e.destination > n.destination order by e.destination limit 1)
		from heads n where n.destination is not null
	), dead as (
		(select e.destination from outbox.events e where e.stream = $1 and e.state = 'dead' order by e.destination limit 1)
		union all
		select (select e.destination from outbox.events e where e.stream = $1 and e.state = 'dead' and e.destination > n.destination order by e.destination limit 1)
		from dead n where n.destination is not null
	), names as (
		select destination from heads where destination is not null
		union select destination from dead where destination is not null
		union select d.name from outbox.destinations d where d.stream = $1
	)`

const selectDestinations = namesOf + `
	select n.destination,
		(select d.paused_at from outbox.destinations d where d.stream = $1 and d.name = n.destination),
		coalesce((select d.reason from outbox.destinations d where d.stream = $1 and d.name = n.destination), ''),
		(select count(*) from (select from outbox.events e where e.stream = $1 and e.destination = n.destination and e.head limit 10000) h),
		(select count(*) from (select from outbox.events e where e.stream = $1 and e.destination = n.destination and e.state = 'dead' limit 10000) l),
		(select e.due_at from outbox.events e where e.stream = $1 and e.destination = n.destination and e.head order by e.due_at limit 1)
	from names n where $2 = '' or n.destination = $2 order by n.destination limit 1000`

// Destinations lists those of a stream that have something pending or dead or were paused, by name,
// a thousand at most.
func (o *Outbox) Destinations(ctx context.Context, db querier, stream string) ([]Destination, error) {
	rows, _ := db.Query(ctx, selectDestinations, stream, "") // its error comes with the rows
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Destination])
	if err != nil {
		return nil, fmt.Errorf("outbox: list the destinations of %s: %w", stream, database.Problem(err))
	}
	return all, nil
}

// Destination gives one of them, or problem.NotFound.
func (o *Outbox) Destination(ctx context.Context, db querier, stream, name string) (Destination, error) {
	rows, _ := db.Query(ctx, selectDestinations, stream, name) // its error comes with the rows
	found, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Destination])
	if errors.Is(err, pgx.ErrNoRows) || name == "" {
		return Destination{}, &problem.Error{Kind: problem.NotFound}
	}
	if err != nil {
		return found, fmt.Errorf("outbox: find destination %s: %w", name, database.Problem(err))
	}
	return found, nil
}
