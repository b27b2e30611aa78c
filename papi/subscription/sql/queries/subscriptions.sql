-- name: LockSubscriptions :many
SELECT * FROM subscription.subscriptions WHERE id = ANY (ARRAY (SELECT unnest(@ids::bigint[]))) ORDER BY id FOR UPDATE;

-- name: UpdateSubscriptions :exec
-- Writes locked rows, in one statement: one for each costs twice as much. The zero time stands for none. Parameters in
-- (SELECT …) hide from the planner how many rows there are: one plan serves for all, and is kept.
UPDATE subscription.subscriptions s SET state = i.state, changed_at = i.changed_at, anchor = nullif(i.anchor, '0001-01-01Z'), periods = i.periods,
    paid_until = nullif(i.paid_until, '0001-01-01Z'), tries = i.tries, due_at = nullif(i.due_at, '0001-01-01Z'),
    reminded_for = nullif(i.reminded_for, '0001-01-01Z'), cancelled_at = nullif(i.cancelled_at, '0001-01-01Z'), cancel_reason = i.cancel_reason,
    cancel_cause = i.cancel_cause, cancel_channel = i.cancel_channel, user_type = i.user_type, lease = NULL, leased_until = NULL
FROM (SELECT unnest((SELECT @ids::bigint[])) AS id, unnest((SELECT @states::text[])) AS state, unnest((SELECT @changes::timestamptz[])) AS changed_at,
    unnest((SELECT @anchors::timestamptz[])) AS anchor, unnest((SELECT @periods::integer[])) AS periods, unnest((SELECT @paid_untils::timestamptz[])) AS paid_until,
    unnest((SELECT @tries::jsonb[])) AS tries, unnest((SELECT @dues::timestamptz[])) AS due_at, unnest((SELECT @reminders::timestamptz[])) AS reminded_for,
    unnest((SELECT @ends::timestamptz[])) AS cancelled_at, unnest((SELECT @reasons::text[])) AS cancel_reason, unnest((SELECT @causes::text[])) AS cancel_cause,
    unnest((SELECT @channels::text[])) AS cancel_channel, unnest((SELECT @user_types::text[])) AS user_type) i
WHERE s.id = i.id;

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

-- name: LastToEnd :one
-- The last one that is to be ended, or was. One whose first charge was declined never was any.
SELECT * FROM subscription.subscriptions WHERE line_id = @line_id AND product_id = @product_id
    AND NOT (state = 'CANCELLED' AND anchor IS NULL AND cancel_cause LIKE 'DECLINED%')
ORDER BY id DESC LIMIT 1;

-- name: LeftOwing :one
-- Whether a line's owner had a product, and was not paid up when that ended, since a moment. One that never began
-- has no paid_until.
SELECT EXISTS (SELECT FROM subscription.subscriptions WHERE line_id = @line_id AND product_id = @product_id AND owner_epoch = @owner_epoch
    AND cancelled_at > @since::timestamptz AND paid_until <= cancelled_at);

-- name: Subscription :one
SELECT * FROM subscription.subscriptions WHERE id = @id;

-- name: SubscriptionOfConsent :one
SELECT * FROM subscription.subscriptions WHERE consent_id = @consent_id;

-- name: OpenSubscriptionsOfLine :many
SELECT * FROM subscription.subscriptions WHERE line_id = @line_id AND state <> 'CANCELLED' ORDER BY id;

-- name: Agreements :many
-- What the owners of a line agreed to that allows a charge of a service now: their subscriptions, and consents of a
-- moment ago that showed no lower price, with the owner's epoch.
SELECT DISTINCT owner_epoch, '00000000-0000-0000-0000-000000000000'::uuid AS consent_id FROM subscription.subscriptions s
WHERE s.line_id = @line_id AND s.service_id = @service_id AND s.state IN ('ACTIVE', 'GRACE')
UNION ALL
(SELECT owner_epoch, id FROM subscription.consents c WHERE c.line_id = @line_id AND c.service_id = @service_id AND c.given_at >= @since
    AND c.amount >= @amount AND c.currency = @currency ORDER BY c.given_at DESC);

-- name: HistoryOf :many
SELECT * FROM subscription.history WHERE subscription_id = @subscription_id ORDER BY at;

-- name: ClaimDue :many
-- Takes subscriptions that somebody is to look at, the longest due first, for as long as the lease lasts. The
-- array keeps the plan to the indexes, however many the planner takes a limit for.
UPDATE subscription.subscriptions s SET lease = @lease::uuid, leased_until = now() + @lasts::interval
WHERE s.id = ANY (ARRAY (SELECT d.id FROM subscription.subscriptions d
    WHERE d.due_at <= @now::timestamptz AND (d.leased_until IS NULL OR d.leased_until < now()) ORDER BY d.due_at LIMIT @most FOR UPDATE SKIP LOCKED))
RETURNING s.*;

-- name: PutOff :execrows
-- Has claimed subscriptions looked at again later, not all at once.
UPDATE subscription.subscriptions SET due_at = (@at::timestamptz) + random() * (@spread::interval), lease = NULL, leased_until = NULL
WHERE id = ANY (ARRAY (SELECT unnest(@ids::bigint[]))) AND lease = @lease::uuid AND due_at IS NOT NULL;

-- name: Release :execrows
-- Gives claimed subscriptions back as they are.
UPDATE subscription.subscriptions SET lease = NULL, leased_until = NULL WHERE id = ANY (ARRAY (SELECT unnest(@ids::bigint[]))) AND lease = @lease::uuid;

-- name: CountDue :one
-- How many are due and not in somebody's hands, up to a number.
SELECT count(*) FROM (SELECT FROM subscription.subscriptions
    WHERE due_at <= @now::timestamptz AND (leased_until IS NULL OR leased_until < now()) ORDER BY due_at LIMIT @most) d;

-- name: Backlog :one
-- How many are due, up to a number.
SELECT count(*) FROM (SELECT FROM subscription.subscriptions WHERE due_at <= @now::timestamptz ORDER BY due_at LIMIT @most) d;

-- name: OldestDue :one
SELECT due_at::timestamptz FROM subscription.subscriptions WHERE due_at <= @now::timestamptz ORDER BY due_at LIMIT 1;

-- name: Agreed :many
-- What was agreed to, by consent.
SELECT id, amount, currency, fallbacks FROM subscription.consents WHERE id = ANY (ARRAY (SELECT unnest(@ids::uuid[])));

-- name: HasOpenSubscriptions :one
SELECT EXISTS (SELECT FROM subscription.subscriptions WHERE product_id = @product_id AND state <> 'CANCELLED');

-- name: ReadCursor :one
SELECT value FROM subscription.cursors WHERE name = @name;

-- name: SaveCursor :exec
INSERT INTO subscription.cursors (name, value) VALUES (@name, @value) ON CONFLICT (name) DO UPDATE SET value = excluded.value;
