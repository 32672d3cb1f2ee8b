-- +goose Up

CREATE TYPE sluice.file_kind AS ENUM ('output', 'deleted', 'outcome');

-- An object that a part has written. A part has one, or several where one would
-- be too large, or none.
CREATE TABLE sluice.file (
    export_id     uuid             NOT NULL,
    part_number   integer          NOT NULL,
    -- In its part, from 1.
    place         integer          NOT NULL,
    kind          sluice.file_kind NOT NULL,
    -- Of its lines.
    resource_type text             NOT NULL,
    object_key    text             NOT NULL,
    -- Its lines: resources, Bundles of deletions, OperationOutcomes.
    resources     bigint           NOT NULL,
    -- Before and after compression. These, and the hash of the stored bytes, are
    -- not known of all files that an earlier version has written.
    plain_bytes   bigint,
    stored_bytes  bigint,
    sha256        bytea,
    PRIMARY KEY (export_id, part_number, place),
    UNIQUE (export_id, object_key),
    FOREIGN KEY (export_id, part_number) REFERENCES sluice.part (export_id, number) ON DELETE CASCADE
);

INSERT INTO sluice.file (export_id, part_number, place, kind, resource_type, object_key, resources, stored_bytes, sha256)
SELECT export_id, number, 1,
    CASE kind WHEN 'resources' THEN 'output' ELSE 'deleted' END::sluice.file_kind,
    CASE kind WHEN 'resources' THEN resource_type ELSE 'Bundle' END,
    object_key, resources, file_bytes, sha256
FROM sluice.part WHERE state = 'done' AND resources > 0;

INSERT INTO sluice.file (export_id, part_number, place, kind, resource_type, object_key, resources)
SELECT export_id, number, 2, 'outcome', 'OperationOutcome', outcomes_key, outcomes
FROM sluice.part WHERE state = 'done' AND outcomes > 0;

-- The key that is left is that of the part's first file.
ALTER TABLE sluice.part
    DROP COLUMN resources,
    DROP COLUMN file_bytes,
    DROP COLUMN sha256,
    DROP COLUMN outcomes,
    DROP COLUMN outcomes_key;
