-- A parameter in (select …) hides its value from the planner, which else finds plans for the values at
-- hand cheaper and makes one each time.

-- name: RecordVerifications :exec
-- The commit does not wait for the disk: a crash of the database may lose what was recorded in its last
-- moments, and nothing depends on it.
insert into tvvalidation.verifications (id, day, at, client, system, account, technology, channels, services, devices, subscriber, result)
select item.id::uuid, item.day, item.at, item.client, item.system, item.account, item.technology, item.channels, item.services, item.devices, item.subscriber, item.result
from (
    select unnest((select @ids::text[])) as id, unnest((select @days::date[])) as day, unnest((select @ats::timestamptz[])) as at,
        unnest((select @clients::text[])) as client, unnest((select @systems::text[])) as system, unnest((select @accounts::text[])) as account,
        unnest((select @technologies::text[])) as technology, unnest((select @channels::text[])) as channels, unnest((select @services::text[])) as services,
        unnest((select @devices::text[])) as devices, unnest((select @subscribers::text[])) as subscriber, unnest((select @results::bytea[])) as result
) as item
cross join (select set_config('synchronous_commit', 'off', true)) as soon
on conflict do nothing;

-- name: Verification :one
select result from tvvalidation.verifications
where id = (select @id::text)::uuid and day = (select @day::date) and client = @client and system = @system;
