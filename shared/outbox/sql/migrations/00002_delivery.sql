-- +goose Up
-- Nothing was ever added to the table of before.
drop table outbox.events;

create table outbox.events (
    id           uuid        primary key, -- version 7; what the receiver sees of it
    sequence     bigint      generated always as identity, -- within a key the order of commits
    stream       text        not null check (stream <> ''),
    destination  text        not null check (destination <> ''),
    key          text        not null check (key <> ''),
    lane         text        not null generated always as (stream || chr(31) || key) stored, -- see below
    type         text        not null check (type <> ''),
    payload      bytea       not null,
    sealed       boolean     not null, -- the payload is encrypted under the key ring
    correlation  text        not null default '', -- of the request that added it

    state        text        not null default 'pending' check (state in ('pending', 'delivered', 'dead')),
    head         boolean     not null, -- the first that is pending of its key: it alone may be sent
    step         int         not null default 0, -- the place in the schedule of the attempt to come
    attempts     int         not null default 0, -- made so far, over all replays
    reason       text        not null default '', -- of the last attempt, where it was no delivery

    -- business time
    created_at   timestamptz not null,
    due_at       timestamptz not null, -- no attempt before
    ended_at     timestamptz, -- delivered or dead since

    -- time of the database
    lease        uuid, -- of the claim under which it is being sent
    leased_until timestamptz, -- past: whoever held it died

    check (not head or state = 'pending'),
    check ((lease is null) = (leased_until is null)),
    check (lease is null or head),
    check ((state = 'pending') = (ended_at is null))
);
-- Only heads can be claimed and only they are in these two: what waits behind a head costs nothing.
-- Those by key begin with the lane, and none of the others does: a plan that is made while the table is
-- empty, and kept, has no other index to choose.
create unique index events_heads on outbox.events (lane) where head;
create index events_due on outbox.events (stream, destination, due_at) where head;
create index events_pending on outbox.events (lane, sequence) where state = 'pending';
create index events_listed on outbox.events (stream, state, sequence);
create index events_delivered on outbox.events (stream, ended_at) where state = 'delivered';
create index events_dead on outbox.events (stream, destination, sequence) where state = 'dead';

-- What was tried, never what was sent or answered.
create table outbox.attempts (
    event_id uuid        not null references outbox.events on delete cascade,
    number   int         not null,
    at       timestamptz not null, -- business time
    micros   bigint      not null,
    result   text        not null,
    status   int         not null, -- of HTTP, or zero
    reason   text        not null,
    primary key (event_id, number)
);

-- Destinations that are or were paused; any other has no row.
create table outbox.destinations (
    stream    text        not null,
    name      text        not null,
    paused_at timestamptz, -- business time
    reason    text        not null,
    primary key (stream, name)
);
