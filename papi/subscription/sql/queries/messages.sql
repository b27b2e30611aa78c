-- name: AddMessages :copyfrom
INSERT INTO subscription.messages (id, direction, line_id, short_code, partner_id, product_id, purpose, text, segments, state, created_at, changed_at)
VALUES (@id, @direction, @line_id, @short_code, @partner_id, @product_id, @purpose, @text, @segments, @state, @created_at, @changed_at);

-- name: ReceiveMessage :execrows
-- Writes down what a line wrote, once.
INSERT INTO subscription.messages (id, direction, line_id, short_code, partner_id, product_id, purpose, text, segments, state, created_at, changed_at)
VALUES (@id, 'MO', @line_id, @short_code, @partner_id, @product_id, @purpose, @text, 0, @state, @at, @at)
ON CONFLICT (id) DO NOTHING;

-- name: MessageToSend :one
SELECT state, purpose FROM subscription.messages WHERE id = @id AND direction = 'MT';

-- name: EndSubmission :execrows
-- A report, or who withdrew it, may have been quicker.
UPDATE subscription.messages SET state = @state, reason = @reason, changed_at = @at WHERE id = @id AND state = 'QUEUED' AND direction = 'MT';

-- name: ReportMessage :one
-- Reports come more than once and in any order. That it was delivered is believed after anything else.
UPDATE subscription.messages m SET state = @state, reason = @reason, changed_at = @at
WHERE m.id = @id AND m.direction = 'MT' AND (m.state IN ('QUEUED', 'UNKNOWN') OR m.state = 'SENT' AND @state::text <> 'SENT' OR m.state = 'FAILED' AND @state::text = 'DELIVERED')
RETURNING purpose;

-- name: WithdrawMessages :many
-- Ends messages that are still here, by line, product and purposes.
UPDATE subscription.messages m SET state = 'FAILED', reason = @reason, changed_at = @at
FROM (SELECT unnest(@lines::bigint[]) AS line_id, unnest(@products::bigint[]) AS product_id, string_to_array(unnest(@purposes::text[]), ' ') AS purposes) w
WHERE m.line_id = w.line_id AND m.product_id = w.product_id AND m.purpose = ANY (w.purposes) AND m.state = 'QUEUED' AND m.direction = 'MT'
RETURNING m.purpose;

-- name: WithdrawFromShortCode :many
-- Ends messages that are still here, of a short code and of the products that are on it, wherever these write from.
UPDATE subscription.messages m SET state = 'FAILED', reason = @reason, changed_at = @at
WHERE m.line_id = @line_id AND (m.short_code = @short_code OR m.product_id = ANY (@products::bigint[])) AND m.purpose = ANY (@purposes::text[]) AND m.state = 'QUEUED' AND m.direction = 'MT'
RETURNING m.purpose;

-- name: PruneMessages :execrows
DELETE FROM subscription.messages WHERE id IN (SELECT o.id FROM subscription.messages o WHERE o.created_at < @before ORDER BY o.created_at LIMIT 5000);

-- name: UndoneMessages :many
-- What lines wrote that could not be done, and was not tried for a while.
SELECT m.* FROM subscription.messages m WHERE m.direction = 'MO' AND m.state = 'FAILED' AND m.changed_at < @before AND m.created_at > @after
ORDER BY m.changed_at LIMIT 100;

-- name: DoneMessage :execrows
UPDATE subscription.messages SET state = 'RECEIVED', reason = '', changed_at = @at WHERE id = @id AND direction = 'MO' AND state = 'FAILED';

-- name: StillUndone :exec
UPDATE subscription.messages SET changed_at = @at WHERE id = @id AND direction = 'MO' AND state = 'FAILED';

-- name: Converse :one
-- What is known of a line on a short code, held until the transaction ends: who asks whether it may be sent
-- something, and who notes that it wants nothing, come one after the other.
INSERT INTO subscription.conversations AS c (line_id, short_code) VALUES (@line_id, @short_code)
ON CONFLICT (line_id, short_code) DO UPDATE SET short_code = excluded.short_code
RETURNING *;

-- name: Conversed :one
-- When a line last wrote to a short code, and when it last wanted nothing more from any of some; 1970: never.
SELECT coalesce(max(c.wrote_at) FILTER (WHERE c.short_code = @short_code), to_timestamp(0))::timestamptz AS wrote_at,
    coalesce(max(c.left_at), to_timestamp(0))::timestamptz AS left_at
FROM subscription.conversations c WHERE c.line_id = @line_id AND c.short_code = ANY (ARRAY (SELECT unnest(@short_codes::text[])));

-- name: UpdateConversation :exec
UPDATE subscription.conversations SET wrote_at = @wrote_at, left_at = @left_at, helped_at = @helped_at WHERE line_id = @line_id AND short_code = @short_code;

-- name: RightToMessage :one
-- When a line last did what lets a product's partner write to it, and when it last paid for what; 1970: never.
SELECT
    coalesce((SELECT max(s.created_at) FROM subscription.subscriptions s
        WHERE s.line_id = @line_id AND s.product_id = @product_id AND s.state IN ('ACTIVE', 'GRACE')), to_timestamp(0))::timestamptz AS subscribed_at,
    coalesce(paid.once_at, to_timestamp(0))::timestamptz AS bought_at,
    coalesce(paid.first_at, to_timestamp(0))::timestamptz AS first_at,
    coalesce(paid.renewed_at, to_timestamp(0))::timestamptz AS renewed_at
FROM (SELECT max(c.ended_at) FILTER (WHERE c.kind = 'ONE_SHOT') AS once_at, max(c.ended_at) FILTER (WHERE c.kind = 'SUBSCRIPTION') AS first_at,
        max(c.ended_at) FILTER (WHERE c.kind = 'RENEWAL') AS renewed_at
    FROM subscription.charges c WHERE c.line_id = @line_id AND c.product_id = @product_id AND c.state = 'SUCCEEDED') paid;

-- name: CountUndone :one
SELECT count(*) FROM subscription.messages WHERE direction = 'MO' AND state = 'FAILED';
