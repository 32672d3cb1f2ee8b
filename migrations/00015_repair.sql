-- +goose Up

-- The ETag that the object store returned for the file.
ALTER TABLE sluice.file ADD COLUMN etag text NOT NULL DEFAULT '';

ALTER TABLE sluice.export
    -- How often parts were put back because the object store lost or changed their files.
    ADD COLUMN repairs       integer NOT NULL DEFAULT 0,
    -- Once parts were put back: all parts up to this number have a job. Before
    -- that, they are as many as were queued.
    ADD COLUMN requeue_after integer;
