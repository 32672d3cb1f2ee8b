-- +goose Up

-- Clients and their credentials ----------------------------------------------------

CREATE TABLE sluice.client (
    id                  text        PRIMARY KEY,
    secret_hash         text,
    secret_expires_at   timestamptz,
    previous_hash       text,
    previous_expires_at timestamptz,
    jwks                text,
    jwks_url            text,
    scopes              text[]      NOT NULL,
    groups              text[],
    kick_offs           integer,
    dumps               integer,
    requests            integer,
    created_at          timestamptz NOT NULL DEFAULT now(),
    expires_at          timestamptz
);

COMMENT ON TABLE sluice.client IS 'Clients that may use the API: with a secret, with public keys (SMART Backend Services), or with both';
COMMENT ON COLUMN sluice.client.previous_hash IS 'Hash of the secret before the last rotation, valid until previous_expires_at';
COMMENT ON COLUMN sluice.client.jwks IS 'Public keys as a JSON Web Key Set';
COMMENT ON COLUMN sluice.client.groups IS 'Ids of the only Groups that the client may export; NULL = no restriction';
COMMENT ON COLUMN sluice.client.kick_offs IS 'Maximum kick-offs per minute; NULL = the default, 0 = unlimited';
COMMENT ON COLUMN sluice.client.dumps IS 'Maximum dumps per minute; NULL = the default, 0 = unlimited';
COMMENT ON COLUMN sluice.client.requests IS 'Maximum requests per minute; NULL = SLUICE_CLIENT_REQUESTS_PER_MINUTE, 0 = unlimited';
COMMENT ON COLUMN sluice.client.expires_at IS 'When access ends; NULL = never';

CREATE TABLE sluice.client_change (
    id        bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at        timestamptz NOT NULL DEFAULT now(),
    client_id text        NOT NULL,
    action    text        NOT NULL,
    actor     text        NOT NULL,
    role      text        NOT NULL DEFAULT current_user,
    details   jsonb       NOT NULL DEFAULT '{}',
    stored_at timestamptz
);

COMMENT ON TABLE sluice.client_change IS 'History of the changes of clients; it outlives the clients';
COMMENT ON COLUMN sluice.client_change.actor IS 'Who made the change, as the command reported it';
COMMENT ON COLUMN sluice.client_change.role IS 'The database role that made the change';
COMMENT ON COLUMN sluice.client_change.details IS 'The new values of the client, by name';
COMMENT ON COLUMN sluice.client_change.stored_at IS 'When the change was stored as an AuditEvent';

CREATE INDEX client_change_client_id ON sluice.client_change (client_id, id);
CREATE INDEX client_change_unstored ON sluice.client_change (id) WHERE stored_at IS NULL;

CREATE TABLE sluice.token (
    hash       bytea       PRIMARY KEY,
    client_id  text        NOT NULL REFERENCES sluice.client ON DELETE CASCADE,
    scopes     text[]      NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);

COMMENT ON TABLE sluice.token IS 'Access tokens, by their SHA-256';

CREATE INDEX token_client_id ON sluice.token (client_id);
CREATE INDEX token_expires_at ON sluice.token (expires_at);

CREATE TABLE sluice.assertion (
    client_id  text        NOT NULL REFERENCES sluice.client ON DELETE CASCADE,
    jti        bytea       NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (client_id, jti)
);

COMMENT ON TABLE sluice.assertion IS 'Client assertions that were used, kept until they expire so that none is used twice';
COMMENT ON COLUMN sluice.assertion.jti IS 'SHA-256 of the assertion''s jti';

CREATE INDEX assertion_expires_at ON sluice.assertion (expires_at);

-- The location of the data ---------------------------------------------------------

CREATE TABLE sluice.location (
    only_row          boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    version           integer     NOT NULL DEFAULT 1,
    system_identifier text,
    database          text        NOT NULL,
    schema            text        NOT NULL,
    tables            text        NOT NULL DEFAULT '',
    endpoint          text        NOT NULL,
    bucket            text        NOT NULL,
    prefix            text        NOT NULL,
    recorded_at       timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE sluice.location IS 'The source and the bucket that all processes use. The first process records them; sluice location record replaces them';
COMMENT ON COLUMN sluice.location.version IS 'Number of locations recorded so far; work that was started at an older one is discarded';
COMMENT ON COLUMN sluice.location.system_identifier IS 'PostgreSQL''s identifier of the source server; NULL until a process may read it';
COMMENT ON COLUMN sluice.location.tables IS 'Configured tables of resource types, as in Observation=observation_main,observation_main_history';

-- Exports --------------------------------------------------------------------------

CREATE TYPE sluice.export_state AS ENUM ('accepted', 'running', 'completed', 'failed', 'cancelled', 'expired');

CREATE TABLE sluice.export (
    id                 uuid                PRIMARY KEY,
    client_id          text                NOT NULL,
    request            jsonb               NOT NULL,
    state              sluice.export_state NOT NULL DEFAULT 'accepted',

    -- The job and its lease.
    job_id             bigint              NOT NULL,
    attempt            integer             NOT NULL DEFAULT 0,
    lease_until        timestamptz,
    waiting_since      timestamptz,
    waiting_reason     text,

    -- The plan of the current generation.
    generation         integer             NOT NULL DEFAULT 0,
    location_version   integer,
    required_format    integer             NOT NULL DEFAULT 0,
    snapshot           text,
    transaction_time   timestamptz,
    members            text[],
    warnings           jsonb,

    -- Its progress.
    parts_total        integer             NOT NULL DEFAULT 0,
    parts_queued       integer             NOT NULL DEFAULT 0,
    parts_done         integer             NOT NULL DEFAULT 0,
    repairs            integer             NOT NULL DEFAULT 0,
    requeue_after      integer,
    bytes_planned      bigint              NOT NULL DEFAULT 0,
    bytes_done         bigint              NOT NULL DEFAULT 0,
    bytes_stored       bigint              NOT NULL DEFAULT 0,

    -- Its end.
    created_at         timestamptz         NOT NULL DEFAULT now(),
    finished_at        timestamptz,
    failure            text,
    expires_at         timestamptz,
    objects_deleted_at timestamptz,
    swept_at           timestamptz
);

COMMENT ON TABLE sluice.export IS 'One kick-off and its result. Clients poll this row, which outlives River''s jobs';
COMMENT ON COLUMN sluice.export.request IS 'What the kick-off asked for; once the export has ended, only what its status needs';
COMMENT ON COLUMN sluice.export.job_id IS 'The River job that carries the export';
COMMENT ON COLUMN sluice.export.attempt IS 'Number of times that a process took the export; only the last one may change it';
COMMENT ON COLUMN sluice.export.lease_until IS 'When the lease of the process that took the export expires';
COMMENT ON COLUMN sluice.export.waiting_since IS 'Since when the export waits for a database, the object store or a worker; NULL = it does not wait';
COMMENT ON COLUMN sluice.export.waiting_reason IS 'What it waits for, as clients read it';
COMMENT ON COLUMN sluice.export.generation IS '1, and one more for each restart from a new snapshot; each generation has parts of its own';
COMMENT ON COLUMN sluice.export.location_version IS 'The version of the location that this generation reads from and writes to';
COMMENT ON COLUMN sluice.export.required_format IS 'The version of the format of requests and plans that a process must support';
COMMENT ON COLUMN sluice.export.snapshot IS 'The name under which the holder has exported the snapshot';
COMMENT ON COLUMN sluice.export.members IS 'Ids of the patients whose resources are exported: the members of a small group as of the snapshot';
COMMENT ON COLUMN sluice.export.warnings IS 'What the plan found that the export lacks: a list of warnings for the client';
COMMENT ON COLUMN sluice.export.parts_queued IS 'Number of parts that have a job';
COMMENT ON COLUMN sluice.export.repairs IS 'Number of times that parts were reset because the object store lost or changed their files';
COMMENT ON COLUMN sluice.export.requeue_after IS 'After a repair, the highest number up to which all parts have a job. NULL = no repair: the parts with the lowest numbers have a job';
COMMENT ON COLUMN sluice.export.bytes_done IS 'Planned bytes of the parts that are done';
COMMENT ON COLUMN sluice.export.bytes_stored IS 'Bytes of its files in the bucket';
COMMENT ON COLUMN sluice.export.objects_deleted_at IS 'When its objects were deleted; until then the export counts as stored';
COMMENT ON COLUMN sluice.export.swept_at IS 'When the bucket was last searched for objects that crashes left; NULL again when an ended export expires or is cancelled';

-- For limits.
CREATE INDEX export_unfinished ON sluice.export (client_id) WHERE state IN ('accepted', 'running');

-- For limits of stored exports. It has no column that changes while an export runs;
-- otherwise each part that ends would write to the index.
CREATE INDEX export_stored ON sluice.export (client_id) WHERE objects_deleted_at IS NULL;

-- For expiry.
CREATE INDEX export_expires_at ON sluice.export (expires_at) WHERE state = 'completed';

-- For sweeping.
CREATE INDEX export_unswept ON sluice.export (finished_at) WHERE swept_at IS NULL;

CREATE TYPE sluice.part_state AS ENUM ('waiting', 'running', 'done');
CREATE TYPE sluice.part_kind AS ENUM ('resources', 'deletions', 'patient_blocks');

CREATE TABLE sluice.part (
    export_id     uuid              NOT NULL REFERENCES sluice.export ON DELETE CASCADE,
    number        integer           NOT NULL,
    generation    integer           NOT NULL,
    kind          sluice.part_kind  NOT NULL DEFAULT 'resources',
    resource_type text              NOT NULL,
    scan          jsonb             NOT NULL,
    object_key    text              NOT NULL,
    state         sluice.part_state NOT NULL DEFAULT 'waiting',
    job_id        bigint,
    attempt       integer           NOT NULL DEFAULT 0,
    lease_until   timestamptz,
    snapshot      text,
    bytes_planned bigint            NOT NULL,
    bytes_read    bigint            NOT NULL DEFAULT 0,
    PRIMARY KEY (export_id, number),
    UNIQUE (export_id, object_key)
);

COMMENT ON TABLE sluice.part IS 'A unit of an export that one job reads: page ranges of one table, what was deleted from it, or the blocks of some patients';
COMMENT ON COLUMN sluice.part.number IS 'Position in the plan, from 1; parts are queued in this order';
COMMENT ON COLUMN sluice.part.scan IS 'What to read, as the planner wrote it for the worker';
COMMENT ON COLUMN sluice.part.object_key IS 'Key of the part''s first file';
COMMENT ON COLUMN sluice.part.job_id IS 'The River job that reads the part; NULL until it is queued';
COMMENT ON COLUMN sluice.part.attempt IS 'Number of times that a process took the part; only the last one may change it';
COMMENT ON COLUMN sluice.part.lease_until IS 'When the lease of the process that took the part expires';
COMMENT ON COLUMN sluice.part.snapshot IS 'The name under which the part has exported the snapshot again; valid while the part runs, even if the holder has ended';

-- For reclaiming the parts of dead processes without reading all waiting parts.
CREATE INDEX part_queued ON sluice.part (export_id) WHERE job_id IS NOT NULL AND state <> 'done';

-- For the progress of an export.
CREATE INDEX part_running ON sluice.part (export_id) WHERE state = 'running';

CREATE TYPE sluice.file_kind AS ENUM ('output', 'deleted', 'outcome');

-- A foreign key to the export would make each part that ends lock the row that all
-- parts update. The row of a file that belongs to no part is deleted with its object.
CREATE TABLE sluice.file (
    export_id      uuid             NOT NULL,
    part_number    integer,
    number         integer          NOT NULL,
    kind           sluice.file_kind NOT NULL,
    resource_type  text             NOT NULL,
    object_key     text             NOT NULL,
    resources      bigint           NOT NULL,
    plain_bytes    bigint           NOT NULL,
    max_line_bytes bigint           NOT NULL,
    stored_bytes   bigint           NOT NULL,
    sha256         bytea            NOT NULL,
    etag           text             NOT NULL,
    continues      boolean          NOT NULL DEFAULT false,
    page           integer,
    PRIMARY KEY (export_id, object_key),
    UNIQUE (export_id, part_number, number),
    FOREIGN KEY (export_id, part_number) REFERENCES sluice.part (export_id, number) ON DELETE CASCADE
);

COMMENT ON TABLE sluice.file IS 'A published object of an export. A part has one file, several if one would be too large, or none';
COMMENT ON COLUMN sluice.file.part_number IS 'NULL for the file of the export''s warnings';
COMMENT ON COLUMN sluice.file.number IS 'Position in its part, from 1';
COMMENT ON COLUMN sluice.file.resource_type IS 'The type of its lines; empty if they have several types';
COMMENT ON COLUMN sluice.file.resources IS 'Number of resources, Bundles of deletions, or OperationOutcomes';
COMMENT ON COLUMN sluice.file.plain_bytes IS 'Size before compression';
COMMENT ON COLUMN sluice.file.max_line_bytes IS 'Length of the longest line without its line feed';
COMMENT ON COLUMN sluice.file.stored_bytes IS 'Size after compression';
COMMENT ON COLUMN sluice.file.sha256 IS 'Hash of the stored bytes';
COMMENT ON COLUMN sluice.file.etag IS 'ETag that the object store returned';
COMMENT ON COLUMN sluice.file.continues IS 'The last patient block continues in the next file of the part';
COMMENT ON COLUMN sluice.file.page IS 'Page of the manifest that lists the file (allowPartialManifests); NULL until one does';
