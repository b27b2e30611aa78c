-- name: RecentCharges :many
SELECT * FROM subscription.charges ORDER BY id DESC LIMIT @most;

-- name: UnsettledCharges :many
-- What has no outcome yet, or is to be given back, the longest first.
SELECT * FROM subscription.charges WHERE next_at IS NOT NULL ORDER BY coalesce(refund_asked_at, ended_at, opened_at), id LIMIT @most;

-- name: ChargesOfLine :many
SELECT * FROM subscription.charges WHERE line_id = @line_id ORDER BY id DESC LIMIT @most;

-- name: AttemptsOf :many
SELECT * FROM subscription.attempts WHERE charge_id = @charge_id ORDER BY number;

-- name: RecentSubscriptions :many
SELECT * FROM subscription.subscriptions ORDER BY id DESC LIMIT @most;

-- name: SubscriptionsOfLine :many
SELECT * FROM subscription.subscriptions WHERE line_id = @line_id ORDER BY id DESC LIMIT @most;

-- name: ChargesOfSubscription :many
SELECT * FROM subscription.charges WHERE subscription_id = @subscription_id ORDER BY id DESC LIMIT @most;

-- name: ReconciledDays :many
-- The days on which charges were begun, the last first. It goes from day to day in the index: it costs by days, not by
-- charges.
WITH RECURSIVE days AS (
    (SELECT (created_at AT TIME ZONE 'UTC')::date AS day FROM subscription.charges WHERE created_at > @since::timestamptz ORDER BY created_at DESC LIMIT 1)
    UNION ALL
    SELECT (SELECT (c.created_at AT TIME ZONE 'UTC')::date FROM subscription.charges c
        WHERE c.created_at > @since::timestamptz AND c.created_at < days.day::timestamp AT TIME ZONE 'UTC' ORDER BY c.created_at DESC LIMIT 1)
    FROM days WHERE days.day IS NOT NULL
)
SELECT days.day::date AS day FROM days WHERE days.day IS NOT NULL ORDER BY 1 DESC;

-- name: Reconcile :many
-- What was charged, given back and notified of the charges that were begun in a span of time.
SELECT partner_id, product_id, currency,
    count(*) FILTER (WHERE state IN ('SUCCEEDED', 'REFUNDING', 'REFUNDED')) AS charged,
    coalesce(sum(amount) FILTER (WHERE state IN ('SUCCEEDED', 'REFUNDING', 'REFUNDED')), 0)::bigint AS charged_amount,
    coalesce(sum(amount) FILTER (WHERE state IN ('REFUNDING', 'REFUNDED') AND refund_by = 'hub'), 0)::bigint AS refunded_amount,
    coalesce(sum(amount) FILTER (WHERE state IN ('REFUNDING', 'REFUNDED') AND refund_by = 'operator'), 0)::bigint AS refunded_by_operator_amount,
    coalesce(sum(amount) FILTER (WHERE state = 'REFUNDING'), 0)::bigint AS refunding_amount,
    coalesce(sum(amount) FILTER (WHERE notice_id IS NOT NULL), 0)::bigint AS notified_amount,
    coalesce(sum(amount) FILTER (WHERE notice_id IS NOT NULL AND noticed_at IS NULL), 0)::bigint AS undelivered_amount,
    count(*) FILTER (WHERE state IN ('SENT', 'UNKNOWN')) AS unresolved,
    count(*) FILTER (WHERE state = 'DECLINED') AS declined
FROM subscription.charges WHERE created_at >= @since::timestamptz AND created_at < @until::timestamptz
GROUP BY partner_id, product_id, currency ORDER BY partner_id, product_id, currency;

-- name: Differences :many
-- Charges that do not add up: notified without having come true, or come true and neither notified nor given back.
SELECT * FROM subscription.charges WHERE created_at >= @since::timestamptz AND created_at < @until::timestamptz
    AND (state = 'SUCCEEDED' AND notice_id IS NULL OR notice_id IS NOT NULL AND state NOT IN ('SUCCEEDED', 'REFUNDING', 'REFUNDED')
        OR notice_id IS NOT NULL AND refund_by = 'hub')
ORDER BY id LIMIT @most;

-- name: CountDifferences :one
SELECT count(*) FROM subscription.charges
WHERE state = 'SUCCEEDED' AND notice_id IS NULL OR notice_id IS NOT NULL AND state NOT IN ('SUCCEEDED', 'REFUNDING', 'REFUNDED')
    OR notice_id IS NOT NULL AND refund_by = 'hub';

-- name: RecentConsents :many
SELECT sqlc.embed(c), coalesce(s.id, 0)::bigint AS subscription_id
FROM subscription.consents c LEFT JOIN subscription.subscriptions s ON s.consent_id = c.id
ORDER BY c.given_at DESC, c.id DESC LIMIT @most;

-- name: ConsentsOfLine :many
SELECT sqlc.embed(c), coalesce(s.id, 0)::bigint AS subscription_id
FROM subscription.consents c LEFT JOIN subscription.subscriptions s ON s.consent_id = c.id
WHERE c.line_id = @line_id ORDER BY c.given_at DESC, c.id DESC LIMIT @most;

-- name: ConsentsBetween :many
-- Those given in a span of time, the earliest first, after one of them.
SELECT sqlc.embed(c), coalesce(s.id, 0)::bigint AS subscription_id
FROM subscription.consents c LEFT JOIN subscription.subscriptions s ON s.consent_id = c.id
WHERE c.given_at < @until::timestamptz AND (c.given_at, c.id) > (@given_at::timestamptz, @id::uuid)
ORDER BY c.given_at, c.id LIMIT @most;
