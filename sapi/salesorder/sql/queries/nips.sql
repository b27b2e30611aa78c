-- name: LockPhones :exec
-- Requests for one phone are counted one after another, in this and every other process.
SELECT count(pg_advisory_xact_lock(k)) FROM (
    SELECT DISTINCT hashtextextended(encode(p, 'hex'), 20250616) AS k FROM unnest(sqlc.arg(phones)::bytea[]) AS p ORDER BY k
) AS locks;

-- name: IntendNIPs :many
-- Each pair of phone and key is known already, for it came less than lasts ago, or new within the
-- limit, or refused. wait_ms says when the oldest counted request of the phone leaves the window.
WITH given AS (
    SELECT unnest(sqlc.arg(phones)::bytea[]) AS phone, unnest(sqlc.arg(keys)::bytea[]) AS key,
        unnest(sqlc.arg(lasts)::interval[]) AS lasts, unnest(sqlc.arg(correlations)::text[]) AS correlation, generate_subscripts(sqlc.arg(keys)::bytea[], 1) AS ord
), input AS (
    SELECT given.phone, given.key, given.lasts, given.correlation, given.ord, row_number() OVER (PARTITION BY given.key ORDER BY given.ord) AS copy FROM given
), known AS (
    SELECT input.ord, n.requested_at, n.correlation FROM input JOIN salesorder.nip_requests n ON n.key = input.key
    WHERE n.requested_at >= clock_timestamp() - input.lasts
), fresh AS (
    SELECT input.phone, input.key, input.correlation, row_number() OVER (PARTITION BY input.phone ORDER BY input.ord) AS nth
    FROM input WHERE input.copy = 1 AND NOT EXISTS (SELECT 1 FROM known WHERE known.ord = input.ord)
), used AS (
    SELECT n.phone, count(*) AS requests, min(n.requested_at) AS oldest
    FROM salesorder.nip_requests n
    WHERE n.counted AND n.phone = ANY (sqlc.arg(phones)::bytea[]) AND n.requested_at > clock_timestamp() - sqlc.arg(span)::interval
        AND NOT EXISTS (SELECT 1 FROM fresh WHERE fresh.key = n.key)
    GROUP BY n.phone
), inserted AS (
    INSERT INTO salesorder.nip_requests (key, phone, correlation)
    SELECT fresh.key, fresh.phone, fresh.correlation FROM fresh LEFT JOIN used ON used.phone = fresh.phone
    WHERE coalesce(used.requests, 0) + fresh.nth <= sqlc.arg(allowed)::bigint
    ON CONFLICT (key) DO UPDATE SET phone = excluded.phone, correlation = excluded.correlation, requested_at = clock_timestamp(), counted = true
    RETURNING key
)
SELECT
    CASE WHEN known.ord IS NOT NULL OR input.copy > 1 THEN 'known' WHEN inserted.key IS NOT NULL THEN 'intended' ELSE 'refused' END AS verdict,
    coalesce(known.correlation, '')::text AS correlation,
    coalesce(extract(epoch FROM clock_timestamp() - known.requested_at) * 1000, 0)::bigint AS age_ms,
    coalesce(extract(epoch FROM used.oldest + sqlc.arg(span)::interval - clock_timestamp()) * 1000, 0)::bigint AS wait_ms
FROM input
LEFT JOIN known ON known.ord = input.ord
LEFT JOIN inserted ON inserted.key = input.key
LEFT JOIN used ON used.phone = input.phone
ORDER BY input.ord;

-- name: UncountNIP :exec
DELETE FROM salesorder.nip_requests WHERE key = sqlc.arg(key);

-- name: PruneNIPs :exec
DELETE FROM salesorder.nip_requests WHERE requested_at < clock_timestamp() - sqlc.arg(kept)::interval;
