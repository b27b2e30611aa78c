-- +goose Up
-- The correlation that BotService knows the request by: a repetition may come under another.
ALTER TABLE salesorder.nip_requests ADD COLUMN correlation text NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE salesorder.nip_requests DROP COLUMN correlation;
