-- +goose Up
create schema if not exists idempotency;

-- A request that may act, claimed under its key before it does.
create table idempotency.claims (
    key      bytea       not null, -- MAC of scope and key
    day      date        not null, -- of the claim, UTC
    body     bytea       not null, -- MAC of the body
    token    bytea       not null, -- the claim's holder; another one after its deadline
    deadline timestamptz not null, -- when the holder has ended, whatever became of it
    primary key (key, day)
) partition by range (day);

-- The first answer of a request. Rows of both tables are inserted and dropped with their day; only
-- what is rare updates or deletes.
create table idempotency.answers (
    key    bytea not null,
    day    date  not null, -- of the claim
    answer bytea not null, -- sealed
    primary key (key, day)
) partition by range (day);

-- What is sealed cannot be compressed.
alter table idempotency.answers alter column answer set storage external;

-- +goose Down
drop table idempotency.answers;
drop table idempotency.claims;
