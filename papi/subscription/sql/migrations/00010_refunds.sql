-- +goose Up
ALTER TABLE subscription.charges ADD COLUMN refund_asked_at timestamptz; -- when a person asked for it; null: nobody did, or by a release before

-- +goose Down
ALTER TABLE subscription.charges DROP COLUMN refund_asked_at;
