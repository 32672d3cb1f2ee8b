-- +goose Up

-- Where all processes read from and write to. The first process that starts
-- records it; sluice location record replaces it.
CREATE TABLE sluice.location (
    only_row          boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    -- Counts the places, so that what was begun at another one can be told.
    version           integer     NOT NULL DEFAULT 1,
    -- NULL while no process has been allowed to read it.
    system_identifier text,
    database          text        NOT NULL,
    schema            text        NOT NULL,
    endpoint          text        NOT NULL,
    bucket            text        NOT NULL,
    prefix            text        NOT NULL,
    recorded_at       timestamptz NOT NULL DEFAULT now()
);

-- The version of the location that the parts of this generation are read from and
-- written to.
ALTER TABLE sluice.export ADD COLUMN location integer;

-- The version of the format that a worker must know for the parts.
ALTER TABLE sluice.export ADD COLUMN requires integer NOT NULL DEFAULT 0;
