-- +goose Up
create schema if not exists clock;

-- By how much the business time of a demo is moved. Programs compare number with that of their copy.
create table clock.shift (
    one    boolean primary key default true check (one),
    number bigint  not null,
    micros bigint  not null
);
insert into clock.shift (number, micros) values (1, 0);

-- +goose StatementBegin
create function clock.announce() returns trigger language plpgsql as $$
begin
    perform pg_notify('clock_changed', '');
    return null;
end
$$;
-- +goose StatementEnd

create trigger announce after update on clock.shift
    for each statement execute function clock.announce();
