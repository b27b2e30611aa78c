-- name: OpenCharges :many
-- Writes intentions down, or opens one again whose last attempt was declined or did nothing, at the price
-- that holds now: a TxID is one of one amount. Time runs from here, not from the transaction's beginning. What is
-- in work or came true is left alone, and is not among the rows.
INSERT INTO subscription.charges AS c (key, kind, state, subscription_id, line_id, partner_id, service_id, product_id, pricepoint_id,
    amount, days, currency, channel, short_code, tid, user_type, consent_id, fingerprint, attempts, correlation, traceparent, created_at, opened_at, next_at)
SELECT i.key, i.kind, 'SENT', nullif(i.subscription_id, 0), i.line_id, i.partner_id, i.service_id, i.product_id, i.pricepoint_id,
    i.amount, i.days, i.currency, i.channel, i.short_code, i.tid, i.user_type, nullif(i.consent_id, '00000000-0000-0000-0000-000000000000'), i.fingerprint, 1, i.correlation, i.traceparent, @at::timestamptz, @at::timestamptz, clock_timestamp() + @lasts::interval
FROM (SELECT unnest(@keys::text[]) AS key, unnest(@kinds::text[]) AS kind, unnest(@subscriptions::bigint[]) AS subscription_id,
    unnest(@lines::bigint[]) AS line_id, unnest(@partners::bigint[]) AS partner_id, unnest(@services::bigint[]) AS service_id,
    unnest(@products::bigint[]) AS product_id, unnest(@pricepoints::bigint[]) AS pricepoint_id, unnest(@amounts::bigint[]) AS amount, unnest(@days::integer[]) AS days,
    unnest(@currencies::text[]) AS currency, unnest(@channels::text[]) AS channel, unnest(@short_codes::text[]) AS short_code,
    unnest(@tids::text[]) AS tid, unnest(@user_types::text[]) AS user_type, unnest(@consents::uuid[]) AS consent_id,
    unnest(@fingerprints::bytea[]) AS fingerprint, unnest(@correlations::text[]) AS correlation, unnest(@traceparents::text[]) AS traceparent) i
ON CONFLICT (key) DO UPDATE SET state = 'SENT', reason = '', told = '', ended_at = NULL, next_at = excluded.next_at, opened_at = excluded.opened_at,
    attempts = c.attempts + (c.state = 'DECLINED' OR (c.amount, c.currency, c.pricepoint_id) <> (excluded.amount, excluded.currency, excluded.pricepoint_id))::integer,
    openings = c.openings + 1, amount = excluded.amount, days = excluded.days, currency = excluded.currency, pricepoint_id = excluded.pricepoint_id, user_type = excluded.user_type
    WHERE c.state = 'CREATED' OR c.state = 'DECLINED' AND (c.kind IN ('RENEWAL', 'SUBSCRIPTION') OR c.kind = 'ONE_SHOT' AND c.reason = 'NOT_CHARGED' AND c.told <> 'OUTCOME_UNKNOWN')
RETURNING *;

-- name: OpenAttempts :many
INSERT INTO subscription.attempts AS a (charge_id, number, tx_id, state, sent_at, ends_at)
SELECT unnest(@charges::bigint[]), unnest(@numbers::integer[]), unnest(@tx_ids::text[]), 'SENT', @at::timestamptz, clock_timestamp() + @lasts::interval
ON CONFLICT (charge_id, number) DO UPDATE SET state = 'SENT', reason = '', sent_at = excluded.sent_at, ends_at = excluded.ends_at WHERE a.state = 'UNDONE'
RETURNING charge_id, tx_id;

-- name: Spend :many
SELECT w.position::integer AS position, subscription.spend(w.line_id, w.spans, w.currency, w.amount, ARRAY[w.day_cap, w.month_cap]) AS done
FROM (SELECT unnest(@positions::integer[]) AS position, unnest(@lines::bigint[]) AS line_id, string_to_array(unnest(@spans::text[]), ' ') AS spans,
    unnest(@currencies::text[]) AS currency, unnest(@amounts::bigint[]) AS amount, unnest(@day_caps::bigint[]) AS day_cap,
    unnest(@month_caps::bigint[]) AS month_cap) w
ORDER BY w.line_id;

-- name: Unspend :exec
SELECT subscription.unspend(w.line_id, w.spans, w.currency, w.amount)
FROM (SELECT unnest(@lines::bigint[]) AS line_id, string_to_array(unnest(@spans::text[]), ' ') AS spans,
    unnest(@currencies::text[]) AS currency, unnest(@amounts::bigint[]) AS amount) w
ORDER BY w.line_id;

-- name: LockCharges :many
SELECT * FROM subscription.charges WHERE id = ANY (ARRAY (SELECT unnest(@ids::bigint[]))) ORDER BY id FOR UPDATE;

-- name: Charge :one
SELECT * FROM subscription.charges WHERE key = @key;

-- name: ChargeByID :one
SELECT * FROM subscription.charges WHERE id = @id;

-- name: EndAttempts :exec
-- The zero time stands for none.
UPDATE subscription.attempts a SET state = i.state, reason = i.reason, operator_ref = i.operator_ref, charged_at = nullif(i.charged_at, '0001-01-01Z')
FROM (SELECT unnest((SELECT @charges::bigint[])) AS charge_id, unnest((SELECT @numbers::integer[])) AS number, unnest((SELECT @states::text[])) AS state,
    unnest((SELECT @reasons::text[])) AS reason, unnest((SELECT @refs::text[])) AS operator_ref, unnest((SELECT @charged::timestamptz[])) AS charged_at) i
WHERE a.charge_id = i.charge_id AND a.number = i.number AND a.state IN ('SENT', 'UNKNOWN');

-- name: UpdateCharges :exec
-- Writes locked rows. The zero time and the zero UUID stand for none; an open one is asked for after its wait.
UPDATE subscription.charges c SET state = i.state, reason = i.reason, ended_at = nullif(i.ended_at, '0001-01-01Z'), late = i.late, told = i.told,
    refund_reason = i.refund_reason, refund_by = i.refund_by, refunded_at = nullif(i.refunded_at, '0001-01-01Z'),
    notice_id = nullif(i.notice_id, '00000000-0000-0000-0000-000000000000'), next_at = CASE WHEN i.open THEN now() + i.wait END
FROM (SELECT unnest((SELECT @ids::bigint[])) AS id, unnest((SELECT @states::text[])) AS state, unnest((SELECT @reasons::text[])) AS reason, unnest((SELECT @ends::timestamptz[])) AS ended_at,
    unnest((SELECT @lates::boolean[])) AS late, unnest((SELECT @tolds::text[])) AS told, unnest((SELECT @refund_reasons::text[])) AS refund_reason,
    unnest((SELECT @refund_bys::text[])) AS refund_by, unnest((SELECT @refunds::timestamptz[])) AS refunded_at, unnest((SELECT @notices::uuid[])) AS notice_id,
    unnest((SELECT @opens::boolean[])) AS open, unnest((SELECT @waits::interval[])) AS wait) i
WHERE c.id = i.id;

-- name: TellCharge :one
-- Notes what the one who asked is answered, by what is known now, unless somebody was answered before.
UPDATE subscription.charges SET told = CASE WHEN told <> '' THEN told WHEN state IN ('SUCCEEDED', 'REFUNDING', 'REFUNDED') THEN 'DONE'
    WHEN state = 'DECLINED' THEN reason ELSE 'OUTCOME_UNKNOWN' END
WHERE id = @id RETURNING *;

-- name: ClaimOpenCharges :many
-- Takes charges that an inquiry or a refund is due of, for as long as these may take.
-- The array keeps the plan to the indexes, however many the planner takes a limit for.
UPDATE subscription.charges c SET next_at = now() + @lasts::interval
WHERE c.id = ANY (ARRAY (SELECT o.id FROM subscription.charges o WHERE o.next_at <= now() ORDER BY o.next_at LIMIT @most FOR UPDATE SKIP LOCKED))
RETURNING c.*;

-- name: LastAttempt :one
SELECT *, (now() > ends_at + @settle::interval)::boolean AS settled FROM subscription.attempts WHERE charge_id = @charge_id ORDER BY number DESC LIMIT 1;

-- name: ReleaseCharge :exec
UPDATE subscription.charges SET next_at = now() + @wait::interval WHERE id = @id AND next_at IS NOT NULL;

-- name: NameRequest :one
-- Gives the charge that a request's name stands for: the one named before while the name is good, else the new one.
INSERT INTO subscription.request_keys AS k (partner_id, key, charge_key, named_at, good_until)
VALUES (@partner_id, @key, @charge_key, @named_at, @good_until)
ON CONFLICT (partner_id, key) DO UPDATE SET
    charge_key = CASE WHEN k.good_until > excluded.named_at THEN k.charge_key ELSE excluded.charge_key END,
    named_at = CASE WHEN k.good_until > excluded.named_at THEN k.named_at ELSE excluded.named_at END,
    good_until = CASE WHEN k.good_until > excluded.named_at THEN k.good_until ELSE excluded.good_until END
RETURNING charge_key;

-- name: NamedCharge :one
SELECT charge_key FROM subscription.request_keys WHERE partner_id = @partner_id AND key = @key;

-- name: NamedByAny :many
SELECT DISTINCT charge_key FROM subscription.request_keys WHERE partner_id = ANY (@partners::bigint[]) AND key = ANY (@keys::bytea[]) ORDER BY 1;

-- name: NamedRequest :one
SELECT * FROM subscription.request_keys WHERE partner_id = @partner_id AND key = @key;

-- name: PruneRequestKeys :execrows
DELETE FROM subscription.request_keys k WHERE (k.partner_id, k.key) IN (SELECT o.partner_id, o.key FROM subscription.request_keys o WHERE o.good_until < @before LIMIT 5000);

-- name: PruneSpending :execrows
DELETE FROM subscription.spending s WHERE (s.line_id, s.span, s.currency) IN
    (SELECT o.line_id, o.span, o.currency FROM subscription.spending o WHERE o.span < @before ORDER BY o.span LIMIT 5000);

-- name: Noticed :one
-- answered: who asked for the charge was told that it came true.
UPDATE subscription.charges SET noticed_at = @at WHERE notice_id = @notice_id AND noticed_at IS NULL RETURNING (told = 'DONE')::boolean AS answered;

-- name: OldestUnknown :one
-- Since when: a charge that was declined on the days before is a new one when it is opened again.
SELECT coalesce(extract(epoch FROM now() - min(opened_at)), 0)::float8 AS age, count(*) AS number FROM subscription.charges WHERE state IN ('SENT', 'UNKNOWN') AND next_at IS NOT NULL;

-- name: OldestRefund :one
-- What is to be given back and was not: on account of its outcome, or since a person asked for it.
SELECT coalesce(extract(epoch FROM now() - min(coalesce(refund_asked_at, ended_at))), 0)::float8 AS age, count(*) AS number
FROM subscription.charges WHERE state = 'REFUNDING' AND next_at IS NOT NULL;

-- name: EndRefund :execrows
UPDATE subscription.charges SET state = 'REFUNDED', refunded_at = @at, next_at = NULL WHERE id = @id AND state = 'REFUNDING';

-- name: BeginRefund :execrows
UPDATE subscription.charges SET state = 'REFUNDING', refund_reason = @reason, refund_by = 'operator', refund_asked_at = @at, next_at = now() WHERE id = @id AND state = 'SUCCEEDED';

-- name: InWork :many
-- The subscriptions that have a charge in work.
SELECT subscription_id::bigint FROM subscription.charges WHERE subscription_id = ANY (ARRAY (SELECT unnest(@subscriptions::bigint[]))) AND state IN ('SENT', 'UNKNOWN');
