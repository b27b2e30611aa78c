-- +goose Up
create schema if not exists tvvalidation;

-- How the inventory's codes are held against a platform's. Operators write the rows, and a row may be
-- anything that JSON is: the process says what is wrong with one that it cannot work by.
create table tvvalidation.tables (
    technology text  not null check (technology in ('FTTH', 'HFC', 'IPTV')),
    kind       text  not null check (kind in ('CHANNELS', 'SERVICES')),
    spec       jsonb not null,
    primary key (technology, kind)
);

-- Replicas compare this number with that of their snapshot. Its row lock makes the order of
-- numbers the order of commits.
create table tvvalidation.version (
    one    boolean primary key default true check (one),
    number bigint  not null
);
insert into tvvalidation.version (number) values (1);

-- +goose StatementBegin
create function tvvalidation.bump() returns trigger language plpgsql as $$
begin
    update tvvalidation.version set number = number + 1;
    perform pg_notify('tvtables_changed', '');
    return null;
end
$$;
-- +goose StatementEnd

create trigger bump after insert or update or delete or truncate on tvvalidation.tables
    for each statement execute function tvvalidation.bump();

-- +goose Down
drop table tvvalidation.tables;
drop function tvvalidation.bump();
drop table tvvalidation.version;
