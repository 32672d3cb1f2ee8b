-- +goose Up

-- What was done to clients, by whom. It stays when a client goes.
CREATE TABLE sluice.client_change (
    id        bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at        timestamptz NOT NULL DEFAULT now(),
    client_id text        NOT NULL,
    action    text        NOT NULL,
    -- Who said that they did it, and the role that the database knows.
    actor     text        NOT NULL,
    role      text        NOT NULL DEFAULT current_user
);

CREATE INDEX client_change_client_id ON sluice.client_change (client_id, id);
