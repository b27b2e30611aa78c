-- name: AddEvidence :execrows
-- Unless the same was written since, under the same configuration, and nothing has failed in between.
INSERT INTO subscription.evidence (id, partner_id, product_id, environment, step, value, source, configuration, at)
SELECT @id, @partner_id, @product_id, @environment, @step, @value, @source, @configuration, @at::timestamptz
WHERE NOT EXISTS (
    SELECT FROM subscription.evidence e
    WHERE e.partner_id = @partner_id AND e.product_id = @product_id AND e.environment = @environment AND e.step = @step AND e.value = @value
      AND e.configuration = @configuration AND e.at > @since::timestamptz
      AND NOT EXISTS (SELECT FROM subscription.evidence n
        WHERE n.partner_id = e.partner_id AND n.product_id = e.product_id AND n.environment = e.environment AND n.step = e.step AND n.value = 'NOK'
          AND n.configuration = e.configuration AND n.at >= e.at AND n.id <> e.id));

-- name: SignEvidence :exec
INSERT INTO subscription.evidence (id, partner_id, product_id, environment, step, value, source, configuration, signed_by, reason, actor, at)
VALUES (@id, @partner_id, @product_id, @environment, @step, @value, 'person', @configuration, @signed_by, @reason, @actor, @at);

-- name: LastEvidence :many
-- The last evidence of each value, of each of the cells: under the cell's configuration if there is such, else under another.
SELECT c.position::integer AS position, e.*
FROM (SELECT unnest(@positions::integer[]) AS position, unnest(@partners::bigint[]) AS partner_id, unnest(@products::bigint[]) AS product_id,
    unnest(@environments::text[]) AS environment, unnest(@steps::text[]) AS step, unnest(@configurations::text[]) AS configuration) c
CROSS JOIN unnest(ARRAY['NOK', 'OK', 'OK Prov']) AS v (value)
CROSS JOIN LATERAL (SELECT o.* FROM subscription.evidence o
    WHERE o.partner_id = c.partner_id AND o.product_id = c.product_id AND o.environment = c.environment AND o.step = c.step AND o.value = v.value
    ORDER BY o.configuration = c.configuration DESC, o.at DESC LIMIT 1) e;

-- name: EvidenceOf :many
SELECT * FROM subscription.evidence WHERE partner_id = @partner_id AND product_id = @product_id AND environment = @environment ORDER BY at DESC, id DESC LIMIT @most;

-- name: LockDecisions :exec
-- Who changes a partner's rows comes after who did before.
SELECT pg_advisory_xact_lock(hashtextextended('subscription.decisions', @partner_id));

-- name: LastDecision :one
SELECT * FROM subscription.decisions WHERE partner_id = @partner_id AND product_id = @product_id AND environment = @environment ORDER BY id DESC LIMIT 1;

-- name: LastDecisions :many
SELECT DISTINCT ON (partner_id, product_id, environment) * FROM subscription.decisions ORDER BY partner_id, product_id, environment, id DESC;

-- name: DecisionsOf :many
SELECT * FROM subscription.decisions WHERE partner_id = @partner_id AND product_id = @product_id AND environment = @environment ORDER BY id DESC LIMIT @most;

-- name: AddDecision :exec
INSERT INTO subscription.decisions (partner_id, product_id, environment, e2e, delivery, integration, waived_by, waived_why, waived_at, signed_by, reason, actor, at)
VALUES (@partner_id, @product_id, @environment, @e2e, @delivery, @integration, @waived_by, @waived_why, @waived_at, @signed_by, @reason, @actor, @at);

-- name: ActiveSubscriptions :many
SELECT product_id, count(*) AS number FROM subscription.subscriptions WHERE state IN ('ACTIVE', 'GRACE') GROUP BY product_id;

-- name: ProvedBefore :one
-- Whether a partner's side ever showed anything of a product in an environment, by itself and not by somebody's word.
SELECT EXISTS (SELECT FROM subscription.evidence WHERE partner_id = @partner_id AND product_id = @product_id AND environment = @environment AND value = 'OK Prov' AND signed_by = '');
