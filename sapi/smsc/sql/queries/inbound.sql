-- name: LockPrint :exec
-- Copies of a message that come at once are stored one after the other.
SELECT pg_advisory_xact_lock(sqlc.arg(lock)::bigint);

-- name: StoreMessage :one
-- No row: it is there.
INSERT INTO smsc.inbound (id, kind, sealed, gateway, print, repeated)
SELECT sqlc.arg(id), 'MESSAGE', sqlc.arg(sealed), sqlc.narg(gateway), sqlc.arg(print), copies.there
FROM (SELECT EXISTS (SELECT FROM smsc.inbound
    WHERE print = sqlc.arg(print) AND received_at > clock_timestamp() - sqlc.arg(span)::interval) AS there) AS copies
WHERE NOT (copies.there AND sqlc.arg(named)::boolean)
ON CONFLICT (gateway) WHERE gateway IS NOT NULL DO NOTHING
RETURNING repeated;

-- name: Waiting :many
SELECT id, kind, sealed, repeated, reference, message, state, received_at FROM smsc.inbound
WHERE acknowledged_at IS NULL AND (received_at, id) > (sqlc.arg(after)::timestamptz, sqlc.arg(after_id)::uuid)
ORDER BY received_at, id LIMIT sqlc.arg(most);

-- name: Acknowledge :execrows
UPDATE smsc.inbound SET acknowledged_at = clock_timestamp(), sealed = ''
WHERE id = ANY (sqlc.arg(ids)::uuid[]) AND acknowledged_at IS NULL;

-- name: CountWaiting :one
SELECT count(*) FROM smsc.inbound WHERE acknowledged_at IS NULL AND received_at < clock_timestamp() - sqlc.arg(age)::interval;

-- name: PruneInbound :execrows
DELETE FROM smsc.inbound WHERE id IN (SELECT i.id FROM smsc.inbound i
    WHERE i.acknowledged_at < clock_timestamp() - sqlc.arg(keep)::interval ORDER BY i.acknowledged_at LIMIT 1000 FOR UPDATE SKIP LOCKED);
