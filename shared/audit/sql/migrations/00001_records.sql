-- +goose Up
CREATE SCHEMA IF NOT EXISTS audit;

-- The records, a partition a day. salt and the personal columns are null once erased.
CREATE TABLE audit.records (
    day           date NOT NULL,
    instance      text NOT NULL, -- identity of the journal
    sequence      bigint NOT NULL,
    id            text NOT NULL,
    kind          text NOT NULL,
    started       timestamptz NOT NULL,
    micros        bigint NOT NULL,
    layer         text NOT NULL,
    api           text NOT NULL,
    operation     text NOT NULL,
    method        text NOT NULL,
    client        text NOT NULL,
    system        text NOT NULL,
    channel       text NOT NULL,
    correlation   text NOT NULL,
    trace         text NOT NULL,
    status        bigint NOT NULL,
    outcome       text NOT NULL,
    code          text NOT NULL,
    decisions     text NOT NULL, -- JSON or empty
    dependencies  text NOT NULL, -- JSON or empty
    salt          bytea,
    address       text,
    detail        text,
    keys          text,
    request       text,
    response      text,
    personal_hash bytea NOT NULL,
    hash          bytea NOT NULL,
    PRIMARY KEY (day, instance, sequence)
) PARTITION BY RANGE (day);
CREATE INDEX records_correlation ON audit.records (correlation);
CREATE INDEX records_client ON audit.records (client, started);
CREATE INDEX records_code ON audit.records (code, started);

-- Where each journal's chain ends, and how far the journal was read: written with the records.
CREATE TABLE audit.chains (
    instance text PRIMARY KEY,
    label    text NOT NULL,
    segment  bigint NOT NULL,
    position bigint NOT NULL,
    sequence bigint NOT NULL,
    hash     bytea NOT NULL,
    day      date NOT NULL
);

-- Requests that began and have no end yet, of records that were read.
CREATE TABLE audit.open (
    instance text NOT NULL,
    id       text NOT NULL,
    segment  bigint NOT NULL,
    entry    bytea NOT NULL,
    PRIMARY KEY (instance, id)
);

-- Head and tail of each day's part of a chain; they outlive the day's records.
CREATE TABLE audit.anchors (
    instance       text NOT NULL,
    day            date NOT NULL,
    first_sequence bigint NOT NULL,
    first_previous bytea NOT NULL,
    last_sequence  bigint NOT NULL,
    last_hash      bytea NOT NULL,
    PRIMARY KEY (instance, day)
);

-- +goose Down
DROP TABLE audit.anchors;
DROP TABLE audit.open;
DROP TABLE audit.chains;
DROP TABLE audit.records;
