-- +goose Up
CREATE SCHEMA IF NOT EXISTS salesorder;

-- A port-in is filed at most once per phone, order and NIP: the row is written before BotService is
-- called. Keys are keyed hashes; what an inquiry needs is sealed under the key ring.
CREATE TABLE salesorder.port_ins (
    id          bytea PRIMARY KEY,
    inquiry     bytea NOT NULL,
    correlation text NOT NULL,
    state       text NOT NULL CHECK (state IN ('sending', 'filed', 'rejected', 'unknown', 'absent')),
    request_id  text NOT NULL DEFAULT '',
    attempt     integer NOT NULL DEFAULT 1,
    ends_at     timestamptz NOT NULL, -- by then the attempt's sender has given up
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX port_ins_open ON salesorder.port_ins (ends_at) WHERE state IN ('sending', 'unknown');

-- Each NIP costs an SMS: its request is written before BotService is called, and counted.
CREATE TABLE salesorder.nip_requests (
    key          bytea PRIMARY KEY,
    phone        bytea NOT NULL,
    counted      boolean NOT NULL DEFAULT true,
    requested_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX nip_requests_phone ON salesorder.nip_requests (phone, requested_at) WHERE counted;
CREATE INDEX nip_requests_age ON salesorder.nip_requests (requested_at);

-- +goose Down
DROP TABLE salesorder.nip_requests;
DROP TABLE salesorder.port_ins;
