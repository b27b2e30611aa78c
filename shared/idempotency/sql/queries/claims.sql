-- The lookups are subqueries of one row each, so that a plan made while the tables are empty uses
-- the primary key too. A parameter in (select …) hides its value from the planner, which else finds
-- plans for the values at hand cheaper and makes one each time. Where "at" is null the clock of the
-- database counts.

-- name: LockNearMidnight :exec
-- Two claims of one key on two sides of midnight are in two partitions, where no unique index makes
-- one wait for the other: within five minutes of midnight this lock does. It stands in a statement
-- of its own, before the one that is to see what it waited for.
select pg_advisory_xact_lock(id)
from (
    select distinct hashtextextended(encode(key, 'hex'), 0) as id
    from unnest((select @keys::bytea[])) as key
    where (coalesce(sqlc.narg('at')::timestamptz, now()) at time zone 'utc')::time not between '00:05' and '23:55'
    order by id
) as ids;

-- name: Claim :many
-- Claims the keys that nobody has claimed in the last days; of equal keys one is claimed. The commit
-- waits for the disk: the system that acts may write to another server, and a claim lost in a crash
-- would let the same key act again with another body.
insert into idempotency.claims (key, day, body, token, deadline)
select item.key, clock.day, item.body, item.token, clock.at + make_interval(secs => item.seconds)
from (
    select unnest((select @keys::bytea[])) as key, unnest((select @bodies::bytea[])) as body,
        unnest((select @tokens::bytea[])) as token, unnest((select @seconds::float8[])) as seconds
) as item, (
    select at, (at at time zone 'utc')::date as day
    from (select coalesce(sqlc.narg('at')::timestamptz, now()) as at) as given
) as clock
where (
    select 1 from idempotency.claims as earlier
    where earlier.key = item.key and earlier.day between clock.day - @days::int and clock.day + 1
    limit 1
) is null
order by item.key
on conflict do nothing
returning token, day;

-- name: Claimed :many
-- What became of the keys that are claimed; n counts them from 1.
select asked.n::int as n, found.day, found.body, found.token, found.overdue, (
    select answer from idempotency.answers where answers.key = asked.key and answers.day = found.day
)::bytea as answer
from unnest((select @keys::bytea[])) with ordinality as asked(key, n)
cross join (
    select at, (at at time zone 'utc')::date as day
    from (select coalesce(sqlc.narg('at')::timestamptz, now()) as at) as given
) as clock
cross join lateral (
    select claims.day, claims.body, claims.token, (claims.deadline <= clock.at)::bool as overdue
    from idempotency.claims
    where claims.key = asked.key and claims.day between clock.day - @days::int and clock.day + 1
    order by claims.day desc
    limit 1
) as found
order by n;

-- name: TakeOver :many
-- Of several callers that saw the same overdue claim one takes it over.
update idempotency.claims
set token = @token, deadline = coalesce(sqlc.narg('at')::timestamptz, now()) + make_interval(secs => @seconds::float8)
where key = @key and day = (select @day::date) and token = @old_token
returning day;

-- name: Answer :many
-- Keeps the answers of those who still hold their claim, which is one of the last days. The commit
-- does not wait for the disk: a crash of the database may lose the answers of its last moments, and
-- then their keys are resumed, since the claims are on the disk.
insert into idempotency.answers (key, day, answer)
select item.key, item.day, item.answer
from (
    select unnest((select @keys::bytea[])) as key, unnest((select @days::date[])) as day,
        unnest((select @tokens::bytea[])) as token, unnest((select @answers::bytea[])) as answer
) as item
cross join (select (coalesce(sqlc.narg('at')::timestamptz, now()) at time zone 'utc')::date as day) as clock
cross join (select set_config('synchronous_commit', 'off', true)) as soon
where (
    select claims.token from idempotency.claims
    where claims.key = item.key and claims.day = item.day and claims.day between clock.day - @remembered::int and clock.day + 1
) = item.token
order by item.key
on conflict do nothing
returning key, day;

-- name: Answered :many
-- Which of the answers are there; n counts them from 1. They are sealed: none is like another.
select item.n::int as n
from (
    select unnest((select @keys::bytea[])) as key, unnest((select @days::date[])) as day, unnest((select @tokens::bytea[])) as token,
        unnest((select @answers::bytea[])) as answer, generate_subscripts((select @keys::bytea[]), 1) as n
) as item
where (
    select claims.token from idempotency.claims where claims.key = item.key and claims.day = item.day
) = item.token and (
    select answers.answer from idempotency.answers where answers.key = item.key and answers.day = item.day
) = item.answer;

-- name: Release :exec
delete from idempotency.claims
where claims.key = @key and claims.day = (select @day::date) and token = @token
    and not exists (select from idempotency.answers where answers.key = claims.key and answers.day = claims.day);
