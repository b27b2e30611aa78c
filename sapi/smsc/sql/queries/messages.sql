-- name: ClaimMessage :one
-- The caller that gets a row may send; one that gets none finds out with Message why not.
INSERT INTO smsc.messages AS m (id, message, content, state, ends_at)
VALUES (sqlc.arg(id), sqlc.arg(message), sqlc.arg(content), 'SENDING', clock_timestamp() + sqlc.arg(lasts)::interval)
ON CONFLICT (id) DO UPDATE
SET state = 'SENDING', attempt = m.attempt + 1, ends_at = excluded.ends_at, updated_at = clock_timestamp()
WHERE m.state = 'UNSENT' AND m.content = excluded.content
RETURNING message, attempt;

-- name: Message :one
-- An attempt whose time is over died with its process: it may have sent.
SELECT message, content, created_at, updated_at,
    (CASE WHEN state = 'SENDING' AND ends_at < clock_timestamp() THEN 'UNKNOWN' ELSE state END)::text AS state
FROM smsc.messages WHERE id = sqlc.arg(id);

-- name: SettleMessage :exec
-- A report may have been quicker.
UPDATE smsc.messages SET state = sqlc.arg(state), updated_at = clock_timestamp()
WHERE id = sqlc.arg(id) AND attempt = sqlc.arg(attempt) AND state = 'SENDING';

-- name: Report :execrows
-- What changes the state of a message is handed over; what is told again, or late, changes nothing. That it
-- was delivered is believed after anything else.
WITH changed AS (
    UPDATE smsc.messages AS m SET state = sqlc.arg(state)::text, updated_at = clock_timestamp()
    WHERE m.message = sqlc.arg(message) AND (
        m.state IN ('SENDING', 'UNSENT', 'UNKNOWN')
        OR m.state = 'ACCEPTED' AND sqlc.arg(state)::text <> 'ACCEPTED'
        OR m.state <> 'DELIVERED' AND sqlc.arg(state)::text = 'DELIVERED')
    RETURNING m.id, m.message
)
INSERT INTO smsc.inbound (id, kind, reference, message, state)
SELECT sqlc.arg(item), 'REPORT', changed.id, changed.message, sqlc.arg(state)::text FROM changed;

-- name: CountUnknownMessages :one
SELECT count(*) FROM smsc.messages WHERE state IN ('SENDING', 'UNKNOWN') AND ends_at < clock_timestamp();

-- name: PruneMessages :execrows
DELETE FROM smsc.messages WHERE id IN (SELECT m.id FROM smsc.messages m
    WHERE m.updated_at < clock_timestamp() - sqlc.arg(keep)::interval ORDER BY m.updated_at LIMIT 1000 FOR UPDATE SKIP LOCKED);
