-- +goose Up
-- The last verification of all chains, by whichever process; one row.
CREATE TABLE audit.verification (
    one    boolean PRIMARY KEY DEFAULT true CHECK (one),
    begun  timestamptz, -- the one that a process is at, or was
    alive  timestamptz, -- when that process was last heard of; null: it ended
    ended  timestamptz, -- null: none has
    broken bigint NOT NULL DEFAULT 0 -- chains that were not as they were written
);
INSERT INTO audit.verification DEFAULT VALUES;

-- +goose Down
DROP TABLE audit.verification;
