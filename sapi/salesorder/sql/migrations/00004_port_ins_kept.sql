-- +goose Up
-- Whose inquiry is to be dropped: those that are settled and still have one.
CREATE INDEX port_ins_kept ON salesorder.port_ins (updated_at) WHERE state IN ('filed', 'rejected', 'absent') AND inquiry <> '';

-- +goose Down
DROP INDEX salesorder.port_ins_kept;
