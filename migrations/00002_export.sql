-- +goose Up

CREATE TYPE sluice.export_state AS ENUM ('accepted', 'running', 'completed', 'failed', 'cancelled', 'expired');
CREATE TYPE sluice.part_state AS ENUM ('waiting', 'running', 'done');

-- One kick-off and what became of it. The client polls this row: River's own
-- rows vanish after a day.
CREATE TABLE sluice.export (
    id               uuid                PRIMARY KEY,
    client_id        text                NOT NULL,
    request          jsonb               NOT NULL,
    state            sluice.export_state NOT NULL DEFAULT 'accepted',
    job_id           bigint              NOT NULL,
    -- Until then the process that works on it is believed to be alive.
    lease_until      timestamptz,
    -- How often it was taken by a process. An older one changes nothing any more.
    attempt          integer             NOT NULL DEFAULT 0,
    -- How often it was begun. Each time has a snapshot and parts of its own.
    generation       integer             NOT NULL DEFAULT 0,
    -- The name under which the snapshot's holder has exported it.
    snapshot         text,
    transaction_time timestamptz,
    parts_total      integer             NOT NULL DEFAULT 0,
    -- The parts that have got a job: those of the lowest numbers.
    parts_queued     integer             NOT NULL DEFAULT 0,
    parts_done       integer             NOT NULL DEFAULT 0,
    bytes_planned    bigint              NOT NULL DEFAULT 0,
    -- The planned bytes of the parts that are done.
    bytes_done       bigint              NOT NULL DEFAULT 0,
    failure          text,
    created_at       timestamptz         NOT NULL DEFAULT now(),
    finished_at      timestamptz,
    expires_at       timestamptz,
    -- When the bucket was last searched for what crashes have left. An end of
    -- another kind asks for it again.
    swept_at         timestamptz
);

-- Limits count these.
CREATE INDEX export_unfinished ON sluice.export (client_id) WHERE state IN ('accepted', 'running');

-- Expiry looks for these.
CREATE INDEX export_expires_at ON sluice.export (expires_at) WHERE state = 'completed';

-- The sweeper looks for these.
CREATE INDEX export_unswept ON sluice.export (finished_at) WHERE swept_at IS NULL;

-- A share of one table: the unit of work, of retry and of storage.
CREATE TABLE sluice.part (
    export_id     uuid              NOT NULL REFERENCES sluice.export ON DELETE CASCADE,
    number        integer           NOT NULL,
    generation    integer           NOT NULL,
    resource_type text              NOT NULL,
    -- What to read, as the planner wrote it for the scanner.
    scan          jsonb             NOT NULL,
    object_key    text              NOT NULL,
    -- NULL until the part is queued.
    job_id        bigint,
    lease_until   timestamptz,
    state         sluice.part_state NOT NULL DEFAULT 'waiting',
    -- The attempt that holds the part: an older one changes nothing any more.
    attempt       integer           NOT NULL DEFAULT 0,
    -- The name under which the part itself has exported the snapshot: it lives
    -- on while the part runs, whatever becomes of the holder.
    snapshot      text,
    bytes_planned bigint            NOT NULL,
    bytes_read    bigint            NOT NULL DEFAULT 0,
    -- What was written. A part without resources leaves no object.
    resources     bigint            NOT NULL DEFAULT 0,
    file_bytes    bigint            NOT NULL DEFAULT 0,
    sha256        bytea,
    -- What could not be converted is told in an object of its own, if anything.
    outcomes      bigint            NOT NULL DEFAULT 0,
    outcomes_key  text,
    PRIMARY KEY (export_id, number),
    UNIQUE (export_id, object_key)
);

-- Whoever looks for lost work should not go through all that waits.
CREATE INDEX part_queued ON sluice.part (export_id) WHERE job_id IS NOT NULL AND state <> 'done';

-- A status sums what the running parts have read.
CREATE INDEX part_running ON sluice.part (export_id) WHERE state = 'running';
