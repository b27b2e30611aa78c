-- name: FindLine :one
SELECT id FROM subscription.lines WHERE key = @key;

-- name: EnterLine :one
INSERT INTO subscription.lines (key, msisdn) VALUES (@key, @msisdn)
ON CONFLICT (key) DO UPDATE SET msisdn = excluded.msisdn RETURNING id;

-- name: Lines :many
SELECT * FROM subscription.lines WHERE id = ANY (@ids::bigint[]);
