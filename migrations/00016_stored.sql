-- +goose Up

ALTER TABLE sluice.export
    -- The bytes of its files in the bucket.
    ADD COLUMN bytes_stored bigint NOT NULL DEFAULT 0,
    -- When its objects were removed after its end. An export of which there were
    -- none counts as stored until then, too.
    ADD COLUMN cleaned_at   timestamptz;

UPDATE sluice.export SET cleaned_at = finished_at WHERE state IN ('failed', 'cancelled', 'expired');
UPDATE sluice.export e SET bytes_stored = f.bytes
FROM (SELECT export_id, sum(coalesce(stored_bytes, 0)) AS bytes FROM sluice.file GROUP BY export_id) AS f
WHERE f.export_id = e.id AND e.cleaned_at IS NULL;

-- Limits count these. No column that changes while an export runs, or each part
-- that is done would write to the index.
CREATE INDEX export_stored ON sluice.export (client_id) WHERE cleaned_at IS NULL;
