-- +goose Up

-- What was compared and came out. Rows are inserted and dropped with their day, which their id tells
-- (RFC 9562 §5.7), so that the one who looks for an id looks in one partition.
create table tvvalidation.verifications (
    id         uuid        not null,
    day        date        not null, -- of the id, UTC
    at         timestamptz not null,
    client     text        not null,
    system     text        not null,
    account    text        not null,
    technology text        not null,
    channels   text        not null, -- GREEN, RED or YELLOW, here and below
    services   text        not null,
    devices    text        not null,
    subscriber text        not null,
    result     bytea       not null, -- sealed: it names a connection and boxes
    primary key (id, day)
) partition by range (day);

-- What is sealed cannot be compressed.
alter table tvvalidation.verifications alter column result set storage external;

-- +goose Down
drop table tvvalidation.verifications;
