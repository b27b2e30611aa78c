-- +goose Up
-- Which channels of a system may use an API: [{"api": "reconexion", "channels": ["web"]}]. An API that
-- is not named here may be used through all channels of the system.
alter table access.systems add column access jsonb not null default '[]';
