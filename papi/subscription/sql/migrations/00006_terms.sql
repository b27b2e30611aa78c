-- +goose Up

-- Nothing here reads or rewrites a table, however full it is: the defaults are constants.

-- The lower prices that were shown beside the price, each for so many days: [{"pricePoint","amount","days"}].
ALTER TABLE subscription.consents ADD COLUMN fallbacks jsonb NOT NULL DEFAULT '[]';

-- How many days a charge at a lower price pays for; zero: a whole period.
ALTER TABLE subscription.charges ADD COLUMN days integer NOT NULL DEFAULT 0;

-- Requests of partners that named a key, with what they were answered, so that a repetition does nothing more.
-- Those of charges are named in request_keys.
CREATE TABLE subscription.requests (
    partner_id  bigint NOT NULL,
    key         bytea NOT NULL, -- keyed hash of operation and key
    fingerprint bytea NOT NULL, -- of what was asked for: something else under the same key is refused
    answer      jsonb NOT NULL,
    good_until  timestamptz NOT NULL,
    PRIMARY KEY (partner_id, key)
);
CREATE INDEX requests_age ON subscription.requests (good_until);

-- +goose Down
DROP TABLE subscription.requests;
ALTER TABLE subscription.charges DROP COLUMN days;
ALTER TABLE subscription.consents DROP COLUMN fallbacks;
