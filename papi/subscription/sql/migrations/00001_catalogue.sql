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

-- tally counts in several windows, each up to its most, or, where one of them is full, in none. It gives the
-- place of the full one; zero: it counted. Adding zero asks whether one is full, in line with all who count.
-- Who names keys in their order waits for nobody who waits for it.
-- +goose StatementBegin
CREATE FUNCTION subscription.tally(keys bytea[], begun timestamptz[], ended timestamptz[], most integer[], more integer) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. array_length(keys, 1) LOOP
        PERFORM FROM subscription.counts c WHERE c.key = keys[i] AND c.since = begun[i] AND c.count >= most[i];
        IF FOUND THEN -- a count never falls in its window: this writes nothing
            RETURN i;
        END IF;
    END LOOP;
    FOR i IN 1 .. array_length(keys, 1) LOOP
        INSERT INTO subscription.counts AS c (key, since, count, ends_at) VALUES (keys[i], begun[i], more, ended[i])
            ON CONFLICT (key, since) DO UPDATE SET count = c.count + more WHERE c.count < most[i];
        IF NOT FOUND THEN
            FOR j IN 1 .. i - 1 LOOP
                UPDATE subscription.counts c SET count = c.count - more WHERE c.key = keys[j] AND c.since = begun[j];
            END LOOP;
            RETURN i;
        END IF;
    END LOOP;
    RETURN 0;
END $$;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION subscription.tally;
DROP TABLE subscription.counts;
DROP TABLE subscription.tokens;
DROP TABLE subscription.catalogue;
DROP TABLE subscription.catalogue_version;
DROP FUNCTION subscription.catalogue_changed();
