-- name: Tally :one
-- A place among the windows that is full; zero: it was counted in all.
SELECT subscription.tally(@keys::bytea[], @begun::timestamptz[], @ended::timestamptz[], @most::integer[], @more::integer)::integer AS full_one;

-- name: PruneCounts :execrows
DELETE FROM subscription.counts c WHERE c.ends_at < @before AND c.key = ANY (ARRAY(
    SELECT o.key FROM subscription.counts o WHERE o.ends_at < @before ORDER BY o.ends_at LIMIT 1000));

-- name: AddToken :exec
INSERT INTO subscription.tokens (hash, client, credential, api, expires_at) VALUES (@hash, @client, @credential, @api, @expires_at);

-- name: Token :one
SELECT * FROM subscription.tokens WHERE hash = @hash;

-- name: PruneTokens :execrows
DELETE FROM subscription.tokens WHERE hash = ANY (ARRAY(
    SELECT o.hash FROM subscription.tokens o WHERE o.expires_at < @before ORDER BY o.expires_at LIMIT 1000));

-- name: UseRedirect :execrows
-- Takes a redirect token for used, if it is good; no row: it was used before, or is not good.
INSERT INTO subscription.redirects (hash, expires_at) SELECT @hash::bytea, @expires_at::timestamptz WHERE @good::boolean
ON CONFLICT (hash) DO NOTHING;

-- name: PruneRedirects :execrows
DELETE FROM subscription.redirects WHERE hash = ANY (ARRAY(
    SELECT o.hash FROM subscription.redirects o WHERE o.expires_at < @before ORDER BY o.expires_at LIMIT 1000));
