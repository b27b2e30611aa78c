-- +goose Up

-- One row per intention to charge, under its key: sub:{id}:{period} or what a partner's request is named by.
-- It is written before the operator hears of it.
--
--     CREATED ──▶ SENT ──▶ SUCCEEDED ──▶ REFUNDING ──▶ REFUNDED
--        ▲          │├───▶ DECLINED
--        │ again    │└───▶ UNKNOWN ──inquiry──▶ SUCCEEDED | DECLINED
--        └──────────┴ nothing was done
CREATE TABLE subscription.charges (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key           text NOT NULL UNIQUE,
    kind          text NOT NULL CHECK (kind IN ('SUBSCRIPTION', 'RENEWAL', 'ONE_SHOT')),
    state         text NOT NULL CHECK (state IN ('CREATED', 'SENT', 'SUCCEEDED', 'DECLINED', 'UNKNOWN', 'REFUNDING', 'REFUNDED')),
    subscription_id bigint REFERENCES subscription.subscriptions,
    line_id       bigint NOT NULL REFERENCES subscription.lines,
    partner_id    bigint NOT NULL,
    service_id    bigint NOT NULL,
    product_id    bigint NOT NULL,
    pricepoint_id bigint NOT NULL,
    amount        bigint NOT NULL CHECK (amount > 0), -- minor units
    currency      text NOT NULL,
    channel       text NOT NULL,
    short_code    text NOT NULL,
    tid           text NOT NULL,
    user_type     text NOT NULL,
    consent_id    uuid, -- null: the partner vouches for it
    fingerprint   bytea NOT NULL DEFAULT '', -- of a one-shot request: another one under the same key is refused
    reason        text NOT NULL DEFAULT '', -- why it was declined
    told          text NOT NULL DEFAULT '', -- what the one who asked was answered; empty: nothing yet
    attempts      integer NOT NULL DEFAULT 0, -- TxIDs so far
    openings      integer NOT NULL DEFAULT 1, -- how often it was opened, under one TxID or another
    refund_reason text NOT NULL DEFAULT '',
    refund_by     text NOT NULL DEFAULT '' CHECK (refund_by IN ('', 'hub', 'operator')), -- operator: a person's decision
    correlation   text NOT NULL,
    created_at    timestamptz NOT NULL,
    opened_at     timestamptz NOT NULL, -- of the last attempt; its day and month it counts for
    ended_at      timestamptz, -- when its outcome was known
    refunded_at   timestamptz,
    notice_id     uuid,        -- the notification of its success
    noticed_at    timestamptz, -- when that was delivered
    next_at       timestamptz, -- by the database's clock: when an inquiry or a refund is to be made; null: nothing is open
    late          boolean NOT NULL DEFAULT false, -- its outcome was found by inquiry
    CHECK ((kind = 'ONE_SHOT') = (subscription_id IS NULL)),
    CHECK (kind = 'ONE_SHOT' OR consent_id IS NOT NULL)
);
CREATE INDEX charges_open ON subscription.charges (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX charges_line ON subscription.charges (line_id, id);
CREATE INDEX charges_subscription ON subscription.charges (subscription_id, id) WHERE subscription_id IS NOT NULL;
CREATE INDEX charges_notice ON subscription.charges (notice_id) WHERE notice_id IS NOT NULL AND noticed_at IS NULL; -- until it is delivered
CREATE INDEX charges_created ON subscription.charges (created_at);
-- A subscription has one charge in work at a time.
CREATE UNIQUE INDEX charges_in_work ON subscription.charges (subscription_id) WHERE state IN ('SENT', 'UNKNOWN');

-- One row per TxID that the operator may have heard of. While one is SENT or UNKNOWN there is no other.
CREATE TABLE subscription.attempts (
    charge_id    bigint NOT NULL REFERENCES subscription.charges,
    number       integer NOT NULL,
    tx_id        text NOT NULL UNIQUE,
    state        text NOT NULL CHECK (state IN ('SENT', 'SUCCEEDED', 'DECLINED', 'UNKNOWN', 'UNDONE')),
    reason       text NOT NULL DEFAULT '',
    operator_ref text NOT NULL DEFAULT '',
    sent_at      timestamptz NOT NULL, -- business time, for people
    ends_at      timestamptz NOT NULL, -- by the database's clock: after it no call of this attempt is on its way
    charged_at   timestamptz,
    PRIMARY KEY (charge_id, number)
);
CREATE UNIQUE INDEX attempts_one ON subscription.attempts (charge_id) WHERE state IN ('SENT', 'UNKNOWN', 'SUCCEEDED');

-- The names of one-shot requests, each for as long as it is good: an idempotency key for good, a derived
-- one for its window.
CREATE TABLE subscription.request_keys (
    partner_id bigint NOT NULL,
    key        bytea NOT NULL, -- keyed hash
    charge_key text NOT NULL,
    named_at   timestamptz NOT NULL,
    good_until timestamptz NOT NULL,
    PRIMARY KEY (partner_id, key)
);
CREATE INDEX request_keys_age ON subscription.request_keys (good_until);

-- What a line was charged, or is being charged, in a local day (2026-11-25) or month (2026-11), over all products.
CREATE TABLE subscription.spending (
    line_id  bigint NOT NULL,
    span     text NOT NULL,
    currency text NOT NULL,
    amount   bigint NOT NULL CHECK (amount >= 0),
    PRIMARY KEY (line_id, span, currency)
);
CREATE INDEX spending_span ON subscription.spending (span);

-- spend adds an amount to all spans of a line, or, where one of them would exceed its cap, to none.
-- +goose StatementBegin
CREATE FUNCTION subscription.spend(line bigint, spans text[], in_currency text, more bigint, caps bigint[]) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. array_length(spans, 1) LOOP
        INSERT INTO subscription.spending AS s (line_id, span, currency, amount)
            SELECT line, spans[i], in_currency, more WHERE more <= caps[i]
            ON CONFLICT (line_id, span, currency) DO UPDATE SET amount = s.amount + excluded.amount WHERE s.amount + excluded.amount <= caps[i];
        IF NOT FOUND THEN
            UPDATE subscription.spending SET amount = amount - more
                WHERE line_id = line AND currency = in_currency AND span = ANY (spans[1:i - 1]);
            RETURN false;
        END IF;
    END LOOP;
    RETURN true;
END $$;
-- +goose StatementEnd

-- unspend takes an amount off the spans of a line, in the order in which spend adds it, so that neither
-- waits for the other in a circle.
-- +goose StatementBegin
CREATE FUNCTION subscription.unspend(line bigint, spans text[], in_currency text, less bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. array_length(spans, 1) LOOP
        UPDATE subscription.spending SET amount = amount - less WHERE line_id = line AND span = spans[i] AND currency = in_currency;
    END LOOP;
END $$;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION subscription.unspend;
DROP FUNCTION subscription.spend;
DROP TABLE subscription.spending;
DROP TABLE subscription.request_keys;
DROP TABLE subscription.attempts;
DROP TABLE subscription.charges;
