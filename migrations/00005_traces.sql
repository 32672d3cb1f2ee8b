-- +goose NO TRANSACTION
-- +goose Up

-- The spans that the traces of an export's jobs are linked to, in the form of the header
-- traceparent (W3C Trace Context); NULL if they were not traced. Processes of the previous
-- version leave both as they are. The statement can be repeated.

ALTER TABLE sluice.export
    ADD COLUMN IF NOT EXISTS traceparent        text,
    ADD COLUMN IF NOT EXISTS holder_traceparent text;

COMMENT ON COLUMN sluice.export.traceparent IS 'Span of the kick-off';
COMMENT ON COLUMN sluice.export.holder_traceparent IS 'Span of the job that holds the export''s snapshot';
