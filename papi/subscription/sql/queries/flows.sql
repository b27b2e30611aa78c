-- name: LockLine :one
-- One flow of a line is begun, and one PIN of it is sent, at a time. It is not in the way of rows that name the line.
SELECT id FROM subscription.lines WHERE id = @id FOR NO KEY UPDATE;

-- name: LockAddress :exec
-- One PIN is sent for an address at a time, in all processes.
SELECT pg_advisory_xact_lock(hashtextextended('subscription.pins ' || encode(@address::bytea, 'hex'), 0));

-- name: PINsOf :one
-- When the PINs were sent that bound another one: the last but so many of the line, and of the address; and when
-- a PIN of the line died as the last but so many within a span. 1970: there is none.
SELECT
    coalesce((SELECT p.sent_at FROM subscription.pins p WHERE p.line_id = @line_id ORDER BY p.sent_at DESC LIMIT 1 OFFSET @hourly::integer), 'epoch')::timestamptz AS of_hour,
    coalesce((SELECT p.sent_at FROM subscription.pins p WHERE p.line_id = @line_id ORDER BY p.sent_at DESC LIMIT 1 OFFSET @daily::integer), 'epoch')::timestamptz AS of_day,
    coalesce((SELECT p.sent_at FROM subscription.pins p WHERE p.address = @address ORDER BY p.sent_at DESC LIMIT 1 OFFSET @by_address::integer), 'epoch')::timestamptz AS of_address,
    coalesce((SELECT max(d.ended_at) FROM (
        SELECT p.ended_at, lag(p.ended_at, @dead::integer) OVER (ORDER BY p.ended_at) AS first_at FROM subscription.pins p
        WHERE p.line_id = @line_id AND p.sent_at > @since AND p.state = 'dead') d
        WHERE d.ended_at - d.first_at < @dead_within::interval), 'epoch')::timestamptz AS locked_at;

-- name: AbandonFlowsOf :exec
UPDATE subscription.flows SET state = 'abandoned' WHERE line_id = @line_id AND product_id = @product_id AND state = 'pending';

-- name: AddFlow :exec
INSERT INTO subscription.flows (id, line_id, partner_id, service_id, product_id, pricepoint_id, campaign, channel, tid, proof, state,
    owner_epoch, user_type, origin, started_at, expires_at)
VALUES (@id, @line_id, @partner_id, @service_id, @product_id, @pricepoint_id, @campaign, @channel, @tid, @proof, 'pending',
    @owner_epoch, @user_type, @origin, @started_at, @expires_at);

-- name: Flow :one
SELECT * FROM subscription.flows WHERE id = @id;

-- name: LockFlow :one
SELECT * FROM subscription.flows WHERE id = @id FOR UPDATE;

-- name: AbandonFlow :exec
UPDATE subscription.flows SET state = 'abandoned' WHERE id = @id AND state = 'pending';

-- name: ConfirmFlow :exec
UPDATE subscription.flows SET state = 'confirmed', consent_id = @consent_id WHERE id = @id AND state = 'pending';

-- name: LastPIN :one
SELECT * FROM subscription.pins WHERE flow_id = @flow_id ORDER BY number DESC LIMIT 1;

-- name: AddPIN :exec
INSERT INTO subscription.pins (flow_id, number, line_id, address, mac, state, sent_at, expires_at)
VALUES (@flow_id, @number, @line_id, @address, @mac, 'live', @sent_at, @expires_at);

-- name: UpdatePIN :exec
UPDATE subscription.pins SET state = @state, tries = @tries, ended_at = @ended_at WHERE flow_id = @flow_id AND number = @number;

-- name: AddConsent :exec
INSERT INTO subscription.consents (id, line_id, partner_id, service_id, product_id, pricepoint_id, amount, currency, fallbacks, proof, owner_epoch, given_at, record)
VALUES (@id, @line_id, @partner_id, @service_id, @product_id, @pricepoint_id, @amount, @currency, @fallbacks, @proof, @owner_epoch, @given_at, @record);

-- name: ChargeInWork :one
SELECT EXISTS (SELECT FROM subscription.charges WHERE subscription_id = @subscription_id::bigint AND state IN ('SENT', 'UNKNOWN'));

-- name: ExpireFlows :execrows
UPDATE subscription.flows f SET state = 'abandoned'
WHERE f.id IN (SELECT o.id FROM subscription.flows o WHERE o.state = 'pending' AND o.expires_at <= @at ORDER BY o.expires_at LIMIT 1000 FOR UPDATE SKIP LOCKED);

-- name: PruneFlows :execrows
-- Their PINs go with them.
DELETE FROM subscription.flows WHERE id = ANY (ARRAY(
    SELECT o.id FROM subscription.flows o WHERE o.expires_at < @before ORDER BY o.expires_at LIMIT 1000));

-- name: Consent :one
SELECT * FROM subscription.consents WHERE id = @id;
