-- +goose Up

-- One row per normalization, written before the first change. Of an account one at a time is RUNNING;
-- it belongs to whoever has its token, until ends_at.
--
--     (none) ──┬──────────▶ RUNNING ──────────▶ DONE
--              │ nothing to do                    ▲
--              ├──────────────────────────────────┘
--              └──────────▶ PLANNED: a dry run
create table tvvalidation.normalizations (
    id          uuid        primary key,
    key         bytea       not null unique, -- keyed hash of client, system and key
    asked       bytea       not null, -- keyed hash of what was asked for: a key names one thing
    client      text        not null,
    system      text        not null,
    channel     text        not null,
    correlation text        not null,
    account     bytea       not null, -- keyed hash
    technology  text        not null,
    acts        boolean     not null, -- something was to be changed
    state       text        not null check (state in ('RUNNING', 'DONE', 'PLANNED')),
    result      bytea       not null, -- sealed, as far as it has come: it names a connection and boxes
    token       bytea       not null, -- of who works at it; another one after its time
    ends_at     timestamptz not null, -- by then who works at it changes nothing any more
    created_at  timestamptz not null default clock_timestamp(),
    ended_at    timestamptz,
    check ((state = 'RUNNING') = (ended_at is null)),
    check (acts or state <> 'RUNNING')
);
create unique index normalizations_running on tvvalidation.normalizations (account) where state = 'RUNNING';
create index normalizations_last on tvvalidation.normalizations (account, created_at) where acts;
create index normalizations_ends on tvvalidation.normalizations (ends_at) where ended_at is null;
create index normalizations_age on tvvalidation.normalizations (created_at);
alter table tvvalidation.normalizations alter column result set storage external;

-- +goose Down
drop table tvvalidation.normalizations;
