-- +goose Up
-- One row per key that ever was in a ring: the canary's value, sealed under that key.
CREATE TABLE keyring.keys (
    id     text PRIMARY KEY,
    sealed bytea NOT NULL
);

-- The ID of the key stands in the header of what it sealed: version, length, ID.
INSERT INTO keyring.keys (id, sealed)
SELECT convert_from(substr(sealed, 3, get_byte(sealed, 1)), 'UTF8'), sealed FROM keyring.canary;

ALTER TABLE keyring.canary DROP COLUMN sealed;

-- +goose Down
ALTER TABLE keyring.canary ADD COLUMN sealed bytea;
UPDATE keyring.canary SET sealed = (SELECT sealed FROM keyring.keys ORDER BY id LIMIT 1);
ALTER TABLE keyring.canary ALTER COLUMN sealed SET NOT NULL;
DROP TABLE keyring.keys;
