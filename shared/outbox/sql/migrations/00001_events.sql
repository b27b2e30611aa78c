-- +goose Up
create schema if not exists outbox;

create table outbox.events (
    id         uuid        primary key, -- version 7; what the receiver sees of it
    sequence   bigint      generated always as identity unique,
    stream     text        not null check (stream <> ''),
    key        text        not null,
    type       text        not null check (type <> ''),
    payload    bytea       not null,
    sealed     boolean     not null, -- the payload is encrypted under the key ring
    created_at timestamptz not null default now()
);
create index events_order on outbox.events (stream, key, sequence);
create index events_pending on outbox.events (stream, sequence);
