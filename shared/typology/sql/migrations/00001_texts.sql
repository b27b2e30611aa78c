-- +goose Up
create schema if not exists typology;

create table typology.texts (
    api                text    not null check (api <> ''),
    system             text    not null check (system <> ''), -- '*': any
    code               text    not null check (code <> ''),
    http_status        integer not null check (http_status between 200 and 599),
    error_detail_code  text, -- null, here and below: the answer says null
    error_message      text,
    error_message_user text,
    enabled            boolean not null,
    primary key (api, system, code)
);
create unique index texts_folded on typology.texts (api, lower(system collate "C"), code);

-- Replicas compare this number with that of their snapshot. Its row lock makes the order of
-- numbers the order of commits.
create table typology.version (
    one    boolean primary key default true check (one),
    number bigint  not null
);
insert into typology.version (number) values (1);

-- +goose StatementBegin
create function typology.bump() returns trigger language plpgsql as $$
begin
    update typology.version set number = number + 1;
    perform pg_notify('typology_changed', '');
    return null;
end
$$;
-- +goose StatementEnd

create trigger bump after insert or update or delete or truncate on typology.texts
    for each statement execute function typology.bump();
