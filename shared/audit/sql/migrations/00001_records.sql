-- +goose Up
CREATE SCHEMA IF NOT EXISTS audit;

-- The records, one partition a day; a chain's day is the one on which a record came here, and never
-- before that of the record before it. salt and the personal columns (address … response) are null
-- once erased.
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
    keys          text,          -- JSON or empty
    phone         text,          -- masked, of keys
    request       text,
    response      text,
    personal_hash bytea NOT NULL,
    previous      bytea NOT NULL, -- hash of the record before
    hash          bytea NOT NULL,
    erased        timestamptz,
    PRIMARY KEY (day, instance, sequence)
) PARTITION BY RANGE (day);
CREATE INDEX records_correlation ON audit.records (correlation) WHERE correlation <> '';
CREATE INDEX records_client ON audit.records (client, started) WHERE client <> '';
CREATE INDEX records_code ON audit.records (code, started) WHERE code <> '';
CREATE INDEX records_phone ON audit.records (phone, started) WHERE phone IS NOT NULL;
CREATE INDEX records_security ON audit.records (started) WHERE kind = 'security';
CREATE INDEX records_started ON audit.records USING brin (started);

-- Where each chain ends, and how far its journal was read: written with the records.
CREATE TABLE audit.chains (
    instance text PRIMARY KEY,
    label    text NOT NULL,
    segment  bigint NOT NULL,
    position bigint NOT NULL,
    sequence bigint NOT NULL,
    hash     bytea NOT NULL,
    day      date NOT NULL
);

-- Requests that were read as begun and have no end yet.
CREATE TABLE audit.open (
    instance text NOT NULL,
    id       text NOT NULL,
    segment  bigint NOT NULL,
    entry    bytea NOT NULL,
    PRIMARY KEY (instance, id)
);

-- Head and tail of each day's part of a chain. They outlive the day's records; dropped is when
-- retention took those.
CREATE TABLE audit.anchors (
    instance       text NOT NULL,
    day            date NOT NULL,
    first_sequence bigint NOT NULL,
    first_previous bytea NOT NULL,
    last_sequence  bigint NOT NULL,
    last_hash      bytea NOT NULL,
    dropped        timestamptz,
    PRIMARY KEY (instance, day)
);

-- +goose Down
DROP TABLE audit.anchors;
DROP TABLE audit.open;
DROP TABLE audit.chains;
DROP TABLE audit.records;
