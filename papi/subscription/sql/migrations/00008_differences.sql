-- +goose Up

-- Charges that do not add up. There are none, unless something is wrong: counting them costs nothing.
CREATE INDEX charges_different ON subscription.charges (id)
    WHERE state = 'SUCCEEDED' AND notice_id IS NULL OR notice_id IS NOT NULL AND state NOT IN ('SUCCEEDED', 'REFUNDING', 'REFUNDED')
        OR notice_id IS NOT NULL AND refund_by = 'hub';

-- +goose Down
DROP INDEX subscription.charges_different;
