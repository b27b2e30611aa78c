-- name: ClaimPortIn :one
-- The caller that gets a row may send; one that gets none finds out with PortIn why not.
INSERT INTO salesorder.port_ins AS p (id, inquiry, correlation, state, ends_at)
VALUES (sqlc.arg(id), sqlc.arg(inquiry), sqlc.arg(correlation), 'sending', clock_timestamp() + sqlc.arg(lasts)::interval)
ON CONFLICT (id) DO UPDATE
SET state = 'sending', attempt = p.attempt + 1, inquiry = excluded.inquiry, correlation = excluded.correlation, ends_at = excluded.ends_at, updated_at = now()
WHERE p.state IN ('rejected', 'absent')
RETURNING attempt;

-- name: PortIn :one
SELECT state, request_id, attempt, inquiry, correlation,
    (ends_at < clock_timestamp())::boolean AS over,
    (ends_at + sqlc.arg(settle)::interval < clock_timestamp())::boolean AS settled
FROM salesorder.port_ins WHERE id = sqlc.arg(id);

-- name: SettlePortIn :exec
UPDATE salesorder.port_ins SET state = sqlc.arg(state), request_id = sqlc.arg(request_id), updated_at = now()
WHERE id = sqlc.arg(id) AND attempt = sqlc.arg(attempt) AND state IN ('sending', 'unknown');

-- name: OpenPortIns :many
-- Those that were looked at longest ago come first: none waits for others that keep failing.
SELECT id, attempt, inquiry, (ends_at + sqlc.arg(settle)::interval < clock_timestamp())::boolean AS settled
FROM salesorder.port_ins
WHERE state IN ('sending', 'unknown') AND ends_at < clock_timestamp()
ORDER BY updated_at LIMIT 100;

-- name: TouchPortIn :exec
-- Puts a port-in that could not be resolved behind the others.
UPDATE salesorder.port_ins SET updated_at = now()
WHERE id = sqlc.arg(id) AND attempt = sqlc.arg(attempt) AND state IN ('sending', 'unknown');

-- name: CountOpenPortIns :one
SELECT count(*) FROM salesorder.port_ins WHERE state IN ('sending', 'unknown') AND ends_at < clock_timestamp() - sqlc.arg(age)::interval;

-- name: ForgetPortIns :execrows
-- Drops what an inquiry would need of port-ins that were settled long ago. Their rows stay: they are
-- the guard against a second filing.
UPDATE salesorder.port_ins SET inquiry = ''
WHERE id IN (SELECT k.id FROM salesorder.port_ins k
    WHERE k.state IN ('filed', 'rejected', 'absent') AND k.inquiry <> '' AND k.updated_at < clock_timestamp() - sqlc.arg(keep)::interval
    ORDER BY k.updated_at LIMIT 1000 FOR UPDATE SKIP LOCKED);
