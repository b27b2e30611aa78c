-- name: ClaimSuspensions :many
-- Those whose row is returned may act; the others find out with Suspension why not. Of two processes
-- with one suspension the second waits here for the first; the order keeps groups from deadlocks.
INSERT INTO reconnection.suspensions AS s (id, token, reference, state, strategy, correlation, ends_at)
SELECT item.id, item.token, item.reference, item.state, item.strategy, item.correlation, clock_timestamp() + item.lasts
FROM (
    SELECT unnest(sqlc.arg(ids)::bytea[]) AS id, unnest(sqlc.arg(tokens)::bytea[]) AS token, unnest(sqlc.arg(refs)::text[]) AS reference, unnest(sqlc.arg(states)::text[]) AS state,
        unnest(sqlc.arg(strategies)::text[]) AS strategy, unnest(sqlc.arg(correlations)::text[]) AS correlation,
        unnest(sqlc.arg(lasts)::interval[]) AS lasts
) AS item
ORDER BY item.id
ON CONFLICT (id) DO UPDATE
SET state = excluded.state, attempt = s.attempt + (s.state = 'abandoned')::int, token = excluded.token, strategy = excluded.strategy,
    correlation = excluded.correlation, ends_at = excluded.ends_at, updated_at = now()
WHERE s.state = 'abandoned' OR s.token = excluded.token AND s.state = excluded.state
RETURNING id, attempt;

-- name: Suspension :one
SELECT state, attempt, reference, order_number, cun, pqr_number,
    (ends_at < clock_timestamp())::boolean AS over,
    (ends_at + sqlc.arg(settle)::interval < clock_timestamp())::boolean AS settled
FROM reconnection.suspensions WHERE id = sqlc.arg(id);

-- name: SettleSuspension :execrows
-- Ends a step of an attempt. What a system has counts even where it was believed to be absent.
UPDATE reconnection.suspensions
SET state = sqlc.arg(state), order_number = sqlc.arg(order_number), cun = sqlc.arg(cun), pqr_number = sqlc.arg(pqr_number), updated_at = now()
WHERE id = sqlc.arg(id) AND attempt = sqlc.arg(attempt)
    AND (state = sqlc.arg(step) OR state = 'abandoned' AND sqlc.arg(state) IN ('ordered', 'filed'));

-- name: ReleaseSuspension :exec
-- The attempt ended without an outcome: from now on an inquiry may tell it.
UPDATE reconnection.suspensions SET ends_at = least(ends_at, clock_timestamp()), updated_at = now()
WHERE id = sqlc.arg(id) AND attempt = sqlc.arg(attempt) AND state IN ('ordering', 'filing');

-- name: Clock :one
SELECT clock_timestamp()::timestamptz;

-- name: OpenSuspensions :many
-- Those that were looked at longest ago come first, and none twice in a run.
SELECT id, state, attempt, reference, (ends_at + sqlc.arg(settle)::interval < clock_timestamp())::boolean AS settled
FROM reconnection.suspensions
WHERE state IN ('ordering', 'filing') AND ends_at < clock_timestamp() AND updated_at < sqlc.arg(began)
ORDER BY updated_at LIMIT 100;

-- name: TouchSuspension :exec
-- Puts one that could not be resolved behind the others.
UPDATE reconnection.suspensions SET updated_at = clock_timestamp()
WHERE id = sqlc.arg(id) AND attempt = sqlc.arg(attempt) AND state IN ('ordering', 'filing');

-- name: CountOpenSuspensions :one
SELECT count(*) FROM (
    SELECT FROM reconnection.suspensions
    WHERE state IN ('ordering', 'filing') AND ends_at < clock_timestamp() - sqlc.arg(age)::interval
    ORDER BY updated_at LIMIT 100000
) AS rows;
