-- +goose Up

-- Every message to or from a line. One that is to be sent is delivered by the outbox, under the same id.
CREATE TABLE subscription.messages (
    id         uuid PRIMARY KEY,
    direction  text NOT NULL CHECK (direction IN ('MT', 'MO')),
    line_id    bigint NOT NULL REFERENCES subscription.lines,
    short_code text NOT NULL,
    partner_id bigint NOT NULL DEFAULT 0, -- zero: the hub's own
    product_id bigint NOT NULL DEFAULT 0,
    purpose    text NOT NULL, -- PIN, WELCOME, RECEIPT, RENEWED, REMINDER, CANCELLED, NONE_ACTIVE, WHICH, HELP, PARTNER; of an MO what it asked for
    text       bytea NOT NULL, -- sealed; of a PIN without its digits
    segments   integer NOT NULL DEFAULT 0,
    state      text NOT NULL CHECK (state IN ('QUEUED', 'SENT', 'UNKNOWN', 'DELIVERED', 'FAILED', 'RECEIVED')),
    reason     text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL
);
CREATE INDEX messages_line ON subscription.messages (line_id, created_at);
CREATE INDEX messages_created ON subscription.messages (created_at);
-- What is still to go out to a line, and may be withdrawn; what came in and could not be done.
CREATE INDEX messages_queued ON subscription.messages (line_id) WHERE state = 'QUEUED';
CREATE INDEX messages_undone ON subscription.messages (changed_at) WHERE direction = 'MO' AND state = 'FAILED';

-- What a line last did on a short code: whether it may be sent something.
CREATE TABLE subscription.conversations (
    line_id      bigint NOT NULL REFERENCES subscription.lines,
    short_code   text NOT NULL,
    wrote_at     timestamptz, -- its last message that did not ask for an end
    left_at      timestamptz, -- when it last asked to be left alone altogether
    helped_at    timestamptz, -- when it was last told how to write
    PRIMARY KEY (line_id, short_code)
);

-- Redirect tokens that were verified: each once.
CREATE TABLE subscription.redirects (
    hash       bytea PRIMARY KEY,
    expires_at timestamptz NOT NULL
);
CREATE INDEX redirects_expiry ON subscription.redirects (expires_at);

-- The integration acceptance matrix: what each of its checks rests on. Nobody changes it. Of what partners
-- show again and again a row is written now and then.
CREATE TABLE subscription.evidence (
    id          uuid PRIMARY KEY,
    partner_id  bigint NOT NULL,
    product_id  bigint NOT NULL,
    environment text NOT NULL CHECK (environment IN ('STAGING', 'PROD')),
    step        text NOT NULL, -- the check: subscription.NotifSub
    value       text NOT NULL CHECK (value IN ('OK Prov', 'OK', 'NOK')),
    source      text NOT NULL, -- what it was: notification and its id, message, redirect, person
    configuration text NOT NULL, -- fingerprint of URL, key and scheme: under another one it proves nothing
    signed_by   text NOT NULL DEFAULT '', -- of a person's word: whose, and why
    reason      text NOT NULL DEFAULT '',
    actor       text NOT NULL DEFAULT '', -- and by whose token it came in
    at          timestamptz NOT NULL
);
CREATE INDEX evidence_cell ON subscription.evidence (partner_id, product_id, environment, step, value, at DESC);
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE ON subscription.evidence FOR EACH ROW EXECUTE FUNCTION subscription.immutable();

-- What people say of a row of the matrix; the last one holds, those before it are its history.
CREATE TABLE subscription.decisions (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    partner_id  bigint NOT NULL,
    product_id  bigint NOT NULL, -- zero: all of the partner's that have none of their own
    environment text NOT NULL CHECK (environment IN ('STAGING', 'PROD')),
    e2e         text NOT NULL, -- when the end-to-end tests are, or OK: they have passed
    delivery    text NOT NULL,
    integration text NOT NULL,
    waived_by   text NOT NULL, -- who lets the row go to customers as it is; empty: nobody
    waived_why  text NOT NULL,
    waived_at   timestamptz,
    signed_by   text NOT NULL,
    reason      text NOT NULL,
    actor       text NOT NULL,
    at          timestamptz NOT NULL,
    CHECK ((waived_by = '') = (waived_at IS NULL))
);
CREATE INDEX decisions_row ON subscription.decisions (partner_id, product_id, environment, id DESC);
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE ON subscription.decisions FOR EACH ROW EXECUTE FUNCTION subscription.immutable();

-- +goose Down
DROP TABLE subscription.decisions;
DROP TABLE subscription.evidence;
DROP TABLE subscription.redirects;
DROP TABLE subscription.conversations;
DROP TABLE subscription.messages;
