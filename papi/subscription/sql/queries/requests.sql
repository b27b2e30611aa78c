-- name: NameAnswer :execrows
-- Keeps what a request was answered, unless one under its key was before and is still remembered.
INSERT INTO subscription.requests AS r (partner_id, key, fingerprint, answer, good_until)
VALUES (@partner_id, @key, @fingerprint, @answer, @good_until)
ON CONFLICT (partner_id, key) DO UPDATE SET fingerprint = excluded.fingerprint, answer = excluded.answer, good_until = excluded.good_until
    WHERE r.good_until <= @now::timestamptz;

-- name: NamedAnswer :one
SELECT * FROM subscription.requests WHERE partner_id = @partner_id AND key = @key AND good_until > @now::timestamptz;

-- name: PruneAnswers :execrows
DELETE FROM subscription.requests WHERE (partner_id, key) IN (
    SELECT partner_id, key FROM subscription.requests WHERE good_until <= @now::timestamptz ORDER BY good_until LIMIT 1000);
