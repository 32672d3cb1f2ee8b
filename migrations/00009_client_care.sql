-- +goose Up

-- The addresses that a client was let in from lately. There, strangers who fail
-- in its name do not slow it down: after a restart and by another process, too.
CREATE TABLE sluice.client_address (
    client_id text        NOT NULL REFERENCES sluice.client ON DELETE CASCADE,
    address   text        NOT NULL,
    -- Written once an hour at most.
    seen_at   timestamptz NOT NULL,
    PRIMARY KEY (client_id, address)
);

-- How often a minute the client may do what their names say; NULL is what the
-- process is set to, 0 is no limit.
ALTER TABLE sluice.client
    ADD COLUMN kick_offs integer,
    ADD COLUMN dumps     integer,
    ADD COLUMN requests  integer;

-- What has become of the client, by name, and when the change was stored as an
-- AuditEvent.
ALTER TABLE sluice.client_change
    ADD COLUMN details   jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN stored_at timestamptz;

CREATE INDEX client_change_unstored ON sluice.client_change (id) WHERE stored_at IS NULL;
