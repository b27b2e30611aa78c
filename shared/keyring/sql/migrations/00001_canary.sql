-- +goose Up
CREATE SCHEMA IF NOT EXISTS keyring;

-- One row: a value that only the right ring opens, and its keyed hash.
CREATE TABLE keyring.canary (
    single boolean PRIMARY KEY CHECK (single),
    sealed bytea NOT NULL,
    mac    bytea NOT NULL
);

-- +goose Down
DROP TABLE keyring.canary;
