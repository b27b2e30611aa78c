-- +goose Up
-- Who wrote the row last: a writer that lost its connection writes again and finds itself.
ALTER TABLE salesorder.nip_requests ADD COLUMN attempt bytea NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE salesorder.nip_requests DROP COLUMN attempt;
