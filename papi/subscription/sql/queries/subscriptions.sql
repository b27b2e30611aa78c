-- name: LockSubscriptions :many
SELECT * FROM subscription.subscriptions WHERE id = ANY (@ids::bigint[]) ORDER BY id FOR UPDATE;

-- name: UpdateSubscription :batchexec
UPDATE subscription.subscriptions SET state = @state, changed_at = @changed_at, anchor = @anchor, periods = @periods, paid_until = @paid_until,
    tries = @tries, due_at = @due_at, reminded_for = @reminded_for, cancelled_at = @cancelled_at, cancel_reason = @cancel_reason,
    cancel_cause = @cancel_cause, cancel_channel = @cancel_channel, lease = NULL, leased_until = NULL
WHERE id = @id;

-- name: AddHistory :copyfrom
INSERT INTO subscription.history (subscription_id, at, was, is_now, cause, correlation) VALUES (@subscription_id, @at, @was, @is_now, @cause, @correlation);

-- name: AddSubscription :one
INSERT INTO subscription.subscriptions (line_id, partner_id, service_id, product_id, pricepoint_id, consent_id, campaign, channel, short_code, tid,
    user_type, owner_epoch, state, created_at, changed_at)
VALUES (@line_id, @partner_id, @service_id, @product_id, @pricepoint_id, @consent_id, @campaign, @channel, @short_code, @tid,
    @user_type, @owner_epoch, 'PENDING_CHARGE', @at, @at)
ON CONFLICT (line_id, product_id) WHERE state <> 'CANCELLED' DO NOTHING
RETURNING *;

-- name: OpenSubscription :one
SELECT * FROM subscription.subscriptions WHERE line_id = @line_id AND product_id = @product_id AND state <> 'CANCELLED';

-- name: LastSubscription :one
SELECT * FROM subscription.subscriptions WHERE line_id = @line_id AND product_id = @product_id ORDER BY id DESC LIMIT 1;

-- name: Subscription :one
SELECT * FROM subscription.subscriptions WHERE id = @id;

-- name: SubscriptionOfConsent :one
SELECT * FROM subscription.subscriptions WHERE consent_id = @consent_id;

-- name: OpenSubscriptionsOfLine :many
SELECT * FROM subscription.subscriptions WHERE line_id = @line_id AND state <> 'CANCELLED' ORDER BY id;

-- name: HasAccess :one
-- Whether a line has a subscription of the service, or of one product of it, that it may use now.
SELECT EXISTS (SELECT FROM subscription.subscriptions WHERE line_id = @line_id AND service_id = @service_id
    AND (@product_id::bigint = 0 OR product_id = @product_id) AND state IN ('ACTIVE', 'GRACE'));

-- name: HistoryOf :many
SELECT * FROM subscription.history WHERE subscription_id = @subscription_id ORDER BY at;

-- name: RecentConsent :one
SELECT id FROM subscription.consents WHERE line_id = @line_id AND service_id = @service_id AND given_at >= @since ORDER BY given_at DESC LIMIT 1;
