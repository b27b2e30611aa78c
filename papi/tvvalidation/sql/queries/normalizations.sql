-- name: StartNormalization :execrows
-- None is started under a key that is another's, nor is one that acts where another one does, or did after
-- the comparison that it follows from. The commit waits for the disk: what is begun after it must not be
-- forgotten.
insert into tvvalidation.normalizations (id, key, asked, client, system, channel, correlation, account, technology, acts, state, result, token, ends_at, ended_at)
select sqlc.arg(id)::text::uuid, sqlc.arg(key), sqlc.arg(asked), sqlc.arg(client), sqlc.arg(system), sqlc.arg(channel), sqlc.arg(correlation), sqlc.arg(account), sqlc.arg(technology),
    sqlc.arg(acts)::boolean, sqlc.arg(state)::text, sqlc.arg(result), sqlc.arg(token), clock_timestamp() + sqlc.arg(lasts)::interval,
    case when sqlc.arg(state)::text <> 'RUNNING' then clock_timestamp() end
where not sqlc.arg(acts)::boolean or coalesce(
    (select n.id from tvvalidation.normalizations n where n.account = sqlc.arg(account) and n.state = 'RUNNING'),
    (select n.id from tvvalidation.normalizations n where n.account = sqlc.arg(account) and n.acts order by n.created_at desc limit 1)
) is not distinct from sqlc.narg(last)::uuid
on conflict do nothing;

-- name: NormalizationByKey :one
select sqlc.embed(n), (ends_at < now())::boolean as over, (state <> 'RUNNING' and created_at < now() - sqlc.arg(bound)::interval)::boolean as free
from tvvalidation.normalizations as n where key = sqlc.arg(key);

-- name: FreeKey :exec
-- The key names another normalization from now on; this one is found by its id alone.
update tvvalidation.normalizations set key = sha256(id::text::bytea) where id = sqlc.arg(id) and key = sqlc.arg(key) and state <> 'RUNNING';

-- name: LastNormalization :one
-- The one that acts, whatever the clock said when it began; else the last one that did.
select sqlc.embed(n), (ends_at < now())::boolean as over
from tvvalidation.normalizations as n where id = coalesce(
    (select r.id from tvvalidation.normalizations r where r.account = sqlc.arg(account) and r.state = 'RUNNING'),
    (select l.id from tvvalidation.normalizations l where l.account = sqlc.arg(account) and l.acts order by l.created_at desc limit 1)
);

-- name: OverdueNormalizations :many
select * from tvvalidation.normalizations where ended_at is null and ends_at < now()
order by ends_at limit 100;

-- name: TakeNormalizationOver :execrows
-- Of several that saw the same overdue one, one takes it over.
update tvvalidation.normalizations set token = sqlc.arg(token), ends_at = clock_timestamp() + sqlc.arg(lasts)::interval
where id = sqlc.arg(id) and token = sqlc.arg(old_token) and state not in ('DONE', 'PLANNED') and ends_at < now();

-- name: LeaveNormalization :exec
-- Whoever comes next may take it over.
update tvvalidation.normalizations set ends_at = clock_timestamp()
where id = sqlc.arg(id)::text::uuid and token = sqlc.arg(token) and state not in ('DONE', 'PLANNED');

-- name: EndNormalization :execrows
update tvvalidation.normalizations set state = 'DONE', result = sqlc.arg(result), ended_at = clock_timestamp()
where id = sqlc.arg(id) and token = sqlc.arg(token) and state not in ('DONE', 'PLANNED');

-- name: NormalizationByID :one
select result from tvvalidation.normalizations where id = sqlc.arg(id)::text::uuid and client = sqlc.arg(client) and system = sqlc.arg(system);

-- name: CountOverdueNormalizations :one
select count(*) from (
    select from tvvalidation.normalizations
    where ended_at is null and ends_at < now() - sqlc.arg(age)::interval
    order by ends_at limit 100000
) as rows;

-- name: PruneNormalizations :exec
-- A range with two ends looks small to the planner, which then uses the index from the first day.
delete from tvvalidation.normalizations
where created_at between '-infinity' and now() - sqlc.arg(kept)::interval and ended_at is not null;
