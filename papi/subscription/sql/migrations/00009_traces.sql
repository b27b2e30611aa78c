-- +goose Up
ALTER TABLE subscription.charges ADD COLUMN traceparent text NOT NULL DEFAULT ''; -- of the request beside its correlation; empty: of a release before

-- +goose Down
ALTER TABLE subscription.charges DROP COLUMN traceparent;
