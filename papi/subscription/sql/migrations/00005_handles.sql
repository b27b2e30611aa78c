-- +goose Up

-- What the operator's header told of plain requests, each for one use within a minute.
CREATE TABLE subscription.handles (
    hash       bytea PRIMARY KEY, -- keyed
    visitor    bytea NOT NULL, -- keyed hash of the campaign, the user agent and the address that may use it
    told       bytea NOT NULL, -- sealed: the number, and who told it
    expires_at timestamptz NOT NULL
);
CREATE INDEX handles_expiry ON subscription.handles (expires_at);

-- +goose Down
DROP TABLE subscription.handles;
