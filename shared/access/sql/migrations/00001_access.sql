-- +goose Up
create schema if not exists access;

create table access.tiers (
    name   text  primary key check (name <> ''),
    limits jsonb not null -- [{"requests": 1000, "window": "1m"}], shortest window first
);

create table access.systems (
    name            text    primary key check (name ~ '^[A-Za-z0-9][A-Za-z0-9 ._-]{0,49}$'),
    active          boolean not null,
    apis            text[], -- null: all
    channels        text[], -- null: all
    default_channel text    not null default '',
    limits          jsonb   not null default '[]'
);
create unique index systems_name on access.systems (lower(name collate "C"));

create table access.clients (
    id        text   primary key check (id <> ''), -- the OAuth 2.0 client_id
    name      text   not null,
    status    text   not null check (status in ('active', 'suspended')),
    addresses cidr[] not null default '{}' -- none: any address
);

create table access.client_systems (
    client text not null references access.clients on delete cascade,
    system text not null references access.systems,
    primary key (client, system)
);
create index client_systems_system on access.client_systems (system);

create table access.contracts (
    client text not null references access.clients on delete cascade,
    api    text not null,
    tier   text not null references access.tiers,
    status text not null check (status in ('approved', 'revoked', 'pending')),
    primary key (client, api)
);
create index contracts_tier on access.contracts (tier);

create table access.switches (
    id             text    primary key check (id <> ''),
    api            text    not null, -- empty, here and below: any
    operation      text    not null,
    system         text    not null,
    channel        text    not null,
    partner        text    not null,
    off            boolean not null,
    reason         text    not null,
    retry_after_ms bigint  not null check (retry_after_ms >= 0),
    starts         timestamptz, -- null: since ever
    ends           timestamptz, -- null: for ever
    check (starts < ends)
);

-- Replicas compare this number with that of their snapshot. Its row lock makes the order of
-- numbers the order of commits.
create table access.version (
    one    boolean primary key default true check (one),
    number bigint  not null
);
insert into access.version (number) values (1);

-- +goose StatementBegin
create function access.bump() returns trigger language plpgsql as $$
begin
    update access.version set number = number + 1;
    perform pg_notify('access_changed', '');
    return null;
end
$$;
-- +goose StatementEnd

create trigger bump after insert or update or delete or truncate on access.tiers
    for each statement execute function access.bump();
create trigger bump after insert or update or delete or truncate on access.systems
    for each statement execute function access.bump();
create trigger bump after insert or update or delete or truncate on access.clients
    for each statement execute function access.bump();
create trigger bump after insert or update or delete or truncate on access.client_systems
    for each statement execute function access.bump();
create trigger bump after insert or update or delete or truncate on access.contracts
    for each statement execute function access.bump();
create trigger bump after insert or update or delete or truncate on access.switches
    for each statement execute function access.bump();
