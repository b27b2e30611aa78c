-- name: FindLine :one
SELECT id FROM subscription.lines WHERE key = @key;

-- name: FindWholeLine :one
SELECT id FROM subscription.lines WHERE key = @key AND msisdn <> '';

-- name: EnterLine :one
INSERT INTO subscription.lines (key, msisdn) VALUES (@key, @msisdn)
ON CONFLICT (key) DO UPDATE SET msisdn = excluded.msisdn RETURNING id;

-- name: Lines :many
-- The array is made in the statement, here and elsewhere, so that a plan is not made anew for each length of it.
SELECT * FROM subscription.lines WHERE id = ANY (ARRAY (SELECT unnest(@ids::bigint[])));
