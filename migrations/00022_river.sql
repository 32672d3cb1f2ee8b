-- +goose Up

-- River's tables are in this schema now. Exports of before refer to jobs in another
-- schema, which no process works on: those that have not ended fail, and what they have
-- stored is swept.
DELETE FROM sluice.part p USING sluice.export e
WHERE e.id = p.export_id AND e.state IN ('accepted', 'running');

UPDATE sluice.export
SET state = 'failed', finished_at = now(), swept_at = NULL, failure = 'the server was upgraded; start the export again'
WHERE state IN ('accepted', 'running');

-- Their ids would be those of other jobs here.
UPDATE sluice.export SET job_id = 0;
UPDATE sluice.part SET job_id = 0 WHERE job_id IS NOT NULL;
