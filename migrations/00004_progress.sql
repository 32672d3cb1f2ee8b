-- +goose NO TRANSACTION
-- +goose Up

-- What operators see of exports. Processes of the previous version may run meanwhile
-- and afterwards: they leave the new columns as they are, which are NULL or have a
-- default. Each statement is a transaction of its own, because processes lock parts and
-- exports in either order, and can be repeated.

ALTER TABLE sluice.part ADD COLUMN IF NOT EXISTS progress_at timestamptz;

COMMENT ON COLUMN sluice.part.progress_at IS 'When bytes of the part were last read; NULL if a process of an older version took it';

ALTER TABLE sluice.export
    ADD COLUMN IF NOT EXISTS started_at   timestamptz,
    ADD COLUMN IF NOT EXISTS snapshot_at  timestamptz,
    ADD COLUMN IF NOT EXISTS planned_at   timestamptz,
    ADD COLUMN IF NOT EXISTS progress_at  timestamptz,
    ADD COLUMN IF NOT EXISTS files_stored integer NOT NULL DEFAULT 0;

COMMENT ON COLUMN sluice.export.started_at IS 'When a process took the export for the first time';
COMMENT ON COLUMN sluice.export.snapshot_at IS 'When the current generation began; its snapshot is at most this old';
COMMENT ON COLUMN sluice.export.planned_at IS 'When the parts of the current generation were planned and reading began';
COMMENT ON COLUMN sluice.export.progress_at IS 'When the export was last planned, completed a part, or made progress without parts; running parts have a later time of their own';
COMMENT ON COLUMN sluice.export.files_stored IS 'Number of its files in the bucket';

UPDATE sluice.export e SET files_stored = (SELECT count(*) FROM sluice.file f WHERE f.export_id = e.id)
WHERE e.bytes_stored > 0;

-- For lists of exports, newest first. The indexes have no column that changes while an
-- export runs; otherwise each part that ends would write to them.
CREATE INDEX IF NOT EXISTS export_listed ON sluice.export (state, (coalesce(request->>'level', '')), created_at, id);
CREATE INDEX IF NOT EXISTS export_listed_client ON sluice.export (client_id, state, created_at, id);
