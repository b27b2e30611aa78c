-- +goose Up

-- A line that was ever asked about. Everything else names it by id, so that an erasure takes one column:
-- what is left of it is a pseudonym.
CREATE TABLE subscription.lines (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key     bytea NOT NULL UNIQUE, -- keyed hash of the MSISDN
    msisdn  bytea NOT NULL         -- sealed; empty: erased
);

-- A visit that may become a subscription or a consent. A new one of the line and product supersedes an
-- open one, so that a stranger who begins a flow blocks nobody.
--
--     pending ──▶ confirmed
--        └──────▶ abandoned: dead PIN, time over, superseded
CREATE TABLE subscription.flows (
    id         uuid PRIMARY KEY,
    line_id    bigint NOT NULL REFERENCES subscription.lines,
    partner_id bigint NOT NULL,
    service_id bigint NOT NULL,
    product_id bigint NOT NULL,
    pricepoint_id bigint NOT NULL,
    campaign   text NOT NULL,
    channel    text NOT NULL,
    tid        text NOT NULL,
    proof      text NOT NULL CHECK (proof IN ('PIN', 'HE')),
    state      text NOT NULL CHECK (state IN ('pending', 'confirmed', 'abandoned')),
    owner_epoch text NOT NULL DEFAULT '',
    user_type  text NOT NULL DEFAULT '',
    origin     bytea NOT NULL, -- sealed: from where it was begun, and what showed whose line it is
    started_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    consent_id uuid, -- of confirmed
    CHECK ((state = 'confirmed') = (consent_id IS NOT NULL))
);
CREATE UNIQUE INDEX flows_pending ON subscription.flows (line_id, product_id) WHERE state = 'pending';
CREATE INDEX flows_expiry ON subscription.flows (expires_at);
CREATE INDEX flows_open ON subscription.flows (expires_at) WHERE state = 'pending';

-- A PIN is good for its flow, line and product, once, for a while, and for a few tries.
CREATE TABLE subscription.pins (
    flow_id    uuid NOT NULL REFERENCES subscription.flows ON DELETE CASCADE,
    number     integer NOT NULL, -- of the flow
    line_id    bigint NOT NULL,
    address    bytea NOT NULL, -- keyed hash of the browser's that asked for it
    mac        bytea NOT NULL, -- of the digits
    state      text NOT NULL CHECK (state IN ('live', 'used', 'dead', 'void')),
    tries      integer NOT NULL DEFAULT 0,
    sent_at    timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at   timestamptz, -- of used, dead and void
    PRIMARY KEY (flow_id, number)
);
CREATE UNIQUE INDEX pins_live ON subscription.pins (flow_id) WHERE state = 'live';
CREATE INDEX pins_line ON subscription.pins (line_id, sent_at);
CREATE INDEX pins_address ON subscription.pins (address, sent_at);

-- The proof for the consumer authority: what was shown and how it was agreed to. Nobody changes it.
CREATE TABLE subscription.consents (
    id         uuid PRIMARY KEY,
    line_id    bigint NOT NULL,
    partner_id bigint NOT NULL,
    service_id bigint NOT NULL,
    product_id bigint NOT NULL,
    pricepoint_id bigint NOT NULL,
    amount     bigint NOT NULL, -- as shown, minor units
    currency   text NOT NULL,
    proof      text NOT NULL CHECK (proof IN ('PIN', 'HE')),
    given_at   timestamptz NOT NULL,
    record     bytea NOT NULL -- sealed: texts, screens, address, user agent, tid
);
CREATE INDEX consents_service ON subscription.consents (line_id, service_id, given_at);

-- +goose StatementBegin
CREATE FUNCTION subscription.immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;
-- +goose StatementEnd
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE ON subscription.consents FOR EACH ROW EXECUTE FUNCTION subscription.immutable();

-- A subscription, and where it is in its paid life.
--
--     PENDING_CHARGE ──charged──▶ ACTIVE ──declined──▶ GRACE ──over──▶ SUSPENDED
--           │                       ▲  ◀──charged────────┘               │  │
--           │ declined              └─────────────charged────────────────┘  │ 30 days
--           └──────────────────────────▶ CANCELLED ◀────────────────────────┘ and: MO, API, self-care, line, product
CREATE TABLE subscription.subscriptions (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    line_id     bigint NOT NULL REFERENCES subscription.lines,
    partner_id  bigint NOT NULL,
    service_id  bigint NOT NULL,
    product_id  bigint NOT NULL,
    pricepoint_id bigint NOT NULL,
    consent_id  uuid NOT NULL UNIQUE REFERENCES subscription.consents, -- a consent makes one subscription
    campaign    text NOT NULL,
    channel     text NOT NULL,
    short_code  text NOT NULL,
    tid         text NOT NULL,
    user_type   text NOT NULL,
    owner_epoch text NOT NULL, -- of the line's owner who agreed
    state       text NOT NULL CHECK (state IN ('PENDING_CHARGE', 'ACTIVE', 'GRACE', 'SUSPENDED', 'CANCELLED')),
    created_at  timestamptz NOT NULL,
    changed_at  timestamptz NOT NULL, -- of state

    -- Of a subscription that was ever active. Due dates are counted from anchor, so that errors do not
    -- add up: paid_until is that of period number periods.
    anchor       timestamptz,
    periods      integer NOT NULL DEFAULT 0,
    paid_until   timestamptz,
    tries        jsonb NOT NULL DEFAULT '[]', -- [{"at","outcome"}]: what was tried since, and on the last day of before
    due_at       timestamptz, -- when somebody is to look at it next; null: a charge is in work, or nothing is to come
    reminded_for timestamptz, -- the paid_until that a reminder was sent for

    -- Who works at it: a lease by the database's clock.
    lease       uuid,
    leased_until timestamptz,

    cancelled_at  timestamptz,
    cancel_reason text NOT NULL DEFAULT '' CHECK (cancel_reason IN ('', 'MO', 'LIFECYCLE')),
    cancel_cause  text NOT NULL DEFAULT '', -- for operators: OPTOUT_MO, OPTOUT_API, SELF_CARE, DECLINED, UNPAID, LINE_ENDED, PRODUCT_ENDED …
    cancel_channel text NOT NULL DEFAULT '',
    CHECK ((state = 'CANCELLED') = (cancelled_at IS NOT NULL)),
    CHECK (state NOT IN ('ACTIVE', 'GRACE', 'SUSPENDED') OR anchor IS NOT NULL AND paid_until IS NOT NULL),
    CHECK (state <> 'CANCELLED' OR due_at IS NULL)
)
-- A renewal writes a row three times: room in its page keeps the lease out of the indexes, and dead entries do not
-- gather where the next due ones are looked for.
WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
CREATE UNIQUE INDEX subscriptions_open ON subscription.subscriptions (line_id, product_id) WHERE state <> 'CANCELLED';
CREATE INDEX subscriptions_due ON subscription.subscriptions (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX subscriptions_line ON subscription.subscriptions (line_id, id);
CREATE INDEX subscriptions_product ON subscription.subscriptions (product_id, id) WHERE state <> 'CANCELLED';

-- What became of a subscription, for people.
CREATE TABLE subscription.history (
    subscription_id bigint NOT NULL REFERENCES subscription.subscriptions,
    at          timestamptz NOT NULL,
    was         text NOT NULL,
    is_now      text NOT NULL,
    cause       text NOT NULL,
    correlation text NOT NULL
);
CREATE INDEX history_subscription ON subscription.history (subscription_id, at);

-- How far the line directory's events were read.
CREATE TABLE subscription.cursors (
    name  text PRIMARY KEY,
    value text NOT NULL
);

-- +goose Down
DROP TABLE subscription.cursors;
DROP TABLE subscription.history;
DROP TABLE subscription.subscriptions;
DROP TABLE subscription.consents;
DROP FUNCTION subscription.immutable();
DROP TABLE subscription.pins;
DROP TABLE subscription.flows;
DROP TABLE subscription.lines;
