-- name: AnchorDay :exec
-- Takes the records from first_sequence to last_sequence into the day's anchor.
insert into audit.anchors (instance, day, first_sequence, first_previous, last_sequence, last_hash)
values (@instance, @day, @first_sequence, @first_previous, @last_sequence, @last_hash)
on conflict (instance, day) do update set last_sequence = excluded.last_sequence, last_hash = excluded.last_hash;

-- name: Anchors :many
select day, first_sequence, first_previous, last_sequence, last_hash, dropped
from audit.anchors
where instance = @instance
order by day;

-- name: Chains :many
-- Every instance that left anything, with the end of its chain: sequence -1 where that is missing.
select known.instance::text as instance, coalesce(label, '')::text as label, coalesce(sequence, -1)::bigint as sequence, hash
from (
    select instance from audit.chains
    union select instance from audit.anchors
    union select instance from audit.records
) as known
left join audit.chains on chains.instance = known.instance
order by known.instance;

-- name: BeginVerification :one
-- A row where the last verification is older than every, and nobody that was heard of within lease is at one.
update audit.verification set begun = now(), alive = now()
where (ended is null or ended <= now() - @every::interval) and (alive is null or alive <= now() - @lease::interval)
returning begun::timestamptz;

-- name: CloseRequests :exec
delete from audit.open where instance = @instance and id = any(@ids::text[]);

-- name: EndVerification :exec
-- Where one that began later has ended before, that one stands.
update audit.verification set ended = now(), broken = @broken where ended is null or ended <= @begun::timestamptz;

-- name: LastVerification :one
select ended, broken from audit.verification;

-- name: LeaveVerification :exec
update audit.verification set alive = null where begun = @begun::timestamptz;

-- name: LiveOnVerification :exec
update audit.verification set alive = now() where begun = @begun::timestamptz and alive is not null;

-- name: LockChain :one
-- The end of a chain, held until the transaction ends. today is the day for what comes next.
select segment, position, sequence, hash, greatest(day, (now() at time zone 'utc')::date)::date as today
from audit.chains
where instance = @instance
for update;

-- name: MarkDropped :exec
update audit.anchors set dropped = now() where day < @first and dropped is null;

-- name: MoveChain :exec
update audit.chains
set segment = @segment, position = @position, sequence = @sequence, hash = @hash, day = @day
where instance = @instance;

-- name: Open :many
select id, segment, entry from audit.open where instance = @instance;

-- name: OpenRequests :exec
insert into audit.open (instance, id, segment, entry)
select @instance::text, unnest(@ids::text[]), unnest(@segments::bigint[]), unnest(@entries::bytea[])
on conflict do nothing;

-- name: StartChain :exec
-- A chain that is new begins at the hash given; one that exists goes on.
insert into audit.chains (instance, label, segment, position, sequence, hash, day)
values (@instance, @label, 0, 0, 0, @hash, (now() at time zone 'utc')::date)
on conflict (instance) do update set label = excluded.label;
