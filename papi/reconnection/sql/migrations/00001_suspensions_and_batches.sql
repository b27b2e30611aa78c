-- +goose Up
CREATE SCHEMA IF NOT EXISTS reconnection;

-- One row per suspension, written before any system is called on its account: it has one order or
-- one PQR, never both and never two. The id is a keyed hash of connection and suspension; an inquiry
-- needs the reference only, so nothing here names a line or a person.
--
--     (none) ──┬────────▶ ordering ─────────────▶ ordered
--              │  claim     │ │ refused: nothing done
--              │            │ ▼
--              ├──────────▶ │ filing ───────────▶ filed
--              │  debt      │ │
--              └─────────── abandoned: certainly nothing there
CREATE TABLE reconnection.suspensions (
    id           bytea PRIMARY KEY,
    reference    text NOT NULL, -- what the systems know it by; the same for all attempts
    state        text NOT NULL CHECK (state IN ('ordering', 'filing', 'ordered', 'filed', 'abandoned')),
    attempt      integer NOT NULL DEFAULT 1,
    token        bytea NOT NULL, -- of the claim that holds it: one that is written again finds itself
    ends_at      timestamptz NOT NULL, -- by then the attempt's process calls nobody any more
    strategy     text NOT NULL,
    correlation  text NOT NULL, -- of the request whose attempt it is
    order_number text NOT NULL DEFAULT '',
    cun          text NOT NULL DEFAULT '',
    pqr_number   text NOT NULL DEFAULT '',
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CHECK ((state = 'ordered') = (order_number <> '')),
    CHECK ((state = 'filed') = (pqr_number <> ''))
);
CREATE INDEX suspensions_open ON reconnection.suspensions (updated_at) INCLUDE (ends_at) WHERE state IN ('ordering', 'filing');

-- A batch belongs to the client and system that started it; its items run on their behalf.
CREATE TABLE reconnection.batches (
    id         text PRIMARY KEY, -- a keyed hash of owner, key and items: a repetition finds the first
    owner      text NOT NULL,
    client     text NOT NULL,
    system     text NOT NULL,
    channel    text NOT NULL,
    total      integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    ended_at   timestamptz -- null: items are pending
);
CREATE INDEX batches_running ON reconnection.batches (created_at) WHERE ended_at IS NULL;
CREATE INDEX batches_age ON reconnection.batches (created_at);

CREATE TABLE reconnection.batch_items (
    batch_id     text NOT NULL REFERENCES reconnection.batches (id) ON DELETE CASCADE,
    position     integer NOT NULL,
    correlation  text NOT NULL,
    request      bytea NOT NULL, -- sealed: connection and document
    done         boolean NOT NULL DEFAULT false,
    tries        integer NOT NULL DEFAULT 0, -- technical failures so far
    next_at      timestamptz NOT NULL DEFAULT now(), -- when a pending one is tried again
    kind         text NOT NULL DEFAULT '',
    order_number text NOT NULL DEFAULT '',
    cun          text NOT NULL DEFAULT '',
    pqr_number   text NOT NULL DEFAULT '',
    code         text NOT NULL DEFAULT '',
    PRIMARY KEY (batch_id, position)
);
CREATE INDEX batch_items_pending ON reconnection.batch_items (batch_id, next_at) WHERE NOT done;

-- +goose Down
DROP TABLE reconnection.batch_items;
DROP TABLE reconnection.batches;
DROP TABLE reconnection.suspensions;
