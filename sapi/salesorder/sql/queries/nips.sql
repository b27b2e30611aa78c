-- name: LockPhones :exec
-- Requests for one phone are counted one after another, in this and every other process.
SELECT count(pg_advisory_xact_lock(k)) FROM (
    SELECT DISTINCT hashtextextended(encode(p, 'hex'), 20250616) AS k FROM unnest((SELECT sqlc.arg(phones)::bytea[])) AS p ORDER BY k
) AS locks;

-- name: IntendNIPs :many
-- Each pair of phone and key is known already, for it came less than lasts ago, or new within the
-- limit, or refused. wait_ms says when the oldest counted request of the phone leaves the window. An
-- attempt that finds itself in the table is new: its writer did not learn that it wrote.
--
-- What is looked up is a subquery of one row for each pair, so that a plan made while the table is
-- empty uses its indexes too; (SELECT …) hides how many there are, lest each group be planned anew.
-- statement_timestamp is the time after the locks were waited for.
WITH given AS (
    SELECT unnest((SELECT sqlc.arg(phones)::bytea[])) AS phone, unnest((SELECT sqlc.arg(keys)::bytea[])) AS key, unnest((SELECT sqlc.arg(attempts)::bytea[])) AS attempt,
        unnest((SELECT sqlc.arg(lasts)::interval[])) AS lasts, unnest((SELECT sqlc.arg(correlations)::text[])) AS correlation, generate_subscripts((SELECT sqlc.arg(keys)::bytea[]), 1) AS ord
), input AS (
    SELECT given.phone, given.key, given.attempt, given.correlation, given.ord, row_number() OVER (PARTITION BY given.key ORDER BY given.ord) AS copy,
        first.requested_at, first.correlation AS known_as
    FROM given LEFT JOIN LATERAL (
        SELECT n.requested_at, n.correlation FROM salesorder.nip_requests n
        WHERE n.key = given.key AND n.attempt <> given.attempt AND n.requested_at >= statement_timestamp() - given.lasts
        LIMIT 1
    ) AS first ON true
), fresh AS (
    SELECT input.phone, input.key, input.attempt, input.correlation, input.ord, row_number() OVER (PARTITION BY input.phone ORDER BY input.ord) AS nth
    FROM input WHERE input.copy = 1 AND input.requested_at IS NULL
), judged AS (
    SELECT fresh.phone, fresh.key, fresh.attempt, fresh.correlation, fresh.ord, used.oldest, used.requests + fresh.nth <= sqlc.arg(allowed)::bigint AS intended
    FROM fresh CROSS JOIN LATERAL (
        SELECT count(*) AS requests, min(n.requested_at) AS oldest FROM salesorder.nip_requests n
        WHERE n.counted AND n.phone = fresh.phone AND n.requested_at > statement_timestamp() - sqlc.arg(span)::interval
            AND n.key <> ALL (ARRAY(SELECT others.key FROM fresh AS others))
    ) AS used
), inserted AS (
    INSERT INTO salesorder.nip_requests (key, phone, correlation, attempt)
    SELECT judged.key, judged.phone, judged.correlation, judged.attempt FROM judged WHERE judged.intended
    ON CONFLICT (key) DO UPDATE SET phone = excluded.phone, correlation = excluded.correlation, attempt = excluded.attempt,
        requested_at = clock_timestamp(), counted = true
)
SELECT
    CASE WHEN judged.ord IS NULL THEN 'known' WHEN judged.intended THEN 'intended' ELSE 'refused' END AS verdict,
    coalesce(input.known_as, '')::text AS correlation,
    coalesce(extract(epoch FROM clock_timestamp() - input.requested_at) * 1000, 0)::bigint AS age_ms,
    coalesce(extract(epoch FROM judged.oldest + sqlc.arg(span)::interval - clock_timestamp()) * 1000, 0)::bigint AS wait_ms
FROM input LEFT JOIN judged ON judged.ord = input.ord
ORDER BY input.ord;

-- name: UncountNIP :exec
DELETE FROM salesorder.nip_requests WHERE key = sqlc.arg(key);

-- name: PruneNIPs :exec
DELETE FROM salesorder.nip_requests WHERE requested_at < clock_timestamp() - sqlc.arg(kept)::interval;
