-- +goose Up
CREATE SCHEMA IF NOT EXISTS subscription;

-- What is sold, by whom, and how they are told: one document each, as operators apply it. Secrets stand
-- apart, sealed; spec holds their fingerprints only.
CREATE TABLE subscription.catalogue (
    kind    text NOT NULL CHECK (kind IN ('Partner', 'PartnerClient', 'ShortCode', 'Service', 'Product', 'Campaign')),
    id      text NOT NULL,
    spec    jsonb NOT NULL,
    secrets bytea, -- sealed; null: there are none
    PRIMARY KEY (kind, id)
);

-- The number of the catalogue's state; it grows with every change.
CREATE TABLE subscription.catalogue_version (
    id     boolean PRIMARY KEY DEFAULT true CHECK (id),
    number bigint NOT NULL DEFAULT 1
);
INSERT INTO subscription.catalogue_version DEFAULT VALUES;

-- +goose StatementBegin
CREATE FUNCTION subscription.catalogue_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE subscription.catalogue_version SET number = number + 1;
    PERFORM pg_notify('subscription_catalogue_changed', '');
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON subscription.catalogue
    FOR EACH STATEMENT EXECUTE FUNCTION subscription.catalogue_changed();

-- Access tokens of partners: the SHA-256 of each. A token lives while its client's credential does.
CREATE TABLE subscription.tokens (
    hash       bytea PRIMARY KEY,
    client     text NOT NULL,
    credential text NOT NULL, -- fingerprint of the secret that it was given for
    api        text NOT NULL CHECK (api IN ('charge', 'sendmt', 'suboptout')),
    expires_at timestamptz NOT NULL
);
CREATE INDEX tokens_expiry ON subscription.tokens (expires_at);

-- What is counted to guard money and PINs: failures, PINs, by a keyed hash of who is counted.
CREATE TABLE subscription.counts (
    key    bytea NOT NULL,
    since  timestamptz NOT NULL, -- when the window began
    count  integer NOT NULL,
    ends_at timestamptz NOT NULL, -- when it may be forgotten
    PRIMARY KEY (key, since)
);
CREATE INDEX counts_end ON subscription.counts (ends_at);

-- +goose Down
DROP TABLE subscription.counts;
DROP TABLE subscription.tokens;
DROP TABLE subscription.catalogue;
DROP TABLE subscription.catalogue_version;
DROP FUNCTION subscription.catalogue_changed();
