-- +goose Up
ALTER TABLE subscription.consents ADD COLUMN owner_epoch text NOT NULL DEFAULT ''; -- whose line it was, by the directory's epoch; empty: it was not told, or by a release before

-- +goose Down
ALTER TABLE subscription.consents DROP COLUMN owner_epoch;
