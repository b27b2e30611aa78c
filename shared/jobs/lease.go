package jobs

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"puente/shared/database"
)

// lease tells the others that this process lives, and takes over the jobs of those that do not.
//
// Each process counts its beat up. A process is dead when its beat stood still for a whole lease
// while we were looking: by our own monotonic clock, so that no clock's step kills it, and counted
// anew after each time that we could not look, so that an outage of the database kills nobody.
type lease struct {
	jobs *Jobs
	seen map[string]sighting
}

// sighting is the last change of a beat.
type sighting struct {
	beat int64
	at   time.Time
}

// process is a row of river.processes.
type process struct {
	ID   string
	Beat int64
}

// keep beats until ctx ends.
func (l *lease) keep(ctx context.Context) {
	beats := time.NewTicker(l.jobs.cfg.Lease / 3)
	defer beats.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-beats.C:
		}
		limited, cancel := context.WithTimeout(ctx, l.jobs.cfg.Lease)
		err := l.beat(limited)
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			clear(l.seen)
			if !failing {
				l.jobs.log.WarnContext(ctx, "jobs lost the database", "error", err)
			}
		case failing:
			l.jobs.log.InfoContext(ctx, "jobs have the database again")
		}
		failing = err != nil
	}
}

// beat counts up, takes over what the dead left, and measures the lag of the hosted queues.
func (l *lease) beat(ctx context.Context) error {
	j := l.jobs
	_, err := j.db.Exec(ctx, `
		insert into river.processes (id, beat) values ($1, 1)
		on conflict (id) do update set beat = processes.beat + 1`, j.id)
	if err != nil {
		return fmt.Errorf("jobs: beat: %w", database.Problem(err))
	}
	rows, _ := j.db.Query(ctx, `select id, beat from river.processes`)
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[process])
	if err != nil {
		return fmt.Errorf("jobs: read processes: %w", database.Problem(err))
	}
	if err := l.rescue(ctx, l.dead(time.Now(), all)); err != nil {
		return err
	}
	return j.measureLag(ctx)
}

// dead notes the beats seen at now and names the processes that have none.
func (l *lease) dead(now time.Time, all []process) []string {
	dead := []string{} // an empty array, not null
	present := map[string]bool{}
	for _, p := range all {
		present[p.ID] = true
		last, known := l.seen[p.ID]
		switch {
		case !known || last.beat != p.Beat:
			l.seen[p.ID] = sighting{p.Beat, now}
		case p.ID != l.jobs.id && now.Sub(last.at) > l.jobs.cfg.Lease:
			dead = append(dead, p.ID)
		}
	}
	maps.DeleteFunc(l.seen, func(id string, _ sighting) bool { return !present[id] })
	return dead
}

// rescue makes the running jobs of dead processes, and of such as are gone, available again in the
// queues of this process. A job that has used up its attempts is discarded. The comparison of attempt
// keeps it from a job that somebody else rescued and took at the same moment.
func (l *lease) rescue(ctx context.Context, dead []string) error {
	j := l.jobs
	tag, err := j.db.Exec(ctx, `
		with orphans as (
			select id, attempt from river.river_job
			where state = 'running' and queue = any($1)
			  and attempted_by[array_upper(attempted_by, 1)] not in
			      (select id from river.processes where not (id = any($2)))
		)
		update river.river_job j set
			state = case when j.attempt >= j.max_attempts then 'discarded' else 'available' end::river.river_job_state,
			finalized_at = case when j.attempt >= j.max_attempts then now() end,
			scheduled_at = now(),
			errors = array_append(j.errors, jsonb_build_object('at', now(), 'attempt', j.attempt, 'error', 'the process died', 'trace', ''))
		from orphans
		where j.id = orphans.id and j.attempt = orphans.attempt and j.state = 'running'`, j.riverQueues(), dead)
	if err != nil {
		return fmt.Errorf("jobs: rescue: %w", database.Problem(err))
	}
	if n := tag.RowsAffected(); n > 0 {
		j.metrics.rescued.Add(float64(n))
		j.log.WarnContext(ctx, "jobs taken over from processes that died", "jobs", n)
	}
	if len(dead) == 0 {
		return nil
	}
	// Its row may go: jobs of a process without one are orphans for whoever hosts their queue.
	if _, err := j.db.Exec(ctx, `delete from river.processes where id = any($1)`, dead); err != nil {
		return fmt.Errorf("jobs: forget the dead: %w", database.Problem(err))
	}
	return nil
}

// resign ends the lease: this process works no job any more.
func (j *Jobs) resign(ctx context.Context) error {
	_, err := j.db.Exec(ctx, `delete from river.processes where id = $1`, j.id)
	return database.Problem(err)
}

// measureLag sets the lag of each hosted queue: the age of its oldest job that is due. Jobs that
// nobody here knows are not counted; those that should be available already are.
func (j *Jobs) measureLag(ctx context.Context) error {
	rows, _ := j.db.Query(ctx, `
		select queue, extract(epoch from now() - min(scheduled_at))::float8 from river.river_job
		where state in ('available', 'scheduled', 'retryable') and scheduled_at <= now()
		  and queue = any($1) and kind = any($2)
		group by queue`, j.riverQueues(), slices.Collect(maps.Keys(j.kinds)))
	type lag struct {
		Queue   string
		Seconds float64
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[lag])
	if err != nil {
		return fmt.Errorf("jobs: measure lag: %w", database.Problem(err))
	}
	seconds := map[string]float64{}
	for _, l := range all {
		seconds[l.Queue] = l.Seconds
	}
	for name, q := range j.hosted {
		q.lag.Set(seconds[riverName(name)])
	}
	return nil
}

func (j *Jobs) riverQueues() []string {
	var names []string
	for name := range j.hosted {
		names = append(names, riverName(name))
	}
	return names
}
