-- +goose Up
CREATE SCHEMA IF NOT EXISTS smsc;

-- A message is handed to the gateway at most once: the row is written before the gateway is called. The
-- message itself is not kept, but a keyed hash of it, by which another one under the same id is known.
CREATE TABLE smsc.messages (
    id         text PRIMARY KEY,     -- the caller's
    message    uuid NOT NULL UNIQUE, -- by which the gateway reports it
    content    bytea NOT NULL,
    state      text NOT NULL CHECK (state IN ('SENDING', 'UNSENT', 'UNKNOWN', 'ACCEPTED', 'DELIVERED', 'UNDELIVERED', 'EXPIRED', 'REJECTED')),
    attempt    integer NOT NULL DEFAULT 1,
    ends_at    timestamptz NOT NULL, -- by then the attempt's sender has given up
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX messages_age ON smsc.messages (updated_at);
CREATE INDEX messages_open ON smsc.messages (ends_at) WHERE state IN ('SENDING', 'UNKNOWN');

-- What came in, until it is taken and acknowledged. A message of a phone is sealed under the key ring, and
-- dropped once it is acknowledged; hashes of it stay for as long as it may be delivered again.
CREATE TABLE smsc.inbound (
    id              uuid PRIMARY KEY,
    kind            text NOT NULL CHECK (kind IN ('MESSAGE', 'REPORT')),
    sealed          bytea NOT NULL DEFAULT '',
    gateway         bytea,                        -- keyed hash of the gateway's id of it
    print           bytea,                        -- keyed hash of source, destination, text and reference
    repeated        boolean NOT NULL DEFAULT false,
    reference       text NOT NULL DEFAULT '',     -- of a report: the caller's id of the message
    message         uuid,
    state           text NOT NULL DEFAULT '',
    received_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    acknowledged_at timestamptz
);
CREATE INDEX inbound_waiting ON smsc.inbound (received_at, id) WHERE acknowledged_at IS NULL;
CREATE INDEX inbound_done ON smsc.inbound (acknowledged_at) WHERE acknowledged_at IS NOT NULL;
CREATE UNIQUE INDEX inbound_gateway ON smsc.inbound (gateway) WHERE gateway IS NOT NULL;
CREATE INDEX inbound_print ON smsc.inbound (print, received_at) WHERE print IS NOT NULL;

-- +goose Down
DROP TABLE smsc.inbound;
DROP TABLE smsc.messages;
