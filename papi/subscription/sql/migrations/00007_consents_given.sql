-- +goose NO TRANSACTION
-- +goose Up

-- Consents are exported by the time when they were given. The index is built while they are written. One that a
-- build left behind when it broke off is not used, and counts as there: it goes first. The build waits for transactions.
SET lock_timeout = 0;
DROP INDEX CONCURRENTLY IF EXISTS subscription.consents_given;
CREATE INDEX CONCURRENTLY IF NOT EXISTS consents_given ON subscription.consents (given_at, id);

-- +goose Down
DROP INDEX CONCURRENTLY IF EXISTS subscription.consents_given;
