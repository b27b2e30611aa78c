-- name: Version :one
select number from access.version;

-- Each list takes one id, or null for all.

-- name: ListTiers :many
select * from access.tiers
where sqlc.narg(name)::text is null or name = sqlc.narg(name)
order by name;

-- name: ListSystems :many
select * from access.systems
where sqlc.narg(name)::text is null or name = sqlc.narg(name)
order by name;

-- name: ListClients :many
select * from access.clients
where sqlc.narg(id)::text is null or id = sqlc.narg(id)
order by id;

-- name: ListClientSystems :many
select * from access.client_systems
where sqlc.narg(client)::text is null or client = sqlc.narg(client)
order by client, system;

-- name: ListContracts :many
select * from access.contracts
where sqlc.narg(client)::text is null or client = sqlc.narg(client)
order by client, api;

-- name: ListSwitches :many
select * from access.switches
where sqlc.narg(id)::text is null or id = sqlc.narg(id)
order by id;

-- name: PutTier :exec
insert into access.tiers (name, limits) values (@name, @limits)
on conflict (name) do update set limits = excluded.limits;

-- name: PutSystem :exec
insert into access.systems (name, active, apis, channels, default_channel, limits, access)
values (@name, @active, @apis, @channels, @default_channel, @limits, @access)
on conflict (name) do update set active = excluded.active, apis = excluded.apis, channels = excluded.channels,
    default_channel = excluded.default_channel, limits = excluded.limits, access = excluded.access;

-- name: PutClient :exec
insert into access.clients (id, name, status, addresses) values (@id, @name, @status, @addresses)
on conflict (id) do update set name = excluded.name, status = excluded.status, addresses = excluded.addresses;

-- name: UnbindSystems :exec
delete from access.client_systems where client = @client;

-- name: BindSystems :exec
insert into access.client_systems (client, system) select @client::text, unnest(@systems::text[]);

-- name: RemoveContracts :exec
delete from access.contracts where client = @client;

-- name: AddContract :exec
insert into access.contracts (client, api, tier, status) values (@client, @api, @tier, @status);

-- name: PutSwitch :exec
insert into access.switches (id, api, operation, system, channel, partner, off, reason, retry_after_ms, starts, ends)
values (@id, @api, @operation, @system, @channel, @partner, @off, @reason, @retry_after_ms, @starts, @ends)
on conflict (id) do update set api = excluded.api, operation = excluded.operation, system = excluded.system,
    channel = excluded.channel, partner = excluded.partner, off = excluded.off, reason = excluded.reason,
    retry_after_ms = excluded.retry_after_ms, starts = excluded.starts, ends = excluded.ends;

-- name: DeleteTier :execrows
delete from access.tiers where name = @name;

-- name: DeleteSystem :execrows
delete from access.systems where name = @name;

-- name: DeleteClient :execrows
delete from access.clients where id = @id;

-- name: DeleteSwitch :execrows
delete from access.switches where id = @id;
