-- name: AddHandle :exec
INSERT INTO subscription.handles (hash, visitor, told, expires_at) VALUES (@hash, @visitor, @told, @expires_at);

-- name: UseHandle :one
-- Of those who bring it at the same time one gets it.
DELETE FROM subscription.handles WHERE hash = @hash RETURNING *;

-- name: PruneHandles :execrows
DELETE FROM subscription.handles WHERE hash = ANY (ARRAY(
    SELECT h.hash FROM subscription.handles h WHERE h.expires_at <= @at ORDER BY h.expires_at LIMIT 1000));
