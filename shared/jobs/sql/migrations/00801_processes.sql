-- +goose Up
-- A process that works jobs counts its beat up; one whose beat stands still is dead, and its jobs
-- are another's.
create table river.processes (
    id   text   primary key, -- the client id in river_job.attempted_by
    beat bigint not null
);
