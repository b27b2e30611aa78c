-- +goose Up
alter table outbox.events add column traceparent text; -- of the request that added it; null: of none, or of a release before
