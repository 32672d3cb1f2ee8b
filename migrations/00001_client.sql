-- +goose Up

-- Who may ask: the clients of HTTP Basic, with their hashed secrets.
CREATE TABLE sluice.client (
    id          text        PRIMARY KEY,
    secret_hash text        NOT NULL,
    scopes      text[]      NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);
