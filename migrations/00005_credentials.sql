-- +goose Up

-- A secret that is replaced stays good for a while beside the new one. A client
-- of SMART Backend Services has public keys, inline or at an address of its
-- own, and may have no secret at all.
ALTER TABLE sluice.client
    ALTER COLUMN secret_hash DROP NOT NULL,
    ADD COLUMN secret_expires_at   timestamptz,
    ADD COLUMN previous_hash       text,
    ADD COLUMN previous_expires_at timestamptz,
    ADD COLUMN jwks                text,
    ADD COLUMN jwks_url            text,
    -- The only Groups it may export; NULL is no such restriction.
    ADD COLUMN groups              text[],
    -- From then on the client is refused; NULL is never.
    ADD COLUMN expires_at          timestamptz;

-- The access tokens that are in use, known by their SHA-256 alone.
CREATE TABLE sluice.token (
    hash       bytea       PRIMARY KEY,
    client_id  text        NOT NULL REFERENCES sluice.client ON DELETE CASCADE,
    scopes     text[]      NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);

CREATE INDEX token_client_id ON sluice.token (client_id);
CREATE INDEX token_expires_at ON sluice.token (expires_at);

-- The assertions that were used, by the SHA-256 of their jti, until they would
-- be refused as expired.
CREATE TABLE sluice.assertion (
    client_id  text        NOT NULL REFERENCES sluice.client ON DELETE CASCADE,
    jti        bytea       NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (client_id, jti)
);

CREATE INDEX assertion_expires_at ON sluice.assertion (expires_at);
