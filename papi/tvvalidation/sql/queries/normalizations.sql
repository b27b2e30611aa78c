-- name: StartNormalization :execrows
-- None is started under a key that was used, nor RUNNING where another one is. The commit waits for the
-- disk: what is begun after it must not be forgotten.
insert into tvvalidation.normalizations (id, key, asked, client, system, channel, correlation, account, technology, state, result, token, ends_at, ended_at)
values (sqlc.arg(id)::text::uuid, sqlc.arg(key), sqlc.arg(asked), sqlc.arg(client), sqlc.arg(system), sqlc.arg(channel), sqlc.arg(correlation), sqlc.arg(account), sqlc.arg(technology), sqlc.arg(state)::text, sqlc.arg(result), sqlc.arg(token),
    clock_timestamp() + sqlc.arg(lasts)::interval, case when sqlc.arg(state)::text <> 'RUNNING' then clock_timestamp() end)
on conflict do nothing;

-- name: NormalizationByKey :one
select sqlc.embed(n), (ends_at < clock_timestamp())::boolean as over
from tvvalidation.normalizations as n where key = sqlc.arg(key);

-- name: RunningNormalization :one
select sqlc.embed(n), (ends_at < clock_timestamp())::boolean as over
from tvvalidation.normalizations as n where account = sqlc.arg(account) and state = 'RUNNING';

-- name: OverdueNormalizations :many
select * from tvvalidation.normalizations where state = 'RUNNING' and ends_at < clock_timestamp()
order by ends_at limit 100;

-- name: TakeNormalizationOver :execrows
-- Of several that saw the same overdue one, one takes it over.
update tvvalidation.normalizations set token = sqlc.arg(token), ends_at = clock_timestamp() + sqlc.arg(lasts)::interval
where id = sqlc.arg(id) and token = sqlc.arg(old_token) and state = 'RUNNING' and ends_at < clock_timestamp();

-- name: EndNormalization :execrows
update tvvalidation.normalizations set state = 'DONE', result = sqlc.arg(result), ended_at = clock_timestamp()
where id = sqlc.arg(id) and token = sqlc.arg(token) and state = 'RUNNING';

-- name: NormalizationByID :one
select result from tvvalidation.normalizations where id = sqlc.arg(id)::text::uuid and client = sqlc.arg(client) and system = sqlc.arg(system);

-- name: CountOverdueNormalizations :one
select count(*) from (
    select from tvvalidation.normalizations
    where state = 'RUNNING' and ends_at < clock_timestamp() - sqlc.arg(age)::interval
    order by ends_at limit 100000
) as rows;

-- name: PruneNormalizations :execrows
delete from tvvalidation.normalizations where id = any (array(
    select n.id from tvvalidation.normalizations n
    where n.created_at < clock_timestamp() - sqlc.arg(kept)::interval and n.state <> 'RUNNING'
    order by n.created_at limit 1000
));
