-- name: CreateBatch :execrows
INSERT INTO reconnection.batches (id, owner, client, system, channel, total)
VALUES (sqlc.arg(id), sqlc.arg(owner), sqlc.arg(client), sqlc.arg(system), sqlc.arg(channel), sqlc.arg(total))
ON CONFLICT (id) DO NOTHING;

-- name: CreateItems :exec
INSERT INTO reconnection.batch_items (batch_id, position, correlation, request)
SELECT sqlc.arg(batch_id), item.position, item.correlation, item.request
FROM (
    SELECT unnest(sqlc.arg(positions)::int[]) AS position, unnest(sqlc.arg(correlations)::text[]) AS correlation, unnest(sqlc.arg(requests)::bytea[]) AS request
) AS item;

-- name: Batch :one
SELECT id, total, created_at FROM reconnection.batches WHERE id = sqlc.arg(id) AND owner = sqlc.arg(owner);

-- name: BatchPrincipal :one
SELECT client, system, channel FROM reconnection.batches WHERE id = sqlc.arg(id);

-- name: Items :many
SELECT position, correlation, request, done, kind, order_number, cun, pqr_number, code
FROM reconnection.batch_items WHERE batch_id = sqlc.arg(batch_id) ORDER BY position;

-- name: DueItems :many
SELECT position, correlation, request, tries
FROM reconnection.batch_items
WHERE batch_id = sqlc.arg(batch_id) AND NOT done AND next_at <= clock_timestamp()
ORDER BY next_at LIMIT sqlc.arg(most);

-- name: NextItem :one
-- How long until the first pending item is due. No row: none is pending.
SELECT greatest(extract(epoch FROM next_at - clock_timestamp()) * 1000, 0)::bigint AS wait_ms
FROM reconnection.batch_items WHERE batch_id = sqlc.arg(batch_id) AND NOT done
ORDER BY next_at LIMIT 1;

-- name: FinishItem :exec
UPDATE reconnection.batch_items
SET done = true, kind = sqlc.arg(kind), order_number = sqlc.arg(order_number), cun = sqlc.arg(cun), pqr_number = sqlc.arg(pqr_number), code = sqlc.arg(code)
WHERE batch_id = sqlc.arg(batch_id) AND position = sqlc.arg(position) AND NOT done;

-- name: PutOffItem :exec
UPDATE reconnection.batch_items SET tries = tries + 1, next_at = clock_timestamp() + sqlc.arg(pause)::interval
WHERE batch_id = sqlc.arg(batch_id) AND position = sqlc.arg(position) AND NOT done;

-- name: EndBatch :exec
UPDATE reconnection.batches SET ended_at = clock_timestamp() WHERE id = sqlc.arg(id) AND ended_at IS NULL;

-- name: CountPendingItems :one
SELECT coalesce(sum((SELECT count(*) FROM reconnection.batch_items i WHERE i.batch_id = running.id AND NOT i.done)), 0)::bigint
FROM (SELECT id FROM reconnection.batches WHERE ended_at IS NULL ORDER BY created_at LIMIT 10000) AS running;

-- name: PruneBatches :execrows
DELETE FROM reconnection.batches WHERE id = ANY (ARRAY(
    SELECT b.id FROM reconnection.batches b WHERE b.created_at < clock_timestamp() - sqlc.arg(kept)::interval ORDER BY b.created_at LIMIT 10
));
